"""Prepaid credit: it has no cash value, is blocked while there is no access, and forfeited only with its end."""
