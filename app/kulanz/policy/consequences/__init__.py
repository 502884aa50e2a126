"""Consequences of a new state: changes, their causes, effects and letters."""
