"""Engines that answer SQL over the consolidated inventory: it is written once, in Trino's dialect."""
