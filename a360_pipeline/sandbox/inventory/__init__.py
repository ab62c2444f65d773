"""Deliveries of S3 Inventory, as AWS makes them."""
