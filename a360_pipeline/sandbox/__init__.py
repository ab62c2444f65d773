"""AWS on a laptop: a stand-in for its APIs with a made-up organization, and a PostgreSQL."""
