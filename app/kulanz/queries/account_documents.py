"""Documents of an account and of a decision, shared by the API, the command line and the console."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kulanz.policy.areas.credit.pots import pots
from kulanz.policy.areas.subscriptions import twice as paid_twice
from kulanz.policy.book import Book
from kulanz.policy.document import Policy
from kulanz.policy.state import Case, Chargeback, ChargebackWarning, DebtStage, Hold, Moment, State, Terms
from kulanz.queries import closed, debts, exceptions, extra_documents, refund_documents, values
from kulanz.queries.views import AccountView, JsonDocument
from kulanz.store.ledger import DecisionRow


def account(seen: AccountView) -> JsonDocument:
    """Return an account as `GET /v1/accounts/<id>` answers it (CONTRACT section 3)."""
    who, state, terms = seen.account, seen.state, seen.terms
    return {
        "account_id": who.id,
        "plan": who.plan,
        "access": str(who.access),
        "standing": str(who.standing),
        "grace_ends_at": values.instant(state.grace_ends_at),
        "data_deletion_eligible_at": values.instant(state.deletion_eligible_at),
        "subscriptions": _subscriptions(who.book, terms, state, seen.now),
        "dunning_cases": [_case(case, state.debt(case.key)) for case in state.cases if debts.shown(case)],
        "disputes": [_dispute(item, who.book) for item in state.chargebacks],
        "chargeback_warnings": [_warning(item) for item in state.warnings],
        "holds": [_hold(item) for item in state.holds],
        "overrides": exceptions.overrides(who.book, seen.now),
        "terms": exceptions.terms(who.book, terms),
        "add_ons": [extra_documents.add_on(item) for item in state.bookings],
        "cancellations": [extra_documents.notice(item) for _, item in sorted(who.book.cancellations.items())],
        "contacts": [extra_documents.contact(item) for _, item in sorted(who.book.contacts.items())],
        "migrations": [extra_documents.move(item) for _, item in sorted(who.book.moves.items())],
        "credits": [extra_documents.credit(item) for item in pots(who.book, state)],
        "payments": debts.payments(who.book),
        "licences": list(refund_documents.licences(state, who.book, _moment(seen))),
        "refund_requests": [refund_documents.refund_request(who.id, item, state.as_of) for item in state.refunds],
        "collections": debts.collections(who.book),
        "debtor": debts.debtor(who.book),
        "closures": closed.closures(who.book, state, terms),
        "links": list(seen.links),
        "linkable_to": seen.linkable_to,
        "delivery": debts.delivery(who.book),
        "mandates": debts.mandates(who.book),
        "timers": [{"kind": item.kind, "due_at": values.instant(item.due_at)} for item in _in_order(state)],
        **(seen.closed_at or {}),
        "policy": policy(terms.current),
        "version": who.version,
    }


def policy(version: Policy) -> JsonDocument:
    """Return the version of a policy."""
    return {"name": version.name, "version": version.version, "sha256": version.sha256}


def decision(row: DecisionRow) -> JsonDocument:
    """Return a decision as the timeline shows it."""
    return {
        "at": values.instant(row.at),
        "cause": {"kind": row.cause_kind, "name": row.cause_name, "ref": row.cause_ref},
        "rule": row.rule,
        "clause": row.clause,
        "policy": {"name": row.policy, "version": row.policy_version},
        "from": row.before,
        "to": row.after,
        "effects": row.effects,
        "changes": row.detail.get("changes", []),
    }


def _moment(seen: AccountView) -> Moment:
    terms = seen.terms.under(seen.account.book, seen.state.as_of)
    return Moment(terms, seen.account.zone(terms), seen.state.as_of)


def _subscriptions(book: Book, terms: Terms, state: State, now: datetime) -> list[JsonDocument]:
    matches = []
    twice = {key for key, _ in paid_twice.alerts(state, now)}
    unpaid = {grant.subscription for grant in state.grants if grant.unpaid_plan}
    for key, sub in sorted(book.subscriptions.items()):
        provider, _, ident = key.partition(":")
        matches.append(
            {
                "provider": provider,
                "id": ident,
                "plan": terms.catalogue.plan_of(sub.seen.bought),
                "quantity": terms.catalogue.counting(sub.seen.bought)[0][1].quantity,
                "status": str(sub.seen.status),
                "upgrade_unpaid": key in unpaid,
                "paid_twice": key in twice,
                "renews_at": values.instant(sub.seen.renews_at),
                "ends_at": values.instant(sub.seen.ends_at),
                "trial_ends_at": values.instant(sub.seen.trial_ends_at),
            }
        )
    return matches


def _case(case: Case, debt: DebtStage | None) -> JsonDocument:
    return {
        "id": case.key,
        "subscription_id": case.subscription.partition(":")[2],
        "invoice_id": values.own_id(case.invoice),
        "state": str(case.state) if case.frozen_since is None else "frozen",
        "opened_at": values.instant(case.opened_at),
        "grace_ends_at": values.instant(case.deadline),
        "failures": case.failures,
        "amount_due": case.amount_due,
        "currency": case.currency,
        "decimals": values.decimals(case.currency, case.decimals),
        "level": debt.level if debt else 0,
        "fees": debt.fees if debt else 0,
        "claim": case.claim,
    }


def _dispute(chargeback: Chargeback, book: Book) -> JsonDocument:
    dispute = book.disputes.get(chargeback.key)
    return {
        "id": chargeback.key,
        "status": str(chargeback.status),
        "opened_at": values.instant(chargeback.opened_at),
        "amount": chargeback.amount,
        "currency": chargeback.currency,
        "decimals": values.decimals(chargeback.currency, chargeback.decimals),
        "fee": chargeback.fee,
        "fee_currency": chargeback.fee_currency,
        "payment_id": chargeback.payment.rpartition(":")[2] if chargeback.payment else None,
        "reference": dispute.seen.reference if dispute else None,
        "reason": chargeback.reason,
        "claim": chargeback.claim,
        "answer_by": values.instant(chargeback.answer_by),
    }


def _warning(warning: ChargebackWarning) -> JsonDocument:
    payment = warning.payment.rpartition(":")[2] if warning.payment else None
    act = {"act": "refund", "payment_id": payment, "amount": warning.refundable, "currency": warning.currency}
    return {
        "id": warning.key,
        "state": warning.closed_as or "warned",
        "warned_at": values.instant(warning.warned_at),
        "payment_id": payment,
        "amount": warning.amount,
        "currency": warning.currency,
        "decimals": values.decimals(warning.currency, warning.decimals),
        "reason": warning.reason,
        "proposed": act if warning.open and warning.refundable else None,
    }


def _hold(hold: Hold) -> JsonDocument:
    return {
        "id": hold.key,
        "owner": str(hold.owner),
        "scope": hold.scope,
        "source": hold.source,
        "since": values.instant(hold.since),
        "subscriptions": [key.partition(":")[2] for key in hold.subscriptions],
    }


def _in_order(state: State) -> list[Any]:
    return sorted(state.timers, key=lambda item: (item.due_at, item.kind, item.subject))
