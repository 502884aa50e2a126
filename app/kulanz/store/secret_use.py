"""The last use of each webhook secret, so that taking one away is no guess."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kulanz.store import shared_values
from kulanz.store.database import Connection

_MARK = "webhook_secrets"


def note(tx: Connection, used: Mapping[str, datetime]) -> None:
    """Keep when secrets were used, by their fingerprints; an earlier moment changes nothing."""
    if not used:
        return
    existing = last(tx)
    later = {name: at for name, at in used.items() if name not in existing or existing[name] < at}
    if later:
        shared_values.put(tx, _MARK, {name: at.isoformat() for name, at in {**existing, **later}.items()})


def last(conn: Connection) -> dict[str, datetime]:
    """Return when each secret was last used, by its fingerprint; those that are configured no longer are among them."""
    stated: Any = shared_values.get(conn, _MARK) or {}
    return {name: datetime.fromisoformat(at) for name, at in stated.items()}
