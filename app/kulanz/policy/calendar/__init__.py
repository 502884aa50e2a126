"""Time zones, working days and shares of a period."""
