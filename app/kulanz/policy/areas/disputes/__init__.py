"""Chargebacks, and payments that were refunded in full."""
