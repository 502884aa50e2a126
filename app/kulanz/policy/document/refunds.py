"""The table `[refund]` of a policy document: which payments go back, and who decides (plexo 3, 4, 8, 9, 11, 12, 14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kulanz.policy.calendar.time import Span
from kulanz.policy.document import reading as read


def _clause(channels: str) -> Any:
    return read.key(read.clause, channels, default="")


def _words(channels: str, kinder: str | None = None) -> Any:
    return read.key(read.words, channels, kinder, default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class DeveloperRules:
    """Developers: which companies made the products that follow their developer's policy (bitrix24)."""

    products: tuple[str, ...] = read.key(read.words, "stems of the names of their products", kinder=read.NEUTRAL)
    name: str = read.key(read.text, "what the developer is called")
    contact: str = read.key(read.text, "how to reach them: a mail address or a page")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRules:
    """Refunds: what a request for a refund is worth."""

    subscriptions: str = read.key(
        read.one_of("first_payment", "any_payment", "none"),
        "which payments of a subscription go back on request: the first of a customer's first paid subscription, "
        "every one, or none",
        kinder=("none", "first_payment", "any_payment"),
        default="none",
    )
    window: Span = read.key(
        read.span,
        "from that payment, how long it may be asked back; whole days end with the last day in the customer's zone",
        default=Span(days=30),
    )
    plans: tuple[str, ...] = read.key(
        read.names, "plans whose payments go back; empty: every plan; of others `otherwise` speaks", default=()
    )
    guarantee_clause: str = _clause("clause by which a subscription's payment goes back")
    excluded_clause: str = _clause("clause that excludes a second subscription and an account that was refunded before")
    renewal_clause: str = _clause("clause by which a renewal does not go back")
    upgrade_clause: str = _clause("clause by which the charge for a change of plan does not go back")
    window_clause: str = _clause("clause that a request after the window names")
    licences: str = read.key(
        read.one_of("unused", "any", "none"),
        "which on-premise licences go back: those neither activated nor deployed, every one, or none",
        kinder=("none", "unused", "any"),
        default="none",
    )
    licence_window: Span = read.key(
        read.span,
        "from the purchase, how long a licence may go back; whole days end with the last day",
        default=Span(days=30),
    )
    licence_clause: str = _clause("clause about licences")
    never: tuple[str, ...] = _words(
        "stems of products whose price never goes back: one in the product's name is enough; a plan is none", read.LESS
    )
    never_clause: str = _clause("clause about what never goes back")
    base_only: bool = read.key(
        read.flag,
        "whether tax and set-up fee stay: total less tax, set-up fee and what was refunded",
        kinder=(True, False),
        default=True,
    )
    amount_clause: str = _clause("clause about the amount; a payment of which nothing is left names it")
    exceptional: tuple[str, ...] = _words(
        "exceptional circumstances: where the reason has one of these stems, a person decides what would be refused",
        read.MORE,
    )
    exceptional_clause: str = _clause("clause about exceptional circumstances")
    moves: tuple[str, ...] = _words(
        "stems in a reason that tell of a move from cloud to on-premise: a person decides, and the amount is that of "
        "the days not used",
        read.MORE,
    )
    move_clause: str = _clause("clause about such a move")
    delegated: tuple[str, ...] = _words("stems of products that follow their developer's policy: a person decides")
    delegated_clause: str = _clause("clause about those")
    developers: tuple[DeveloperRules, ...] = read.tables(
        DeveloperRules, "developers whose products follow their own policy", default=()
    )
    review_above: int | None = read.key(
        read.amount, "minor units above which a person decides in any case", read.MORE, default=None
    )
    otherwise: str = read.key(
        read.one_of("review", "not_eligible"),
        "the answer where no rule above speaks of a payment",
        kinder=("not_eligible", "review"),
        default="review",
    )
    otherwise_clause: str = _clause("clause that this answer names")
    decide_within: int = read.key(read.count, "working days from the request to our answer", read.LESS, default=3)
    pay_within: int = read.key(
        read.count, "working days from the decision until the money is there", read.LESS, default=10
    )
    request_clause: str = _clause("clause about how a request is made, named when one is received")
    clause: str = _clause("clause about how a request is dealt with")
    method_clause: str = _clause("clause about the original payment method; a transfer needs a refund by hand")
    contact_before: Span = read.key(
        read.span,
        "before a chargeback, how long a request for that payment counts as contact: operators decide",
        default=Span(days=30),
    )
    statutory_withdrawal: int = read.key(
        read.count,
        "days of a consumer's statutory right of withdrawal, as stated in every answer; 0: none is stated",
        read.MORE,
        default=14,
    )
