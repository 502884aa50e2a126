"""How a process that runs for long says what happens: one line per event on standard error, names and fields."""

from __future__ import annotations

import logging
import sys

import structlog

QUIET = ("rq.worker", "rq.queue", "rq.job", "rq.registry")
"""Loggers that would write arguments and tracebacks; what matters of them is logged under our own names."""


def configure(part: str) -> None:
    """Send our events, and what libraries warn of, to standard error, each marked with the part that says it."""
    structlog.configure(
        processors=[
            lambda _, __, fields: {"part": part, **fields},
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "part", "event"], drop_missing=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, format=f"level=%(levelname)s part={part} event=%(name)s %(message)s")
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
