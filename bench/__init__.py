"""Measurements of the speed goals: each figure beside its reference, both in the same session, in turns."""
