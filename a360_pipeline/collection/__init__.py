"""Collecting: every section of every account and region, and an honest word about each."""
