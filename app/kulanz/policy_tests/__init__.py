"""Case tables: what a policy does to one customer, written line by line in sentences and played as pure decisions."""
