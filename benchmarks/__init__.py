"""Benchmarks: each compares the product with what a user could have used instead, in one run."""
