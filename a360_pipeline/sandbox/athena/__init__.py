"""What stands behind the sandbox's Athena: tables of the Glue catalogue, their files, and DuckDB, which asks them."""
