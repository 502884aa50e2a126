"""Processes received events: translates, decides, records, and dispatches the effects."""
