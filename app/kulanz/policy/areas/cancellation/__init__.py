"""Cancellations by notice to staff or a partner: the customer's will, carried out at the provider."""
