"""Links of mails to the page of one unpaid renewal: a random token of each attempt, stored as its hash alone.

A recorded mail has a placeholder in place of the token, so neither records nor evidence open the page.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus

from msgspec.structs import replace as evolve

from kulanz.delivery.provider import PaymentPages
from kulanz.errors import FarEndError
from kulanz.policy.effects import Effect, SendMail, Words
from kulanz.providers.standard.sender import sender_of
from kulanz.providers.standard.vocabulary import PROVIDER as STANDARD
from kulanz.telemetry.logs import log

PATH = "/pay/"
PLACE = "the-token-is-not-kept"
"""Placeholder of the token in recorded texts."""
NOTICES = frozenset({"grace_started", "grace_reminder", "grace_warning", "downgraded", "dunning_level"})
"""Mails about a renewal that is not paid: their subject is its case."""
_NO_PAGE = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.GONE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Answers of a provider that has no page for this purchase: an unknown customer, a subscription billed by hand."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_PLACED = f"{PATH}{PLACE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """The token of one attempt, and its hash for the look-up."""

    token: str = field(repr=False)
    digest: bytes


def place_of(notice: str, public_url: str | None) -> str | None:
    """Return the link of a notice with the placeholder; None where it has no page of its own."""
    return f"{public_url}{_PLACED}" if public_url and notice in NOTICES else None


def new_link(effect: Effect) -> NewLink | None:
    """Make the token of an attempt to send a mail with a link."""
    words = effect.words if isinstance(effect, SendMail) and effect.notice in NOTICES else None
    if words is None or not (_PLACED in words.text or _PLACED in words.html):
        return None
    token = secrets.token_urlsafe(32)
    return NewLink(token=token, digest=_hashed(token))


def filled(words: Words, token: str) -> Words:
    """Return the text as sent."""
    text, html = (part.replace(_PLACED, f"{PATH}{token}") for part in (words.text, words.html))
    return evolve(words, text=text, html=html)


def digest_of(token: str) -> bytes | None:
    """Return the hash of a token; None for a text that is none."""
    return _hashed(token) if _TOKEN.fullmatch(token) else None


def payment_page(
    clients: Mapping[str, PaymentPages], subscription: str, invoice: str | None, customer: str
) -> str | None:
    """Ask the provider for a fresh payment page; None where it has none, or we have no key for its API."""
    provider, own_id = _own(subscription)
    own_customer = _own(customer)[1]
    client = clients.get(sender_of(own_customer) if provider == STANDARD else provider)
    if client is None:
        return None
    try:
        page = client.payment_page(own_id, _own(invoice)[1] if invoice else None, own_customer)
    except FarEndError as error:
        if error.answer not in _NO_PAGE:
            raise
        log.warning("pay.no_page", detail=error.detail)
        return None
    # Without TLS only where the API has none either, as in a test.
    is_safe = page is not None and (page.startswith("https://") or client.api_url.startswith("http://"))
    return page if is_safe else None


def _own(key: str) -> tuple[str, str]:
    """Return the provider of a key and the provider's own id."""
    provider, _, own_id = key.partition(":")
    return provider, own_id


def _hashed(token: str) -> bytes:
    return sha256(token.encode()).digest()
