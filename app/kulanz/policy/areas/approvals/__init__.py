"""Exceptions that a second person has to approve before they count."""
