"""The price of a change of plan and the time it begins to count (plexo 5.1, 5.2): computed, never charged by us."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kulanz.errors import InvalidInputError, NotFoundError, RefusedError
from kulanz.policy.areas import periods
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Order
from kulanz.policy.calendar.pro_rata import rounded, share_left
from kulanz.policy.calendar.time import days_between
from kulanz.policy.state import FREE, Grant, State
from kulanz.policy.state.terms import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The wanted plan."""

    plan: str
    price: int | None = None
    """For a whole period of the new plan, in minor units without taxes; None: taken from an order of the account."""
    currency: str | None = None
    """Of the price; None: that of the subscription."""
    subscription: str | None = None
    """The provider's id; None: the one that gives the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The result of a change of plan; amounts in minor units, without taxes."""

    subscription: str | None
    from_plan: str
    to_plan: str
    kind: str
    """`upgrade`, `downgrade` or `none`."""
    takes_effect_at: datetime
    period_ends_at: datetime | None
    term_months: int | None
    days_left: int | None
    days_of_period: int | None
    price_now: int | None
    price_then: int | None
    amount: int | None
    """What the change charges; None where a price is not known. Nothing is ever paid back."""
    currency: str | None
    clause: str


def quote(wanted: Wanted, state: State, book: Book, moment: Moment) -> Quote:
    """Return the charge of a change of plan and the time from which it counts; raise if that is unknown."""
    _check(wanted, moment)
    base = _base(wanted, state, moment)
    return _from_nothing(wanted, book, moment) if base is None else _from_plan(wanted, base, book, moment)


def _from_nothing(wanted: Wanted, book: Book, moment: Moment) -> Quote:
    """Return the purchase of a first plan: its price for a whole period."""
    price, currency = _price_of(wanted, book, moment)
    return Quote(
        subscription=None,
        from_plan=FREE,
        to_plan=wanted.plan,
        kind="none" if wanted.plan == FREE else "upgrade",
        takes_effect_at=moment.at,
        period_ends_at=None,
        term_months=None,
        days_left=None,
        days_of_period=None,
        price_now=0,
        price_then=price,
        amount=price,
        currency=currency,
        clause=moment.terms.at(moment.at).plan_change.upgrade_clause,
    )


def _from_plan(wanted: Wanted, base: Grant, book: Book, moment: Moment) -> Quote:
    rules, zone = moment.terms.at(moment.at).plan_change, moment.zone
    rank = moment.terms.catalogue.rank
    began = periods.began(base.subscription, book, moment.at)
    ends = base.until or periods.ends(base.subscription, book, zone)
    now, currency = _paid_price(base.subscription, book)
    then, priced_in = _price_of(wanted, book, moment)
    if None not in {currency, priced_in} and currency != priced_in:
        raise InvalidInputError(f"currency: the subscription is billed in {currency}")
    raised, same = rank(wanted.plan) > rank(base.plan), wanted.plan == base.plan
    at_once = raised or same or rules.downgrade == "at_once"
    amount: int | None = 0
    if raised:
        is_known = now is not None and then is not None and began is not None and ends is not None
        amount = _difference(now, then, began, ends, moment) if is_known else None
    return Quote(
        subscription=base.subscription,
        from_plan=base.plan,
        to_plan=wanted.plan,
        kind="none" if same else "upgrade" if raised else "downgrade",
        takes_effect_at=moment.at if at_once or ends is None else ends,
        period_ends_at=ends,
        term_months=periods.term(base.subscription, book, zone, moment.terms.at(moment.at).prepaid.terms),
        days_left=days_between(moment.at, ends, zone) if ends else None,
        days_of_period=days_between(began, ends, zone) if began and ends else None,
        price_now=now,
        price_then=then,
        amount=amount,
        currency=currency or priced_in,
        clause=rules.upgrade_clause if raised else rules.downgrade_clause,
    )


def _difference(
    now: int | None, then: int | None, began: datetime | None, ends: datetime | None, moment: Moment
) -> int | None:
    """Return the dearer plan's part of the days left, less what is paid for them already; never below 0."""
    if now is None or then is None or began is None or ends is None:
        return None
    return rounded(max(then - now, 0) * share_left(moment.at, began, ends, moment.zone))


def _check(wanted: Wanted, moment: Moment) -> None:
    existing = {FREE, *moment.terms.catalogue.order}
    if wanted.plan not in existing:
        raise InvalidInputError(f"to: expected one of {', '.join(sorted(existing))}")
    if wanted.price is not None and wanted.price < 0:
        raise InvalidInputError("price: not less than 0")


def _base(wanted: Wanted, state: State, moment: Moment) -> Grant | None:
    given = [grant for grant in state.grants if grant.add_on is None]
    requested = wanted.subscription
    if requested is not None:
        given = [grant for grant in given if requested in {grant.subscription, grant.subscription.partition(":")[2]}]
        if not given:
            raise NotFoundError(f"no running subscription {requested!r}")
    held = {key for hold in state.holds for key in hold.subscriptions}
    best = max(given, key=lambda grant: (moment.terms.catalogue.rank(grant.plan), grant.subscription), default=None)
    if best is not None and best.subscription in held:
        raise RefusedError("the subscription is on hold: what is owed comes first")
    return best


def _paid_price(subscription: str, book: Book) -> tuple[int | None, str | None]:
    """Return the last charge for a period, without taxes, by its invoice or by the order that it began with."""
    paid = [invoice for invoice in periods.regular_invoices(subscription, book) if invoice.paid]
    if paid:
        seen = paid[-1].seen
        return max(seen.total - seen.tax, 0), seen.currency
    order = book.orders.get(book.subscriptions[subscription].seen.order or "")
    return (None, None) if order is None else (_base_amount(order), order.seen.currency)


def _price_of(wanted: Wanted, book: Book, moment: Moment) -> tuple[int | None, str | None]:
    """Return the price of the wanted plan: as given, or that of the account's newest order of that plan."""
    if wanted.plan == FREE:
        return 0, None
    if wanted.price is not None:
        return wanted.price, wanted.currency
    variants = moment.terms.catalogue.variants
    orders = [order for order in book.orders.values() if variants.get(order.seen.variant or "") == wanted.plan]
    newest = max(orders, key=lambda order: (order.seen.stamp, order.seen.key), default=None)
    return (None, None) if newest is None else (_base_amount(newest), newest.seen.currency)


def _base_amount(order: Order) -> int:
    seen = order.seen
    return max(seen.total - seen.tax - seen.setup_fee, 0)
