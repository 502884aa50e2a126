"""Contacts with the merchant's staff: they are recorded, and count before a chargeback."""
