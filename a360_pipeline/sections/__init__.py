"""One file per section: what it calls, what it may cost, what rows it yields, into which tables."""
