"""Stripe's words: its signature, its events, and what they mean in ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import time

from app.providers import timed_signing
from app.providers.stripe.envelope import decode, glance
from app.providers.stripe.routing import route
from app.providers.stripe.subscriptions import looked_up
from app.providers.stripe.translation import translate

__all__ = ["decode", "glance", "looked_up", "route", "translate", "verify"]


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes]) -> int | None:
    """Return which secret signed the body, at a time that is near."""
    return timed_signing.stripe(timed_signing.header(headers, "stripe-signature"), body, secrets, now=time())
