"""Export of events as files without personal data, in the order of their arrival."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from kulanz.errors import KulanzError, NotFoundError
from kulanz.privacy.anonymising import Anonymiser
from kulanz.processing.events import decrypted_body
from kulanz.services import Services
from kulanz.store import accounts, inbox
from kulanz.store.inbox import Event

_NO_FILE_NAME = re.compile(r"[^a-z0-9_.]+")


@dataclass(frozen=True, slots=True)
class Exported:
    """The files of an export by their names, and how many events have no content any more."""

    files: Mapping[str, bytes]
    left_out: int


def of_account(services: Services, account: str) -> Sequence[Event]:
    """Return the events of an account, those that are not applied yet too."""
    with services.database.read() as conn:
        row = accounts.answering(conn, account)
        if row is None:
            raise NotFoundError(f"no account {account!r}")
        found = {event.id: event for event in (*inbox.of_account(conn, row.id), *inbox.unapplied_of(conn, row.id))}
    return [event for _, event in sorted(found.items())]


def anonymised(services: Services, events: Iterable[Event]) -> Exported:
    """Return events with every personal value replaced; equal values get equal replacements."""
    anonymiser, left_out = Anonymiser(services.account_naming), 0
    files: dict[str, bytes] = {}
    with services.database.read() as conn:
        for event in sorted(events, key=lambda event: event.id):
            try:
                payload = services.providers[event.provider].decode(decrypted_body(services, conn, event))
            except KulanzError:
                left_out += 1
                continue
            name = _NO_FILE_NAME.sub("_", event.name.lower())
            number = len(files) + 1
            files[f"{number:04}-{event.provider}-{name}.json"] = msgspec.json.encode(anonymiser.payload(payload))
    return Exported(files, left_out)
