"""Kulanz. This package imports nothing, so that whoever imports `kulanz.policy` loads the policy alone."""
