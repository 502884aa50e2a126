"""Why an account stands as it does and what would change it, in sentences that a support person can read out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from kulanz.formats.money import plain as money
from kulanz.policy.areas.lifetime import area as lifetime
from kulanz.policy.areas.subscriptions import twice
from kulanz.policy.book import Book
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.facts import Status, SubscriptionSeen
from kulanz.policy.state import Case, CaseState, Chargeback, ChargebackWarning, Grant, Hold, Owner, State, Terms
from kulanz.policy.state.closure import ClosureCase
from kulanz.queries.links import customer_named


def reasons(state: State) -> Iterator[str]:
    """Yield why the account stands as it does now, the gravest first."""
    for hold in state.holds:
        yield _hold(hold)
    for case in state.cases:
        if case.state is CaseState.GRACE:
            claim = _CLAIM if case.claim else ""
            yield f"Subscription {case.subscription} is unpaid; access stays on until {rfc3339(case.deadline)}.{claim}"
        elif case.pursued and case.given_up:
            yield _debt(case, state)
    yield from (
        f"The purchase of the chargeback {chargeback.key} is another customer's.{_CLAIM}"
        for chargeback in state.chargebacks
        if chargeback.claim and not chargeback.holds
    )
    yield from _rights(state)


_CLAIM = " It is a stranger's claim and takes nothing from the account's own buyer."


def _rights(state: State) -> Iterator[str]:
    """Yield what the account has, or would have without a hold."""
    for grant in state.grants:
        until = f" until {rfc3339(grant.until)}" if grant.until else ""
        if state.holds_back(grant.subscription):
            yield f"Subscription {grant.subscription} would give {_given(grant)}{until}; a hold takes it."
        else:
            yield f"Subscription {grant.subscription} gives {_given(grant)}{until}."
    for order, plan in state.lifetimes:
        yield f"The order {order} gives the plan {plan} for good."
    if state.kept is not None:
        yield f"The plan {state.plan} is kept until {rfc3339(state.kept.until)}: an earlier version gave it."
    for booking in state.bookings:
        if booking.usable:
            yield f"{booking.quantity} of the add-on {booking.kind}, billed until {rfc3339(booking.billed_until)}."
    if not state.grants and not state.lifetimes:
        yield "No subscription gives a plan, so the account is on the free plan."


def linked(links: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield which accounts' purchases belong here by an operator's word."""
    for link in links:
        objects = ", ".join(link["objects"])
        yield f"By an operator's link of {link['linked_at']}, what belonged to {link['from']} belongs here: {objects}."


def could_be(account: str, other: str | None) -> Iterator[str]:
    """Yield that an operator may move what is here to the account that its customer names elsewhere."""
    if other is not None:
        yield f"The same customer names {other}, too; `kulanz account link {account} {other}` moves what is here."


def paid_twice(state: State, book: Book, now: datetime) -> Iterator[str]:
    """Yield which subscriptions pay for what another one pays for."""
    for key, _ in twice.alerts(state, book, now):
        yield f"Subscription {key} pays for a plan that another subscription pays for, too: ask which one is to end."


def unnamed(account: str, book: Book, places: Sequence[str]) -> Iterator[str]:
    """Yield what is missing where an account has the name of a customer, as no purchase of that customer named one."""
    customer = customer_named(account, book)
    if customer is not None:
        provider = customer.partition(":")[0]
        where = _PUT_THERE.get(provider, "Put it into the custom data of the checkout")
        yield (
            f"No purchase of this customer names an account: none has an id at {', '.join(places)}. {where}, or let "
            "KULANZ_ACCOUNT_FROM name the place where it stands. "
            f"`kulanz account link {account} ID` moves what is here."
        )


_PUT_THERE = {
    "stripe": "Put it into the subscription's metadata (`subscription_data.metadata` of a Checkout Session)",
    "standard": "Put it into the metadata of the checkout",
}


def idle(book: Book, terms: Terms) -> Iterator[str]:
    """Yield why single orders give no plan, and subscriptions of which nobody told what they are for."""
    for key, sub in sorted(book.subscriptions.items()):
        if not sub.seen.names_items:
            yield f"Subscription {key} gives no plan: the provider has not told what is subscribed to."
    for order, why in lifetime.idle(book, terms):
        yield f"The order {order} gives no plan: {why}."


def _given(grant: Grant) -> str:
    """Return what a subscription gives, and how many times where that is not once."""
    what = f"the plan {grant.plan}" if grant.add_on is None else f"the add-on {grant.add_on}"
    return what if grant.quantity == 1 else f"{what}, {grant.quantity} times"


def outlook(state: State, waiting: Collection[str]) -> Iterator[str]:
    """Yield what would change it, and when; of the cases that are `waiting` the conditions tell it."""
    for case in state.cases:
        if case.key not in waiting:
            yield from _case(case)
    for chargeback in state.chargebacks:
        yield from _chargeback(chargeback)
    for warning in state.warnings:
        yield from _warning(warning)
    for refund in state.refunds:
        if refund.due_at is not None:
            what = "an answer" if refund.answer_is_due else f"the money ({refund.state})"
            late = " It is late." if refund.due_at <= state.as_of else ""
            yield f"The refund request {refund.key} waits for {what}, promised by {rfc3339(refund.due_at)}.{late}"
    for deletion in state.deletions:
        yield from _deletion(deletion)
    requests = {refund.key for refund in state.refunds}
    for timer in state.timers:
        if timer.kind in _TIMERS and timer.subject not in requests:
            yield f"{_TIMERS[timer.kind]} at {rfc3339(timer.due_at)} ({timer.subject})."


def scheduled(state: State, book: Book, terms: Terms) -> Iterator[str]:
    """Yield what the provider has announced: a pause that begins or ends, a change of what is subscribed to."""
    for key, sub in sorted(book.subscriptions.items()):
        yield from _announced(key, sub.seen, state.as_of, terms)
    for grant in state.grants:
        plan = terms.catalogue.plan_of(book.subscriptions[grant.subscription].seen.bought)
        if grant.add_on is None and grant.until is not None and plan != grant.plan:
            yield f"Subscription {grant.subscription} gives the plan {plan} from {rfc3339(grant.until)} on."


def _announced(key: str, seen: SubscriptionSeen, now: datetime, terms: Terms) -> Iterator[str]:
    if seen.pauses_at is not None and seen.pauses_at > now:
        yield f"Subscription {key} is to be paused at {rfc3339(seen.pauses_at)}."
    paused = seen.status is Status.PAUSED or seen.pauses_at is not None
    if paused and seen.pause_resumes_at is not None and seen.pause_resumes_at > now:
        yield f"Subscription {key} is to resume at {rfc3339(seen.pause_resumes_at)}."
    if seen.changes_at is not None and seen.changes_at > now and seen.changes_to:
        counted = terms.catalogue.counting(seen.changes_to)
        to = ", ".join(plan if item.quantity == 1 else f"{plan} ({item.quantity})" for plan, item in counted)
        yield f"Subscription {key} is to change to {to} at {rfc3339(seen.changes_at)}."


_TIMERS = {
    "dunning_level": "The next dunning letter goes out",
    "review_due": "The debt may be handed over to a collection agency",
    "period_end": "What was paid for ends",
    "trial_end": "The trial ends and bills by itself",
    "override_end": "The operator's exception ends and the policy applies again",
    "pause_end": "The pause of a subscription in dunning ends or is looked into",
    "renewal_overdue": "The renewal is overdue unless something is heard of it",
    "shared_end": "Another account has this purchase, too, and from then on only its owner has it",
    "kept_end": "Today's rules give less than an earlier version gave, and are applied",
    "dispute_answer_by": "The provider takes no answer to the dispute any more",
    "dispute_silent": "The dispute stops dunning no longer unless something is heard of it",
    "hold_end": "The hold ends and the subscription is given up",
}


def _debt(case: Case, state: State) -> str:
    debt = state.debt(case.key)
    fees = f" and {money(debt.fees, case.currency, case.decimals)} of fees" if debt and debt.fees else ""
    away = debt is not None and case.state is CaseState.IN_COLLECTIONS
    where = f"with a collection agency ({debt.collection})" if debt and away else "owed"
    return f"Subscription {case.subscription} is given up; {_due(case)}{fees} is {where}."


def _due(case: Case) -> str:
    return money(case.amount_due, case.currency, case.decimals)


def _hold(hold: Hold) -> str:
    existing = {"account": "the whole account", "licence": "the licence"}
    reach = existing.get(hold.scope) or "subscription " + ", ".join(hold.subscriptions)
    words = {
        Owner.DUNNING: "unpaid after the end of grace",
        Owner.DISPUTE: "a chargeback",
        Owner.OPERATOR: "an operator's suspension",
        Owner.REFUND: "its payment went back in full",
    }
    why = words.get(hold.owner, str(hold.owner))
    claim = "" if hold.counts else _CLAIM
    return f"Hold on {reach} since {rfc3339(hold.since)}: {why} ({hold.source}).{claim}"


def _case(case: Case) -> Iterator[str]:
    policy = f"{case.policy.name} {case.policy.dunning.hold_clause}, version {case.policy.version}"
    if case.state is CaseState.GRACE:
        cancels = "is cancelled and " if case.policy.dunning.on_grace_end == "cancel" else ""
        yield (
            f"A payment closes the case {case.key} at once. Without one, subscription {case.subscription} {cancels}"
            f"loses its plan at {rfc3339(case.deadline)} ({policy})."
        )
    elif case.state is CaseState.IN_COLLECTIONS:
        yield f"A payment, a waiver or a dispute brings the debt of case {case.key} back from the collection agency."
    elif case.given_up and case.holds:
        yield f"Only a payment, a waiver or a void invoice ends the hold of case {case.key} ({policy})."
    elif case.pursued and case.given_up:
        yield f"A payment closes the case {case.key} at once; until then the debt is pursued ({case.policy.name})."
    elif case.state is CaseState.ON_HOLD:
        yield f"A payment brings the plan of subscription {case.subscription} back ({policy})."


_IN_THE_WAY = {
    "subscription_runs": "a subscription still runs",
    "case_open": "a debt is still pursued",
    "refund_open": "a refund was asked for and is not closed",
    "dispute_open": "a dispute is open",
    "legal_hold": "the data are under a legal hold",
    "notice_period": "the customer's notices have not had their time",
    "notice_undelivered": "the last notice has not been delivered",
    "approval": "an operator has to approve it",
}


def _deletion(closure_case: ClosureCase) -> Iterator[str]:
    if closure_case.obstacles:
        why = ", and ".join(_IN_THE_WAY[each] for each in closure_case.obstacles)
        yield f"The deletion {closure_case.subject} waits: {why}."
    else:
        yield f"The deletion {closure_case.subject} waits until the product has taken the news of it."


def _chargeback(chargeback: Chargeback) -> Iterator[str]:
    if chargeback.answer_by is not None:
        yield (
            f"The dispute {chargeback.key} has to be answered at the provider by {rfc3339(chargeback.answer_by)}; "
            "`kulanz account evidence` writes the file for it."
        )
    if not chargeback.holds:
        return
    yield f"The chargeback {chargeback.key} being won or withdrawn releases its hold, and only that."
    if chargeback.deletion_eligible_at is not None:
        how = "by an operator's approval only" if chargeback.policy.dispute.deletion == "approval" else "if it is lost"
        yield f"Data may be deleted from {rfc3339(chargeback.deletion_eligible_at)}, {how}."


def _warning(warning: ChargebackWarning) -> Iterator[str]:
    if not warning.open:
        return
    payment = (warning.payment or "").rpartition(":")[2] or "(unknown)"
    act = "A person has to look at the provider."
    if warning.refundable:
        left = money(warning.refundable, warning.currency, warning.decimals)
        act = f"A refund in time prevents that: `kulanz refund request ACCOUNT --payment {payment}` (up to {left})."
    yield f"Payment {payment} is likely to be charged back. {act}"
