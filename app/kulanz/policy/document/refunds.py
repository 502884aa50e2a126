"""The table `[refund]` of a policy document: which payments go back, and who decides (plexo 3, 4, 8, 9, 11, 12, 14)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kulanz.policy.calendar.time import Span
from kulanz.policy.document import reading as read


def _clause(channels: str) -> Any:
    return field(default="", metadata=read.key(read.clause, channels))


def _words(channels: str, kinder: str | None = None) -> Any:
    return field(default=(), metadata=read.key(read.words, channels, kinder))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeveloperRules:
    """Developers: which companies made the products that follow their developer's policy (bitrix24)."""

    products: tuple[str, ...] = field(
        metadata=read.key(read.words, "stems of the names of their products", kinder=read.NEUTRAL)
    )
    name: str = field(metadata=read.key(read.text, "what the developer is called"))
    contact: str = field(metadata=read.key(read.text, "how to reach them: a mail address or a page"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRules:
    """Refunds: what a request for a refund is worth."""

    subscriptions: str = field(
        default="none",
        metadata=read.key(
            read.one_of("first_payment", "any_payment", "none"),
            "which payments of a subscription go back on request: the first of a customer's first paid subscription, "
            "every one, or none",
            kinder=("none", "first_payment", "any_payment"),
        ),
    )
    window: Span = field(
        default=Span(days=30),
        metadata=read.key(
            read.span,
            "from that payment, how long it may be asked back; whole days end with the last day in the customer's zone",
        ),
    )
    plans: tuple[str, ...] = field(
        default=(),
        metadata=read.key(read.names, "plans whose payments go back; empty: every plan; of others `otherwise` speaks"),
    )
    guarantee_clause: str = _clause("clause by which a subscription's payment goes back")
    excluded_clause: str = _clause("clause that excludes a second subscription and an account that was refunded before")
    renewal_clause: str = _clause("clause by which a renewal does not go back")
    upgrade_clause: str = _clause("clause by which the charge for a change of plan does not go back")
    window_clause: str = _clause("clause that a request after the window names")
    licences: str = field(
        default="none",
        metadata=read.key(
            read.one_of("unused", "any", "none"),
            "which on-premise licences go back: those neither activated nor deployed, every one, or none",
            kinder=("none", "unused", "any"),
        ),
    )
    licence_window: Span = field(
        default=Span(days=30),
        metadata=read.key(
            read.span, "from the purchase, how long a licence may go back; whole days end with the last day"
        ),
    )
    licence_clause: str = _clause("clause about licences")
    never: tuple[str, ...] = _words(
        "stems of products whose price never goes back: one in the product's name is enough; a plan is none", read.LESS
    )
    never_clause: str = _clause("clause about what never goes back")
    base_only: bool = field(
        default=True,
        metadata=read.key(
            read.flag,
            "whether tax and set-up fee stay: total less tax, set-up fee and what was refunded",
            kinder=(True, False),
        ),
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
    developers: tuple[DeveloperRules, ...] = field(
        default=(), metadata=read.tables(DeveloperRules, "developers whose products follow their own policy")
    )
    review_above: int | None = field(
        default=None,
        metadata=read.key(read.amount, "minor units above which a person decides in any case", read.MORE),
    )
    otherwise: str = field(
        default="review",
        metadata=read.key(
            read.one_of("review", "not_eligible"),
            "the answer where no rule above speaks of a payment",
            kinder=("not_eligible", "review"),
        ),
    )
    otherwise_clause: str = _clause("clause that this answer names")
    decide_within: int = field(
        default=3, metadata=read.key(read.count, "working days from the request to our answer", read.LESS)
    )
    pay_within: int = field(
        default=10, metadata=read.key(read.count, "working days from the decision until the money is there", read.LESS)
    )
    request_clause: str = _clause("clause about how a request is made, named when one is received")
    clause: str = _clause("clause about how a request is dealt with")
    method_clause: str = _clause("clause about the original payment method; a transfer needs a refund by hand")
    contact_before: Span = field(
        default=Span(days=30),
        metadata=read.key(
            read.span, "before a chargeback, how long a request for that payment counts as contact: operators decide"
        ),
    )
    statutory_withdrawal: int = field(
        default=14,
        metadata=read.key(
            read.count,
            "days of a consumer's statutory right of withdrawal, as stated in every answer; 0: none is stated",
            read.MORE,
        ),
    )
