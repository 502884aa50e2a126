"""Runs a request once for each `Idempotency-Key` and stores its encrypted response for repeats."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from kulanz.crypto import places
from kulanz.documents.shape import Document
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import idempotency
from kulanz.store.database import Connection

StoreResponse = Callable[[Connection, Document], None]
"""Stores the response to a request within the transaction that carries it out."""


def forgotten(_: Connection, __: Document) -> None:
    """Store nothing: the request has no `Idempotency-Key`."""


def once(
    services: Services, *, actor: str, key: str, request: bytes, act: Callable[[StoreResponse], Document]
) -> tuple[Document | msgspec.Raw, bool]:
    """Return what `act` makes, or made for the same key of the same actor, and whether it is a repeat.

    `act` stores its response in the transaction that does what was asked, so nothing is done twice. InvalidInputError
    for the same key with another request, RefusedError while the first is still running.
    """
    database, vault = services.database, services.vault
    with database.write() as tx:
        stored = idempotency.begin(tx, actor, key, request, real_now())
    if stored is not None:
        return msgspec.Raw(vault.open(stored.document, places.answer(actor, key))), True

    def keep(tx: Connection, document: Document) -> None:
        sealed = vault.seal(msgspec.json.encode(document), places.answer(actor, key))
        answer = idempotency.StoredResponse(status=201, document=sealed)
        idempotency.finish(tx, actor, key, answer)

    try:
        return act(keep), False
    except Exception:
        with database.write() as tx:
            idempotency.forget(tx, actor, key)
        raise
