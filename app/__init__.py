"""Kulanz. This package imports nothing, so that whoever imports `app.policy` loads the policy alone."""
