"""Documents of an account and of a decision, shared by the API, the command line and the console."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kulanz import documents
from kulanz.documents import standing
from kulanz.policy.areas.credit.pots import pots
from kulanz.policy.areas.subscriptions import twice as paid_twice
from kulanz.policy.book import Book
from kulanz.policy.state import Case, Chargeback, ChargebackWarning, DebtStage, Hold, Moment, State, Terms
from kulanz.policy.state.findings import Timer
from kulanz.queries import closed, debts, exceptions, extra_documents, refund_documents, values
from kulanz.queries.views import AccountView
from kulanz.store.ledger import DecisionRow


def account(seen: AccountView) -> documents.Account:
    """Return an account as `GET /v1/accounts/<id>` answers it (CONTRACT section 3)."""
    who, state, terms, book = seen.account, seen.state, seen.terms, seen.account.book
    shown = documents.Account.of(
        who,
        account_id=who.id,
        grace_ends_at=state.grace_ends_at,
        data_deletion_eligible_at=state.deletion_eligible_at,
        subscriptions=tuple(_subscriptions(book, terms, state, seen.now)),
        dunning_cases=tuple(_case(case, state.debt(case.key)) for case in state.cases if case.pursued),
        disputes=tuple(_dispute(item, book) for item in state.chargebacks),
        chargeback_warnings=tuple(map(_warning, state.warnings)),
        holds=tuple(map(_hold, state.holds)),
        overrides=exceptions.overrides(book, seen.now),
        terms=exceptions.terms(book, terms),
        add_ons=tuple(map(extra_documents.add_on, state.bookings)),
        cancellations=tuple(extra_documents.notice(item) for _, item in sorted(book.cancellations.items())),
        contacts=tuple(extra_documents.contact(item) for _, item in sorted(book.contacts.items())),
        migrations=tuple(extra_documents.move(item) for _, item in sorted(book.moves.items())),
        credits=tuple(map(extra_documents.credit, pots(book, state))),
        payments=debts.payments(book),
        licences=tuple(refund_documents.licences(state, book, _moment(seen))),
        refund_requests=tuple(refund_documents.refund_request(who.id, item, state.as_of) for item in state.refunds),
        collections=debts.collections(book),
        debtor=debts.debtor(book),
        closures=closed.closures(book, state, terms),
        links=seen.links,
        linkable_to=seen.linkable_to,
        delivery=debts.delivery(book),
        mandates=debts.mandates(book),
        timers=tuple(standing.Timer.of(item) for item in sorted(state.timers, key=_in_order)),
        policy=standing.Policy.of(terms.current),
    )
    return shown if seen.ended is None else seen.ended.in_place_of(shown)


def decision(row: DecisionRow) -> documents.Decision:
    """Return a decision as the timeline shows it."""
    return documents.Decision.of(
        row,
        cause={"kind": row.cause_kind, "name": row.cause_name, "ref": row.cause_ref},
        policy={"name": row.policy, "version": row.policy_version},
        changes=row.detail.get("changes", []),
    )


def _moment(seen: AccountView) -> Moment:
    terms = seen.terms.under(seen.account.book, seen.state.as_of)
    return Moment(terms, seen.account.zone(terms), seen.state.as_of)


def _subscriptions(book: Book, terms: Terms, state: State, now: datetime) -> Iterator[standing.Subscription]:
    twice = {key for key, _ in paid_twice.alerts(state, now)}
    unpaid = {grant.subscription for grant in state.grants if grant.unpaid_plan}
    for key, sub in sorted(book.subscriptions.items()):
        provider, _, ident = key.partition(":")
        yield standing.Subscription.of(
            sub.seen,
            provider=provider,
            id=ident,
            plan=terms.catalogue.plan_of(sub.seen.bought),
            quantity=terms.catalogue.counting(sub.seen.bought)[0][1].quantity,
            upgrade_unpaid=key in unpaid,
            paid_twice=key in twice,
        )


def _case(case: Case, debt: DebtStage | None) -> standing.DunningCase:
    return standing.DunningCase.of(
        case,
        id=case.key,
        subscription_id=values.own_id(case.subscription),
        invoice_id=values.own_id(case.invoice),
        state=case.state if case.frozen_since is None else "frozen",
        grace_ends_at=case.deadline,
        decimals=values.decimals(case.currency, case.decimals),
        level=debt.level if debt else 0,
        fees=debt.fees if debt else 0,
    )


def _dispute(chargeback: Chargeback, book: Book) -> standing.Dispute:
    dispute = book.disputes.get(chargeback.key)
    return standing.Dispute.of(
        chargeback,
        id=chargeback.key,
        decimals=values.decimals(chargeback.currency, chargeback.decimals),
        payment_id=_last_part(chargeback.payment),
        reference=dispute.seen.reference if dispute else None,
    )


def _warning(warning: ChargebackWarning) -> standing.ChargebackWarning:
    proposed = warning.open and warning.refundable
    return standing.ChargebackWarning.of(
        warning,
        id=warning.key,
        state=warning.closed_as or "warned",
        payment_id=_last_part(warning.payment),
        decimals=values.decimals(warning.currency, warning.decimals),
        proposed=_refund_of(warning) if proposed else None,
    )


def _refund_of(warning: ChargebackWarning) -> standing.ProposedRefund:
    payment = _last_part(warning.payment)
    return standing.ProposedRefund.of(warning, act="refund", payment_id=payment, amount=warning.refundable)


def _hold(hold: Hold) -> standing.Hold:
    subscriptions = tuple(key.partition(":")[2] for key in hold.subscriptions)
    return standing.Hold.of(hold, id=hold.key, subscriptions=subscriptions)


def _last_part(key: str | None) -> str | None:
    return key.rpartition(":")[2] if key else None


def _in_order(timer: Timer) -> tuple[datetime, str, str]:
    return timer.due_at, timer.kind, timer.subject
