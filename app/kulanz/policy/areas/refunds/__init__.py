"""Refunds and licences: what a request is worth, who decides, and what follows once the money is back."""
