"""The body of an event for operators: personal data is masked; each request to see it is recorded."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from kulanz.crypto import places
from kulanz.errors import UnreadableError
from kulanz.formats.messages import message
from kulanz.services import Services
from kulanz.store import accounts
from kulanz.store.database import Connection
from kulanz.store.inbox import Event
from kulanz.web.console.reading import reading

MASK = "•••"
PLAIN = re.compile(
    r"event_name|type|id|(?!(?:tax|vat)_id).*_id|status|.*_at|currency|test_mode|livemode|cancelled|mode|pause|billing_reason|billing_anchor"
    r"|(sub)?total|tax|fee|discount_total|setup_fee|amount|amount_\w+|refunded|refunded_amount|quantity|interval|count"
    r"|variant_name|product_name|status_formatted|is_first_order|fraudulent|activation_limit|instances_count|disabled"
)
"""Fields about the sale, not the buyer. All others are masked, so a new field is safe."""
OWN = frozenset({"custom_data", "metadata"})
"""The merchant's own fields: their names tell nothing."""


def shown(services: Services, conn: Connection, event: Event, *, plainly: bool) -> str:
    """Return the body as indented JSON, masked unless `plainly`; a sentence where it cannot be shown."""
    try:
        body = _opened(services, conn, event)
    except UnreadableError as error:
        return reading().reader.read(message("The content cannot be opened: {reason}.", reason=error.said))
    try:
        document = msgspec.json.decode(body)
        return msgspec.json.format(msgspec.json.encode(document if plainly else masked(document)), indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return (
            body.decode(errors="replace")
            if plainly
            else reading().reader.read(message("Not JSON: {number} bytes, hidden.", number=len(body)))
        )


def masked(value: Any, name: str = "") -> Any:
    """Return a document with every value masked that may be personal."""
    if isinstance(value, dict):
        return {key: masked(item, name if name in OWN else key) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, name) for item in value]
    plain = value is None or isinstance(value, bool) or PLAIN.fullmatch(name) is not None
    return value if plain and "@" not in str(value) else MASK


def _opened(services: Services, conn: Connection, event: Event) -> bytes:
    if services.vault.has_sealed(event.body):
        return services.vault.open(event.body, places.event(event.provider, event.delivery_key))
    key = accounts.data_key(conn, event.account) if event.account else None
    if key is None:
        raise UnreadableError(message("the account's key is gone, as after an erasure"))
    place = places.event(event.provider, event.delivery_key, event.account)
    return services.vault.data_key(key, str(event.account)).open(event.body, place)
