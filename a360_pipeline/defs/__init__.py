"""Dagster's view of the product, one file per domain: assets, checks, sensors, jobs and schedules."""
