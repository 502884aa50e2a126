"""When there is something to do next by itself: a timer of the policy, or the end of what the law keeps."""

from datetime import datetime

from sqlalchemy.engine import Connection

from kulanz.store import archive, timers


def next_due(conn: Connection) -> datetime | None:
    """Return when the next one is due."""
    moments = (timers.next_due(conn), archive.next_due(conn))
    return min((moment for moment in moments if moment is not None), default=None)
