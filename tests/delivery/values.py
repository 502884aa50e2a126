"""An effect, an errand and the means, with the rest filled in: a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kulanz.delivery import Attempt, Channels
from kulanz.policy.effects import Notify, SendMail

NOON = datetime(2026, 3, 6, 12, tzinfo=UTC)


def an_attempt(**given: Any) -> Attempt:
    return Attempt(**{"account": "org_42", "decided_at": NOON, "now": NOON, **given})


def the_channels(**given: Any) -> Channels:
    return Channels(**{"clock": lambda: datetime.now(UTC), **given})


def callback(**given: Any) -> Notify:
    return Notify(**{"id": "ef_1", "type": "account.grace_started", "subject": "lemonsqueezy:1134999", **given})


def mail(**given: Any) -> SendMail:
    data = {"plan": "professional", "deadline": "2026-03-08T14:08:20Z", "amount_due": 1999, "currency": "EUR"}
    usual = {"id": "ef_2", "notice": "grace_warning", "subject": "lemonsqueezy:1134999", "step": 1, "locale": None}
    return SendMail(**{**usual, "to": "anna@example.com", "data": data, **given})
