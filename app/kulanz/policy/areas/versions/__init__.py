"""Versions of the policy: an account's own agreements, and what a more lenient version is applied to."""
