"""Plans that one order gives for good."""
