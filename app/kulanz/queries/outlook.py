"""Possible changes of an account's state, and their times, in sentences that a support person can read out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from kulanz.formats.messages import Message, Money, message
from kulanz.policy.book import Book
from kulanz.policy.facts import Status, SubscriptionSeen
from kulanz.policy.state import Case, CaseState, Chargeback, ChargebackWarning, State, Terms
from kulanz.policy.state.closure import ClosureCase


def outlook(state: State, waiting: Collection[str]) -> Iterator[Message]:
    """Yield what would change it, and when; of the cases that are `waiting` the conditions tell it."""
    for case in state.cases:
        if case.key not in waiting:
            yield from _case(case, lifted=case.holds and not state.held(case.key))
    for chargeback in state.chargebacks:
        yield from _chargeback(chargeback, lifted=not state.held(chargeback.key))
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
    """Yield the provider's announced changes: begin or end of a pause, another plan."""
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
    "trial_end": message("The trial ends and is billed automatically"),
    "override_end": message("The operator's exception ends and the policy applies again"),
    "pause_end": message("The pause of a subscription in dunning ends or is looked into"),
    "renewal_overdue": message("The renewal is overdue unless news of it arrives"),
    "shared_end": message("Another account has this purchase, too, and from then on only its owner has it"),
    "kept_end": message("Today's rules give less than an earlier version gave, and are applied"),
    "dispute_answer_by": message("The provider takes no answer to the dispute any more"),
    "dispute_silent": message("The dispute stops dunning no longer unless news of it arrives"),
    "hold_end": message("The hold ends and the subscription is given up"),
}


def _case(case: Case, *, lifted: bool) -> Iterator[Message]:
    found = _HOLD_OF_CASE_LIFTED if lifted else _prospect(case)
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
        )


_HOLD_OF_CASE_LIFTED = message(
    "Only a payment, a waiver or a void invoice ends the lifted hold of case {case} for good ({version})."
)


def _prospect(case: Case) -> Message | None:
    found = None
    if case.state is CaseState.GRACE:
        found = _in_grace(case)
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


def _in_grace(case: Case) -> Message:
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


def _chargeback(chargeback: Chargeback, *, lifted: bool) -> Iterator[Message]:
    if chargeback.answer_by is not None:
        yield message(
            "The dispute {dispute} has to be answered at the provider by {answer_by}; "
            "`kulanz account evidence` writes the file for it.",
            dispute=chargeback.key,
            answer_by=chargeback.answer_by,
        )
    if not chargeback.holds:
        return
    yield (
        message("Only the chargeback {chargeback} being won or withdrawn ends its lifted hold for good.")
        if lifted
        else message("The chargeback {chargeback} being won or withdrawn releases its hold, and only that.")
    ).given(chargeback=chargeback.key)
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
