"""Lemon Squeezy's vocabulary: its signature, its events, and their meaning in ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kulanz.providers import signing
from kulanz.providers.lemonsqueezy.answers import looked_up
from kulanz.providers.lemonsqueezy.envelope import decode, peek
from kulanz.providers.lemonsqueezy.routing import route
from kulanz.providers.lemonsqueezy.translation import translate
from kulanz.providers.lemonsqueezy.vocabulary import MAY_SETTLE

__all__ = ["decode", "looked_up", "may_settle", "peek", "route", "translate", "verify"]

_HEADER = "X-Signature"


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes]) -> int | None:
    """Return the secret that signed the body; header names are read in any case."""
    text = headers.get(_HEADER)
    if text is None:
        text = next((value for name, value in headers.items() if name.lower() == _HEADER.lower()), None)
    return signing.lemonsqueezy(text, body, secrets)


def may_settle(name: str) -> bool:
    """Whether an event of this name can report that a renewal was paid, or is no longer owed."""
    return name in MAY_SETTLE
