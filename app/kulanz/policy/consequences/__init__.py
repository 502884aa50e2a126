"""What follows from a new state: changes, their causes, effects and letters."""
