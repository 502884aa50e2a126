"""Retention, erasure, key rotation, backup, and the verification of the ledger."""
