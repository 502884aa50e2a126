"""The reach of an act that takes something from an account: no further than what was bought."""
