"""A harvest: what it makes, how it waits, advances and ends, and that nothing of it is left."""
