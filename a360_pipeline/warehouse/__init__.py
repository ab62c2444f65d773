"""The warehouse in PostgreSQL: tables from their declarations, views, loading, ledgers."""
