"""Reads the question that `GET /v1/accounts/<id>/plan-change` is asked in its query."""

from __future__ import annotations

from collections.abc import Mapping

from app.policy.plan_change import Wanted
from app.web.forms import LARGEST
from app.web.problems import BadRequestError

PARAMETERS = ("to", "price", "currency", "subscription_id")


def wanted(asked: Mapping[str, str]) -> Wanted:
    """Return the plan that somebody asks about; BadRequestError for what cannot be understood."""
    plan = asked.get("to", "")
    if not plan or not plan.isprintable():
        raise BadRequestError("`to` is the name of a plan.")
    currency = asked.get("currency")
    if currency is not None and not (len(currency) == len("EUR") and currency.isascii() and currency.isupper()):
        raise BadRequestError("`currency` is a code of ISO 4217.")
    return Wanted(
        plan=plan, price=_amount(asked.get("price")), currency=currency, subscription=asked.get("subscription_id")
    )


def _amount(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST)) and int(text) <= LARGEST):
        raise BadRequestError("`price` is an amount in minor units.")
    return int(text)
