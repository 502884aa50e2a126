"""Refunds and licences: the verdict on a request, the decision, and the consequences of the money's return."""
