"""Structured logs of long-running processes: one line per event on standard error, names and fields."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

QUIET = ("rq.worker", "rq.queue", "rq.job", "rq.registry")
"""Loggers that would write arguments and tracebacks; their essentials are logged under our own names."""

_WORD = re.compile(r"[\w.,:;@/+*()<>-]*")
"""Characters that need no quotes."""


class Log:
    """Writes events as logfmt or as JSON: a dotted name, then fields; a field that is None is left out.

    `cause` is the one field that leads from a delivery to a mail: the id of the event that a line follows from.
    """

    part = "none"
    """The part of Kulanz in this process, such as the worker."""
    as_json = False

    def info(self, event: str, **fields: object) -> None:
        """Log a normal event."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log a fault that is retried or ends without a person."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Log what an operator must look at."""
        self._write("error", event, fields)

    def critical(self, event: str, **fields: object) -> None:
        """Log a fault of our own."""
        self._write("critical", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        head = {"timestamp": at, "level": level, "part": self.part, "event": event}
        text = _line(head, fields, as_json=self.as_json)
        try:
            sys.stderr.write(text + "\n")  # In one piece, so that threads do not cut each other's lines.
        except OSError:  # A log that cannot be written must not stop the work.
            return


log = Log()


def configure(part: str, *, as_json: bool = False) -> None:
    """Mark our events with their part of Kulanz, and write the warnings of libraries in the same form."""
    log.part, log.as_json = part, as_json
    handler = logging.StreamHandler()
    handler.setFormatter(_LibraryFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _LibraryFormatter(logging.Formatter):
    """Writes a library's records as lines of ours."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        head = {"timestamp": at, "level": record.levelname.lower(), "part": log.part}
        return _line(head, {"event": record.name, "detail": record.getMessage()}, as_json=log.as_json)


def _line(head: Mapping[str, str], fields: Mapping[str, object], *, as_json: bool) -> str:
    """Return a line of our own words, and of fields with any content."""
    if as_json:
        return json.dumps({**head, **{name: value for name, value in fields.items() if value is not None}}, default=str)
    words = [f"{name}={word}" for name, word in head.items()]
    words += [f"{name}={_shown(value)}" for name, value in fields.items() if value is not None]
    return " ".join(words)


def _shown(value: object) -> str:
    """Write a value as one word, or in quotes if it has spaces, quotes or line ends."""
    text = value if type(value) is str else str(value).lower() if isinstance(value, bool) else str(value)
    return text if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=not text.isprintable())
