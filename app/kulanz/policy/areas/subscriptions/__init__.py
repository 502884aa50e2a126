"""Grants of subscriptions: trials, cancellations, pauses, changes of plan."""
