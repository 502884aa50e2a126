"""Serialisation of books, facts and effects to bytes and back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from kulanz.policy import effects, facts
from kulanz.policy.book import Book
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.effects import Effect
from kulanz.policy.facts import Fact
from kulanz.policy.state import Change

_BOOK = msgspec.msgpack.Decoder(Book)
_PACK = msgspec.msgpack.Encoder()
_JSON = msgspec.json.Encoder()
_FACTS: dict[str, msgspec.json.Decoder[Fact]] = {
    name: msgspec.json.Decoder(kind) for name, kind in facts.FACT_KINDS.items()
}
_EFFECTS: dict[str, msgspec.json.Decoder[Effect]] = {
    name: msgspec.json.Decoder(kind) for name, kind in effects.EFFECT_KINDS.items()
}


def pack_book(book: Book) -> bytes:
    """Return a book as compact bytes."""
    return _PACK.encode(book)


def unpack_book(packed: bytes) -> Book:
    """Return the book that was packed."""
    return _BOOK.decode(packed)


def encode(value: Fact | Effect) -> bytes:
    """Return a fact or an effect as JSON; its kind is kept beside it."""
    return _JSON.encode(value)


def read_fact(kind: str, written: bytes) -> Fact:
    """Return a recorded fact."""
    return _FACTS[kind].decode(written)


def read_effect(kind: str, written: bytes) -> Effect:
    """Return a recorded effect."""
    return _EFFECTS[kind].decode(written)


def change_document(change: Change) -> dict[str, Any]:
    """Return a change as recorded with its decision, ready for JSON."""
    detail = {
        name: rfc3339(value) if isinstance(value, datetime) else value
        for name, value in change.detail.items()
        if value is not None
    }
    return {
        "rule": change.rule,
        "clause": change.clause or None,
        "policy": f"{change.policy.name}@{change.policy.version}",
        "subject": change.subject,
        "detail": detail,
    }
