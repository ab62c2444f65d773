"""S3 Inventory: deliveries verified and consolidated, a table, queries, the roll-up, and the harvest around them."""
