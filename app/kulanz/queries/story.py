"""Why an account stands as it does and what would change it, in sentences that a support person can read out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from kulanz.formats.messages import Message, Money, message
from kulanz.policy.areas.lifetime import area as lifetime
from kulanz.policy.areas.subscriptions import twice
from kulanz.policy.book import Book
from kulanz.policy.facts import Status, SubscriptionSeen
from kulanz.policy.state import Case, CaseState, Chargeback, ChargebackWarning, Grant, Hold, Owner, State, Terms
from kulanz.policy.state.closure import ClosureCase
from kulanz.queries.links import customer_named


def reasons(state: State) -> Iterator[Message]:
    """Yield why the account stands as it does now, the gravest first."""
    for hold in state.holds:
        yield _hold(hold)
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
    """Yield what the account has, or would have without a hold."""
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


def linked(links: Iterable[Mapping[str, Any]]) -> Iterator[Message]:
    """Yield which accounts' purchases belong here by an operator's word."""
    for link in links:
        yield message(
            "By an operator's link of {linked_at}, what belonged to {account} belongs here: {objects}.",
            linked_at=datetime.fromisoformat(link["linked_at"]),
            account=link["from"],
            objects=link["objects"],
        )


def could_be(account: str, other: str | None) -> Iterator[Message]:
    """Yield that an operator may move what is here to the account that its customer names elsewhere."""
    if other is not None:
        yield message(
            "The same customer names {other}, too; `kulanz account link {account} {other}` moves what is here.",
            account=account,
            other=other,
        )


def paid_twice(state: State, book: Book, now: datetime) -> Iterator[Message]:
    """Yield which subscriptions pay for what another one pays for."""
    for key, _ in twice.alerts(state, book, now):
        yield message(
            "Subscription {subscription} pays for a plan that another subscription pays for, too: "
            "ask which one is to end.",
            subscription=key,
        )


def unnamed(account: str, book: Book, places: Sequence[str]) -> Iterator[Message]:
    """Yield what is missing where an account has the name of a customer, as no purchase of that customer named one."""
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
    """Yield why single orders give no plan, and subscriptions of which nobody told what they are for."""
    for key, sub in sorted(book.subscriptions.items()):
        if not sub.seen.names_items:
            yield message(
                "Subscription {subscription} gives no plan: the provider has not told what is subscribed to.",
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
    """Return what a subscription gives, and how many times where that is not once."""
    if grant.add_on is None:
        one, several = message("the plan {name}"), message("the plan {name}, {times} times")
    else:
        one, several = message("the add-on {name}"), message("the add-on {name}, {times} times")
    return (one if grant.quantity == 1 else several).given(name=grant.add_on or grant.plan, times=grant.quantity)


def held_back(events: Sequence[int], receivers: Sequence[str]) -> Iterator[Message]:
    """Yield which events, and which receivers, keep dunning from taking anything and from sending notices."""
    for number in events:
        yield message(
            "Dunning is held back: {event} is not applied and may tell of a payment. "
            "`kulanz events retry {event}` or `kulanz events skip {event}` settles it.",
            event=f"evt_{number}",
        )
    for receiver in receivers:
        yield message(
            "Dunning is held back: the receiver {receiver} has not reported that its spool is empty.",
            receiver=receiver,
        )


def outlook(state: State, obstacles: Mapping[str, str]) -> Iterator[Message]:
    """Yield what would change it, and when; `obstacles` are the topics that keep a case from going on."""
    for case in state.cases:
        yield from _case(case, obstacles.get(case.key))
    for chargeback in state.chargebacks:
        yield from _chargeback(chargeback)
    for warning in state.warnings:
        yield from _warning(warning)
    for refund in state.refunds:
        if refund.due_at is not None:
            waits = _ANSWER_DUE if refund.answer_is_due else _MONEY_DUE
            yield waits.given(request=refund.key, state=str(refund.state), due_at=refund.due_at).also(
                _LATE if refund.due_at <= state.as_of else None
            )
    for deletion in state.deletions:
        yield from _deletion(deletion)
    requests = {refund.key for refund in state.refunds}
    for timer in state.timers:
        if timer.kind in _TIMERS and timer.subject not in requests:
            yield message(
                "{what} at {due_at} ({subject}).",
                what=_TIMERS[timer.kind],
                due_at=timer.due_at,
                subject=timer.subject,
            )


_ANSWER_DUE = message("The refund request {request} waits for an answer, promised by {due_at}.")
_MONEY_DUE = message("The refund request {request} waits for the money ({state}), promised by {due_at}.")
_LATE = message("It is late.")


def scheduled(state: State, book: Book, terms: Terms) -> Iterator[Message]:
    """Yield what the provider has announced: a pause that begins or ends, a change of what is subscribed to."""
    for key, sub in sorted(book.subscriptions.items()):
        yield from _announced(key, sub.seen, state.as_of, terms)
    for grant in state.grants:
        plan = terms.catalogue.plan_of(book.subscriptions[grant.subscription].seen.bought)
        if grant.add_on is None and grant.until is not None and plan != grant.plan:
            yield message(
                "Subscription {subscription} gives the plan {plan} from {begins_at} on.",
                subscription=grant.subscription,
                plan=plan,
                begins_at=grant.until,
            )


def _announced(key: str, seen: SubscriptionSeen, now: datetime, terms: Terms) -> Iterator[Message]:
    if seen.pauses_at is not None and seen.pauses_at > now:
        yield message(
            "Subscription {subscription} is to be paused at {pauses_at}.", subscription=key, pauses_at=seen.pauses_at
        )
    paused = seen.status is Status.PAUSED or seen.pauses_at is not None
    if paused and seen.pause_resumes_at is not None and seen.pause_resumes_at > now:
        yield message(
            "Subscription {subscription} is to resume at {resumes_at}.",
            subscription=key,
            resumes_at=seen.pause_resumes_at,
        )
    if seen.changes_at is not None and seen.changes_at > now and seen.changes_to:
        counting = terms.catalogue.counting(seen.changes_to)
        yield message(
            "Subscription {subscription} is to change to {plans} at {changes_at}.",
            subscription=key,
            plans=[plan if item.quantity == 1 else f"{plan} ({item.quantity})" for plan, item in counting],
            changes_at=seen.changes_at,
        )


_TIMERS = {
    "dunning_level": message("The next dunning letter goes out"),
    "review_due": message("The debt may be handed over to a collection agency"),
    "period_end": message("What was paid for ends"),
    "trial_end": message("The trial ends and bills by itself"),
    "override_end": message("The operator's exception ends and the policy applies again"),
    "pause_end": message("The pause of a subscription in dunning ends or is looked into"),
    "renewal_overdue": message("The renewal is overdue unless something is heard of it"),
    "shared_end": message("Another account has this purchase, too, and from then on only its owner has it"),
    "kept_end": message("Today's rules give less than an earlier version gave, and are applied"),
    "dispute_silent": message("The dispute stops dunning no longer unless something is heard of it"),
    "hold_end": message("The hold ends and the subscription is given up"),
}


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
    reach = _REACHES.get(hold.scope) or message("subscription {subscriptions}", subscriptions=hold.subscriptions)
    return message(
        "Hold on {reach} since {since}: {why} ({source}).",
        reach=reach,
        since=hold.since,
        why=_OWNERS.get(hold.owner, str(hold.owner)),
        source=hold.source,
    ).also(None if hold.counts else _CLAIM)


_REACHES = {"account": message("the whole account"), "licence": message("the licence")}
_OWNERS = {
    Owner.DUNNING: message("unpaid after the end of grace"),
    Owner.DISPUTE: message("a chargeback"),
    Owner.OPERATOR: message("an operator's suspension"),
    Owner.REFUND: message("its payment went back in full"),
}
_OBSTACLES = {
    "hold_waits_for_parked_event": message("an event that is not applied may tell of a payment"),
    "mass_action_brake": message("the circuit breaker for mass downgrades is tripped (`kulanz breaker show`)"),
    "warning_cannot_be_delivered": message("no final warning could be delivered, so an operator decides"),
    "provider_gives_no_answer": message("the provider has not yet answered whether it is paid"),
}


def _case(case: Case, obstacle: str | None) -> Iterator[Message]:
    found = _prospect(case, obstacle)
    if found is not None:
        version = message(
            "{policy} {clause}, version {version}",
            policy=case.policy.name,
            clause=case.policy.dunning.hold_clause,
            version=str(case.policy.version),
        )
        yield found.given(
            case=case.key,
            subscription=case.subscription,
            deadline=case.deadline,
            policy=case.policy.name,
            version=version,
            why=_OBSTACLES.get(obstacle or "", (obstacle or "").replace("_", " ")),
        )


def _prospect(case: Case, obstacle: str | None) -> Message | None:
    found = None
    if case.paused and case.open:
        found = message("The case {case} rests while its subscription is paused; a payment closes it at once.")
    elif case.frozen_since is not None and case.open:
        found = message("The case {case} waits for the dispute; a payment closes it at once.")
    elif case.state is CaseState.GRACE:
        found = _in_grace(case, obstacle)
    elif case.state is CaseState.IN_COLLECTIONS:
        found = message(
            "A payment, a waiver or a dispute brings the debt of case {case} back from the collection agency."
        )
    elif case.given_up and case.holds:
        found = message("Only a payment, a waiver or a void invoice ends the hold of case {case} ({version}).")
    elif case.pursued and case.given_up:
        found = message("A payment closes the case {case} at once; until then the debt is pursued ({policy}).")
    elif case.state is CaseState.ON_HOLD:
        found = message("A payment brings the plan of subscription {subscription} back ({version}).")
    return found


def _in_grace(case: Case, obstacle: str | None) -> Message:
    if obstacle is not None:
        return message(
            "The grace of subscription {subscription} is over, but nothing is taken yet: {why}. "
            "A payment closes the case {case} at once."
        )
    if case.policy.dunning.on_grace_end == "cancel":
        return message(
            "A payment closes the case {case} at once. Without one, subscription {subscription} is cancelled and "
            "loses its plan at {deadline} ({version})."
        )
    return message(
        "A payment closes the case {case} at once. Without one, subscription {subscription} "
        "loses its plan at {deadline} ({version})."
    )


_IN_THE_WAY = {
    "subscription_runs": message("a subscription still runs"),
    "case_open": message("a debt is still pursued"),
    "refund_open": message("a refund was asked for and is not closed"),
    "dispute_open": message("a dispute is open"),
    "legal_hold": message("the data are under a legal hold"),
    "notice_period": message("the customer's notices have not had their time"),
    "notice_undelivered": message("the last notice has not been delivered"),
    "approval": message("an operator has to approve it"),
}


def _deletion(closure_case: ClosureCase) -> Iterator[Message]:
    if closure_case.obstacles:
        yield message(
            "The deletion {subject} waits: {why}.",
            subject=closure_case.subject,
            why=[_IN_THE_WAY[each] for each in closure_case.obstacles],
        )
    else:
        yield message(
            "The deletion {subject} waits until the product has taken the news of it.", subject=closure_case.subject
        )


def _chargeback(chargeback: Chargeback) -> Iterator[Message]:
    if not chargeback.holds:
        return
    yield message(
        "The chargeback {chargeback} being won or withdrawn releases its hold, and only that.",
        chargeback=chargeback.key,
    )
    if chargeback.deletion_eligible_at is not None:
        by_approval = chargeback.policy.dispute.deletion == "approval"
        yield (
            message("Data may be deleted from {eligible_at}, by an operator's approval only.")
            if by_approval
            else message("Data may be deleted from {eligible_at}, if it is lost.")
        ).given(eligible_at=chargeback.deletion_eligible_at)


def _warning(warning: ChargebackWarning) -> Iterator[Message]:
    if not warning.open:
        return
    payment = (warning.payment or "").rpartition(":")[2] or None
    act = message("A person has to look at the provider.")
    if warning.refundable:
        act = message(
            "A refund in time prevents that: `kulanz refund request ACCOUNT --payment {payment}` (up to {left}).",
            payment=payment,
            left=Money(warning.refundable, warning.currency, warning.decimals),
        )
    yield message("Payment {payment} is likely to be charged back.", payment=payment).also(act)
