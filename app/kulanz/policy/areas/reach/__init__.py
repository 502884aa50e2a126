"""How far an act reaches that takes something from an account: no further than what was bought."""
