"""Operators' exceptions to the policy."""
