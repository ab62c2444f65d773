"""Harvests, against the sandbox and a PostgreSQL."""
