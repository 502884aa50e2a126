"""Stopping renewals at the provider, and resuming them."""
