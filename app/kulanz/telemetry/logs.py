"""Structured logs of long-running processes: one line per event on standard error, names and fields."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime

QUIET = ("rq.worker", "rq.queue", "rq.job", "rq.registry")
"""Loggers that would write arguments and tracebacks; what matters of them is logged under our own names."""

_WORD = re.compile(r"[\w.,:;@/+*()<>-]*")
"""What needs no quotes."""


class Log:
    """Writes events as logfmt: a dotted name, then fields; a field that is None is left out."""

    part = "none"
    """The part of Kulanz that this process is."""

    def info(self, event: str, **fields: object) -> None:
        """Note what is as it should be."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Note what cures itself, or will be tried again."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Note what somebody must look at."""
        self._write("error", event, fields)

    def critical(self, event: str, **fields: object) -> None:
        """Note a fault of our own."""
        self._write("critical", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        head = f"timestamp={at} level={level} part={self.part} event={event}"
        text = " ".join([head, *(f"{name}={_shown(value)}" for name, value in fields.items() if value is not None)])
        with suppress(OSError):  # Nobody's work ends because nobody can read of it.
            sys.stderr.write(text + "\n")  # In one piece, so that threads do not cut each other's lines.


log = Log()


def configure(part: str) -> None:
    """Mark our events with the part that says them, and let libraries say what they warn of."""
    log.part = part
    logging.basicConfig(level=logging.WARNING, format=f"level=%(levelname)s part={part} event=%(name)s %(message)s")
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _shown(value: object) -> str:
    """Write a value as one word, or in quotes where it has spaces, quotes or what would end the line."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=not text.isprintable())
