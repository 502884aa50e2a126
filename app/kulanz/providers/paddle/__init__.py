"""Paddle Billing's vocabulary: its signature, its events, and their meaning in ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import time

from kulanz.providers import timed_signing
from kulanz.providers.paddle.envelope import decode, peek
from kulanz.providers.paddle.routing import route
from kulanz.providers.paddle.subscriptions import looked_up
from kulanz.providers.paddle.translation import translate
from kulanz.providers.paddle.vocabulary import MAY_SETTLE

__all__ = ["decode", "looked_up", "may_settle", "peek", "route", "translate", "verify"]


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes]) -> int | None:
    """Return the secret that signed the body, within the tolerance of time."""
    return timed_signing.paddle(timed_signing.header(headers, "paddle-signature"), body, secrets, now=time())


def may_settle(name: str) -> bool:
    """Whether an event of this name can report that a renewal was paid, or is no longer owed."""
    return name in MAY_SETTLE
