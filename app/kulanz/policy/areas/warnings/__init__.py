"""Warnings of chargebacks, told before there is a dispute."""
