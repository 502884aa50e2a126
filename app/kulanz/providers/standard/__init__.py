"""Vocabulary of senders of Standard Webhooks: one signature for all, and the events of Polar and of Dodo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import time

from kulanz.providers import timed_signing
from kulanz.providers.standard.envelope import decode, peek
from kulanz.providers.standard.routing import route
from kulanz.providers.standard.translation import translate
from kulanz.providers.standard.vocabulary import MAY_SETTLE

__all__ = ["decode", "may_settle", "peek", "route", "translate", "verify"]


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes]) -> int | None:
    """Return the secret that signed the body, within the tolerance of time."""
    return timed_signing.standard(headers, body, secrets, now=time())


def may_settle(name: str) -> bool:
    """Whether an event of this name can report that a renewal was paid, or is no longer owed."""
    return name in MAY_SETTLE
