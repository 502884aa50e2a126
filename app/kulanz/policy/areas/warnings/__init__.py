"""Warnings of chargebacks, sent before there is a dispute."""
