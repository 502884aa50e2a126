"""Reasons for an account's state, in sentences that a support person can read out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from kulanz.documents.standing import Link
from kulanz.formats.messages import Message, Money, message
from kulanz.policy.areas.lifetime import area as lifetime
from kulanz.policy.areas.subscriptions import twice
from kulanz.policy.book import Book
from kulanz.policy.state import Case, CaseState, Grant, Hold, Owner, State, Terms
from kulanz.queries.links import customer_named


def reasons(state: State, lifted: Iterable[tuple[Hold, datetime]] = ()) -> Iterator[Message]:
    """Yield the reasons for the account's present state, the most severe first; an exception lifts some holds."""
    for hold in state.holds:
        yield _hold(hold)
    for hold, until in lifted:
        yield message(
            "An operator's exception lifts a hold on {reach} until {until}: {why} ({source}). What caused it is open.",
            until=until,
            **_parts(hold),
        )
    for case in state.cases:
        if case.state is CaseState.GRACE:
            yield message(
                "Subscription {subscription} is unpaid; access stays on until {deadline}.",
                subscription=case.subscription,
                deadline=case.deadline,
            ).also(_CLAIM if case.claim else None)
        elif case.pursued and case.given_up:
            yield _debt(case, state)
    yield from (
        message("The purchase of the chargeback {chargeback} is another customer's.", chargeback=chargeback.key).also(
            _CLAIM
        )
        for chargeback in state.chargebacks
        if chargeback.claim and not chargeback.holds
    )
    yield from _rights(state)


_CLAIM = message("It is a stranger's claim and takes nothing from the account's own buyer.")


def _rights(state: State) -> Iterator[Message]:
    """Yield the account's plan and access, or those without a hold."""
    for grant in state.grants:
        yield _right(grant, held=state.holds_back(grant.subscription))
    for order, plan in state.lifetimes:
        yield message("The order {order} gives the plan {plan} for good.", order=order, plan=plan)
    if state.kept is not None:
        yield message(
            "The plan {plan} is kept until {until}: an earlier version gave it.",
            plan=state.plan,
            until=state.kept.until,
        )
    for booking in state.bookings:
        if booking.usable:
            yield message(
                "{quantity} of the add-on {kind}, billed until {billed_until}.",
                quantity=booking.quantity,
                kind=booking.kind,
                billed_until=booking.billed_until,
            )
    if not state.grants and not state.lifetimes:
        yield message("No subscription gives a plan, so the account is on the free plan.")


def _right(grant: Grant, *, held: bool) -> Message:
    found = _RIGHTS[held, grant.until is not None]
    return found.given(subscription=grant.subscription, what=_given(grant), until=grant.until)


_RIGHTS = {
    (False, False): message("Subscription {subscription} gives {what}."),
    (False, True): message("Subscription {subscription} gives {what} until {until}."),
    (True, False): message("Subscription {subscription} would give {what}; a hold takes it."),
    (True, True): message("Subscription {subscription} would give {what} until {until}; a hold takes it."),
}
"""By whether a hold takes it, and whether it has an end."""


def linked(links: Iterable[Link]) -> Iterator[Message]:
    """Yield the accounts whose purchases belong here by an operator's link."""
    for link in links:
        yield message(
            "By an operator's link of {linked_at}, what belonged to {account} belongs here: {objects}.",
            linked_at=link.linked_at,
            account=link.source,
            objects=list(link.objects),
        )


def could_be(account: str, other: str | None) -> Iterator[Message]:
    """Yield a possible move of the purchases here to the account that the customer names elsewhere."""
    if other is not None:
        yield message(
            "The same customer names {other}, too; `kulanz account link {account} {other}` moves what is here.",
            account=account,
            other=other,
        )


def paid_twice(state: State, now: datetime) -> Iterator[Message]:
    """Yield subscriptions that pay for the same plan as another one."""
    for key, _ in twice.alerts(state, now):
        yield message(
            "Subscription {subscription} pays for a plan that another subscription pays for, too: "
            "ask which one is to end.",
            subscription=key,
        )


def unnamed(account: str, book: Book, places: Sequence[str]) -> Iterator[Message]:
    """Yield the missing name if an account is named after a customer whose purchases named no account."""
    customer = customer_named(account, book)
    if customer is not None:
        yield message(
            "No purchase of this customer names an account: none has an id at {places}. {where}, or let "
            "KULANZ_ACCOUNT_FROM name the place where it stands. "
            "`kulanz account link {account} ID` moves what is here.",
            places=places,
            where=_PUT_THERE.get(customer.partition(":")[0], _CUSTOM_DATA),
            account=account,
        )


_CUSTOM_DATA = message("Put it into the custom data of the checkout")
_PUT_THERE = {
    "stripe": message("Put it into the subscription's metadata (`subscription_data.metadata` of a Checkout Session)"),
    "standard": message("Put it into the metadata of the checkout"),
}


def idle(book: Book, terms: Terms) -> Iterator[Message]:
    """Yield why single orders give no plan, and subscriptions with an unknown plan."""
    for key, sub in sorted(book.subscriptions.items()):
        if not sub.seen.names_items:
            yield message(
                "Subscription {subscription} gives no plan: the provider has not named the plan.",
                subscription=key,
            )
    for order, why in lifetime.idle(book, terms):
        seen = book.orders[order].seen
        yield message(
            "The order {order} gives no plan: {why}.",
            order=order,
            why=_IDLE[why].given(status=str(seen.status), product=seen.variant or _SOLD),
        )


_SOLD = message("what was sold")
_IDLE = {
    "refunded": message("it was refunded"),
    "disputed": message("it is disputed"),
    "unpaid": message("it is {status}"),
    "not_mapped": message("KULANZ_PLANS does not map {product} to a lifetime plan"),
}


def _given(grant: Grant) -> Message:
    """Return the plan of a subscription, with its quantity if that is not one."""
    if grant.add_on is None:
        one, several = message("the plan {name}"), message("the plan {name}, {times} times")
    else:
        one, several = message("the add-on {name}"), message("the add-on {name}, {times} times")
    return (one if grant.quantity == 1 else several).given(name=grant.add_on or grant.plan, times=grant.quantity)


def _debt(case: Case, state: State) -> Message:
    debt = state.debt(case.key)
    away = debt is not None and case.state is CaseState.IN_COLLECTIONS
    fees = debt.fees if debt else 0
    return _DEBTS[away, bool(fees)].given(
        subscription=case.subscription,
        due=_due(case),
        fees=Money(fees, case.currency, case.decimals),
        collection=debt.collection if debt else "",
    )


_DEBTS = {
    (False, False): message("Subscription {subscription} is given up; {due} is owed."),
    (False, True): message("Subscription {subscription} is given up; {due} and {fees} of fees is owed."),
    (True, False): message(
        "Subscription {subscription} is given up; {due} is with a collection agency ({collection})."
    ),
    (True, True): message(
        "Subscription {subscription} is given up; {due} and {fees} of fees is with a collection agency ({collection})."
    ),
}
"""By whether an agency has it, and whether there are fees."""


def _due(case: Case) -> Money:
    return Money(case.amount_due, case.currency, case.decimals)


def _hold(hold: Hold) -> Message:
    told = message("Hold on {reach} since {since}: {why} ({source}).", since=hold.since, **_parts(hold))
    return told.also(None if hold.counts else _CLAIM)


def _parts(hold: Hold) -> dict[str, Any]:
    return {
        "reach": _REACHES.get(hold.scope) or message("subscription {subscriptions}", subscriptions=hold.subscriptions),
        "why": _OWNERS.get(hold.owner, str(hold.owner)),
        "source": hold.source,
    }


_REACHES = {"account": message("the whole account"), "licence": message("the licence")}
_OWNERS = {
    Owner.DUNNING: message("unpaid after the end of grace"),
    Owner.DISPUTE: message("a chargeback"),
    Owner.OPERATOR: message("an operator's suspension"),
    Owner.REFUND: message("its payment went back in full"),
}
