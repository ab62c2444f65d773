"""What a person reads, from query results alone."""
