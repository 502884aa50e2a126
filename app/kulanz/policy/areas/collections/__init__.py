"""Debts that are pursued: transfers recorded by hand, dunning levels, hand-over to a collection agency."""
