"""Kulanz. This package imports nothing, so that an import of `kulanz.policy` loads the policy alone."""
