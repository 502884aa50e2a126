"""Tunes the garbage collector: freezes everything loaded at start-up, collects the rest less often."""

from __future__ import annotations

import gc

_THRESHOLDS = (20_000, 20, 20)
"""Collection thresholds: nearly all our objects are freed by reference counting."""


def freeze_loaded() -> None:
    """Leave all that is loaded by now out of garbage collection, for good. Call it once, when a process is set up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
