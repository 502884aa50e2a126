"""What can be read of accounts: the documents of the API, the command line and the console, from one place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app import brake, coding
from app.errors import NotFoundError
from app.policy import dunning
from app.policy.assess import assess
from app.policy.book import Book
from app.policy.credit.pots import pots
from app.policy.document import Policy
from app.policy.model import Access, Account, Case, Chargeback, Debt, Hold, Moment, Situation, Standing, State, Terms
from app.policy.telling import entitlement as rights
from app.policy.telling import rfc3339
from app.services import Services
from app.showing import closed, dues, extra_documents, granted, refund_documents, story
from app.store import accounts as stored
from app.store import bindings, inbox, ledger, outbox
from app.store.accounts import AccountRow
from app.store.database import Connection
from app.store.ledger import DecisionRow
from app.store.outbox import EffectRow

Document = dict[str, Any]
UNDONE = frozenset({"parked", "todo", "unknown"})
"""Effects that wait for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some documents of a list, and what the next page begins after; None: there is no next page."""

    items: list[Document]
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One account as of its last decision."""

    account: Account
    state: State
    terms: Terms
    now: datetime
    ended: Document | None = None
    """Of an account whose data were destroyed: what stands for the matters that are gone."""


def view(services: Services, conn: Connection, name: str) -> View:
    """Return an account as of its last decision; NotFoundError if there is none of that name or alias."""
    row = stored.get(conn, name)
    if row is None:
        raise NotFoundError(f"no account {name!r}")
    return _view(services, conn, row)


def account_document(services: Services, name: str) -> Document:
    """Return the account as `GET /v1/accounts/<id>` answers it (CONTRACT section 3)."""
    with services.database.read() as conn:
        return account_in(services, conn, name)


def account_in(services: Services, conn: Connection, name: str) -> Document:
    """Return the account's document as an open transaction sees it."""
    return _account(view(services, conn, name))


def accounts(
    services: Services, *, standing: str | None = None, plan: str | None = None, after: str | None, limit: int
) -> Page:
    """Return accounts in the order of their ids."""
    with services.database.read() as conn:
        rows = stored.page(conn, standing, plan, after, limit + 1)
        items = [_account(_view(services, conn, row)) for row in rows[:limit]]
    return Page(items=items, after=rows[limit - 1].id if len(rows) > limit else None)


def entitlement(services: Services, name: str) -> Document:
    """Return what the account may use now."""
    with services.database.read() as conn:
        account = view(services, conn, name).account
    return {"account_id": account.id, **rights(account)}


def timeline(services: Services, name: str, *, after: str | None = None, limit: int = 50) -> Page:
    """Return the account's decisions, oldest first; `after` is the number of a decision."""
    with services.database.read() as conn:
        row = stored.get(conn, name)
        if row is None:
            raise NotFoundError(f"no account {name!r}")
        rows = ledger.of_account(conn, row.id, int(after or 0), limit + 1)
    items = [_decision(one) for one in rows[:limit]]
    return Page(items=items, after=str(rows[limit - 1].seq) if len(rows) > limit else None)


def policy_in_force(services: Services) -> Document:
    """Return which version of the general policy is in force."""
    with services.database.read() as conn:
        return _policy(services.terms(conn).current)


def account_of_dispute(services: Services, dispute: str) -> str:
    """Return whose dispute it is."""
    return bound(services, f"dispute:{dispute}", f"no dispute {dispute!r}")


def bound(services: Services, key: str, otherwise: str) -> str:
    """Return the account to which a name is bound; NotFoundError saying `otherwise` if there is none."""
    with services.database.read() as conn:
        found = bindings.find(conn, [key])
    if key not in found:
        raise NotFoundError(otherwise)
    return found[key]


def explanation(services: Services, name: str, *, steps: bool = True) -> Document:
    """Return why the account stands as it does: each step with its event, rule, clause and policy, and the outlook."""
    with services.database.read() as conn:
        seen = view(services, conn, name)
        rows = ledger.of_account(conn, seen.account.id, 0, 10_000) if steps else []
        obstacles = _obstacles(services, conn, seen)
        undone = [_undone(row) for row in outbox.listing(conn, account=seen.account.id) if row.state in UNDONE]
        row = stored.get(conn, name)
        gone = closed.reasons(conn, row) if row is not None and row.key is None else None
    return {
        "account_id": seen.account.id,
        "standing": str(seen.account.standing),
        "plan": seen.account.plan,
        "access": str(seen.account.access),
        "why": gone or [story.read_out(line) for line in story.reasons(seen.state)],
        "steps": [step(row) for row in rows],
        "outlook": [*([] if gone else map(story.read_out, story.outlook(seen.state, obstacles))), *undone],
    }


def step(row: DecisionRow) -> Document:
    """Return a recorded decision with its changes in sentences."""
    changes = row.detail.get("changes", [])
    return _decision(row) | {"sentences": [story.sentence(change) for change in changes]}


def _obstacles(services: Services, conn: Connection, seen: View) -> dict[str, str]:
    """Return why a hold that is due is not placed, by its case."""
    now, name = services.clock.now(conn), seen.account.id
    braked = brake.show(conn, now).on_since is not None
    situation = Situation(parked=bool(inbox.parked_accounts(conn, [name])), braked=braked)
    moment = Moment(seen.terms, seen.account.zone(seen.terms), now, situation)
    found = {case.key: dunning.blocked(case, seen.account.book, moment) for case in seen.state.cases}
    return {key: topic for key, topic in found.items() if topic is not None}


def _undone(row: EffectRow) -> str:
    return f"Not done: {row.type.replace('_', ' ')} ({row.state}: {row.error or 'no answer'}); `kulanz effects list`."


def _view(services: Services, conn: Connection, row: AccountRow) -> View:
    book = Book()
    if row.book is not None and row.key is not None:
        book = coding.unpack_book(services.vault.data_key(row.key).open(row.book))
    account = Account(
        id=row.id,
        book=book,
        plan=row.plan,
        access=Access(row.access),
        standing=Standing(row.standing),
        version=row.version,
        sequence=row.seq,
        decided_at=row.decided_at,
    )
    now = services.clock.now(conn)
    terms, as_of = services.terms(conn, now).under(book, now), row.decided_at or now
    state = assess(book, terms, account.zone(terms), as_of)
    return View(
        account=replace(account, add_ons=state.add_ons, quantities=state.quantities),
        state=state,
        terms=terms,
        now=now,
        ended=closed.ended(conn, row) if row.key is None else None,
    )


def _account(seen: View) -> Document:
    account, state, terms = seen.account, seen.state, seen.terms
    return {
        "account_id": account.id,
        "plan": account.plan,
        "access": str(account.access),
        "standing": str(account.standing),
        "grace_ends_at": _at(state.grace_ends_at),
        "data_deletion_eligible_at": _at(state.deletion_eligible_at),
        "subscriptions": _subscriptions(account.book, terms),
        "dunning_cases": [_case(case, state.debt(case.key)) for case in state.cases if dues.shown(case)],
        "disputes": [_dispute(one, account.book) for one in state.chargebacks],
        "holds": [_hold(one) for one in state.holds],
        "overrides": granted.overrides(account.book, seen.now),
        "terms": granted.terms(account.book, terms),
        "add_ons": [extra_documents.add_on(one) for one in state.bookings],
        "cancellations": [extra_documents.notice(one) for _, one in sorted(account.book.cancellations.items())],
        "migrations": [extra_documents.move(one) for _, one in sorted(account.book.moves.items())],
        "credits": [extra_documents.credit(one) for one in pots(account.book, state)],
        "payments": dues.payments(account.book),
        "licences": list(refund_documents.licences(state, account.book, _moment(seen))),
        "refund_requests": [refund_documents.refund_request(account.id, one, state.as_of) for one in state.refunds],
        "collections": dues.collections(account.book),
        "debtor": dues.debtor(account.book),
        "closures": closed.closures(account.book, state, terms),
        "delivery": dues.delivery(account.book),
        "mandates": dues.mandates(account.book),
        "timers": [{"kind": one.kind, "due_at": _at(one.due_at)} for one in _in_order(state)],
        **(seen.ended or {}),
        "policy": _policy(terms.current),
        "version": account.version,
    }


def _policy(policy: Policy) -> Document:
    return {"name": policy.name, "version": policy.version, "sha256": policy.sha256}


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


def _decision(row: DecisionRow) -> Document:
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


def _in_order(state: State) -> list[Any]:
    return sorted(state.timers, key=lambda one: (one.due_at, one.kind, one.subject))


def _at(instant: Any) -> str | None:
    return None if instant is None else rfc3339(instant)
