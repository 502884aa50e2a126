"""Closure and retention: when an organisation's data are deleted, and how long which records stay."""
