"""An account in a document, and a decision about it: what the API, the command line and the console share."""

from __future__ import annotations

from typing import Any

from kulanz.policy.areas.credit.pots import pots
from kulanz.policy.book import Book
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.document import Policy
from kulanz.policy.state import Case, Chargeback, Debt, Hold, Moment, State, Terms
from kulanz.queries import closed, dues, extra_documents, granted, refund_documents
from kulanz.queries.views import Document, View
from kulanz.store.ledger import DecisionRow


def account(seen: View) -> Document:
    """Return an account as `GET /v1/accounts/<id>` answers it (CONTRACT section 3)."""
    who, state, terms = seen.account, seen.state, seen.terms
    return {
        "account_id": who.id,
        "plan": who.plan,
        "access": str(who.access),
        "standing": str(who.standing),
        "grace_ends_at": _at(state.grace_ends_at),
        "data_deletion_eligible_at": _at(state.deletion_eligible_at),
        "subscriptions": _subscriptions(who.book, terms),
        "dunning_cases": [_case(case, state.debt(case.key)) for case in state.cases if dues.shown(case)],
        "disputes": [_dispute(one, who.book) for one in state.chargebacks],
        "holds": [_hold(one) for one in state.holds],
        "overrides": granted.overrides(who.book, seen.now),
        "terms": granted.terms(who.book, terms),
        "add_ons": [extra_documents.add_on(one) for one in state.bookings],
        "cancellations": [extra_documents.notice(one) for _, one in sorted(who.book.cancellations.items())],
        "migrations": [extra_documents.move(one) for _, one in sorted(who.book.moves.items())],
        "credits": [extra_documents.credit(one) for one in pots(who.book, state)],
        "payments": dues.payments(who.book),
        "licences": list(refund_documents.licences(state, who.book, _moment(seen))),
        "refund_requests": [refund_documents.refund_request(who.id, one, state.as_of) for one in state.refunds],
        "collections": dues.collections(who.book),
        "debtor": dues.debtor(who.book),
        "closures": closed.closures(who.book, state, terms),
        "delivery": dues.delivery(who.book),
        "mandates": dues.mandates(who.book),
        "timers": [{"kind": one.kind, "due_at": _at(one.due_at)} for one in _in_order(state)],
        **(seen.ended or {}),
        "policy": policy(terms.current),
        "version": who.version,
    }


def policy(version: Policy) -> Document:
    """Return which version of a policy it is."""
    return {"name": version.name, "version": version.version, "sha256": version.sha256}


def decision(row: DecisionRow) -> Document:
    """Return a decision as the timeline shows it."""
    return {
        "at": _at(row.at),
        "cause": {"kind": row.cause_kind, "name": row.cause_name, "ref": row.cause_ref},
        "rule": row.rule,
        "clause": row.clause,
        "policy": {"name": row.policy, "version": row.policy_version},
        "from": row.before,
        "to": row.after,
        "effects": row.effects,
        "changes": row.detail.get("changes", []),
    }


def _moment(seen: View) -> Moment:
    terms = seen.terms.under(seen.account.book, seen.state.as_of)
    return Moment(terms, seen.account.zone(terms), seen.state.as_of)


def _subscriptions(book: Book, terms: Terms) -> list[Document]:
    found = []
    for key, sub in sorted(book.subscriptions.items()):
        provider, _, ident = key.partition(":")
        found.append(
            {
                "provider": provider,
                "id": ident,
                "plan": terms.catalogue.plan(sub.seen.variant, sub.seen.product),
                "status": str(sub.seen.status),
                "renews_at": _at(sub.seen.renews_at),
                "ends_at": _at(sub.seen.ends_at),
                "trial_ends_at": _at(sub.seen.trial_ends_at),
            }
        )
    return found


def _case(case: Case, debt: Debt | None) -> Document:
    return {
        "id": case.key,
        "subscription_id": case.subscription.partition(":")[2],
        "invoice_id": case.invoice.partition(":")[2] if case.invoice else None,
        "state": str(case.state) if case.frozen_since is None else "frozen",
        "opened_at": _at(case.opened_at),
        "grace_ends_at": _at(case.deadline),
        "failures": case.failures,
        "amount_due": case.amount_due,
        "currency": case.currency,
        "level": debt.level if debt else 0,
        "fees": debt.fees if debt else 0,
    }


def _dispute(one: Chargeback, book: Book) -> Document:
    told = book.disputes.get(one.key)
    return {
        "id": one.key,
        "status": str(one.status),
        "opened_at": _at(one.opened_at),
        "amount": one.amount,
        "currency": one.currency,
        "fee": one.fee,
        "fee_currency": one.fee_currency,
        "payment_id": one.payment.rpartition(":")[2] if one.payment else None,
        "reference": told.seen.reference if told else None,
        "reason": one.reason,
    }


def _hold(hold: Hold) -> Document:
    return {
        "id": hold.key,
        "owner": str(hold.owner),
        "scope": hold.scope,
        "source": hold.source,
        "since": _at(hold.since),
        "subscriptions": [key.partition(":")[2] for key in hold.subscriptions],
    }


def _in_order(state: State) -> list[Any]:
    return sorted(state.timers, key=lambda one: (one.due_at, one.kind, one.subject))


def _at(instant: Any) -> str | None:
    return None if instant is None else rfc3339(instant)
