"""Case tables: what a policy does to one customer, told line by line in sentences and played as pure decisions."""
