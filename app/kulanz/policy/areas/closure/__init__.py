"""Closure and retention: when an organisation's data go, and how long which records stay."""
