"""Dagster's view of the product, one file per domain: assets, checks, sensors, jobs and schedules."""

import warnings

import dagster as dg

# Backfills of ranges are measured to be what makes 1,500 accounts affordable; Dagster calls them beta.
warnings.filterwarnings("ignore", message=".*backfill_policy", category=dg.BetaWarning)
