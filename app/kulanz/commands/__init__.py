"""What people order: commands, what each means in facts, and why it may be refused."""
