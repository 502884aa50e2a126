"""How long which records of an account are kept, by which law, and what of them (dunning-at; BAO § 132)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from kulanz.policy.areas import settling
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Invoice, Order
from kulanz.policy.document.closure import RecordClass, RetentionRules
from kulanz.policy.facts import DisputeSeen
from kulanz.policy.frozen import quick

CLASSES = ("settlements", "dunning", "disputes", "interactions")
Record = tuple[datetime, dict[str, Any]]
"""When a record was last touched, which is the year that it belongs to, and what it says."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The records of one class that have one end of retention."""

    kind: str
    basis: str
    until: datetime
    records: tuple[dict[str, Any], ...]
    """Of plain values and instants; they may be personal."""


def kept(book: Book, rules: RetentionRules, zone: str, now: datetime) -> tuple[Kept, ...]:
    """Return what is to be kept beyond `now`, by class and end."""
    return tuple(one for one in _all(book, rules, zone) if one.until > now)


def ends_at(book: Book, rules: RetentionRules, zone: str) -> datetime | None:
    """Return when nothing of an account needs to be kept any more; None where nothing has to be at all."""
    return max((one.until for one in _all(book, rules, zone)), default=None)


def bases(book: Book, rules: RetentionRules, zone: str) -> tuple[str, ...]:
    """Return by which laws records of an account are kept."""
    return tuple(sorted({one.basis for one in _all(book, rules, zone)}))


def number(book: Book, rules: RetentionRules, zone: str) -> int:
    """Return how many records of an account are kept by law."""
    return sum(len(one.records) for one in _all(book, rules, zone))


def until(rule: RecordClass, at: datetime, zone: str) -> datetime:
    """Return the end of the calendar year of a record, and `years` more."""
    year = at.astimezone(ZoneInfo(zone)).year + rule.years + 1
    return datetime(year, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _all(book: Book, rules: RetentionRules, zone: str) -> Iterator[Kept]:
    for kind in CLASSES:
        rule: RecordClass = getattr(rules, kind)
        if not rule.basis:
            continue
        for end, records in sorted(_by_end(_READERS[kind](book), rule, zone).items()):
            yield Kept(kind=kind, basis=rule.basis, until=end, records=tuple(records))


def _by_end(records: Iterable[Record], rule: RecordClass, zone: str) -> dict[datetime, list[dict[str, Any]]]:
    found: dict[datetime, list[dict[str, Any]]] = {}
    for at, record in records:
        found.setdefault(until(rule, at, zone), []).append(dict(record))
    return found


def _settlements(book: Book) -> Iterator[Record]:
    for _, invoices in sorted(book.invoices.items()):
        for key, invoice in sorted(invoices.known.items()):
            yield _invoice(key, invoice)
    for key, order in sorted(book.orders.items()):
        yield _order(key, order)
    for told, transfer in sorted(settling.known(book), key=lambda one: one[0].id):
        record = {"payment": told.id, "amount": told.amount, "currency": told.currency, "received_at": told.received_at}
        yield told.received_at, record | {"reference": told.reference, "unmatched": transfer.unmatched}
    yield from _whole("refunds_of", book.refunds)
    yield from _whole("credit", book.credit)


def _invoice(key: str, invoice: Invoice) -> Record:
    seen = invoice.seen
    record = {
        "invoice": key,
        "subscription": seen.subscription,
        "customer": seen.customer,
        "email": seen.email,
        "status": str(seen.status),
        "currency": seen.currency,
        "total": seen.total,
        "tax": seen.tax,
        "refunded": invoice.refunded,
        "made_at": seen.created_at,
        "paid_at": invoice.paid_at,
        "refunded_at": invoice.refunded_at,
    }
    return max(at for at in (seen.stamp.at, invoice.paid_at, invoice.refunded_at) if at is not None), record


def _order(key: str, order: Order) -> Record:
    seen = order.seen
    record = {
        "order": key,
        "customer": seen.customer,
        "status": str(seen.status),
        "currency": seen.currency,
        "total": seen.total,
        "refunded": order.refunded,
        "refunded_at": order.refunded_at,
    }
    return max(at for at in (seen.stamp.at, order.refunded_at) if at is not None), record


def _dunning(book: Book) -> Iterator[Record]:
    for _, invoices in sorted(book.invoices.items()):
        for key, invoice in sorted(invoices.known.items()):
            if invoice.failures:
                yield invoice.failures[-1], {"invoice": key, "failed_at": invoice.failures, "paid": invoice.paid}
    for key, case in sorted(book.cases.items()):
        touched = [at for at in (case.held_at, case.promised, case.exhausted_for, case.waived_for) if at is not None]
        if touched:
            yield max(touched), {"case": key, "deadline": case.promised, "held_at": case.held_at}
    for key, one in sorted(book.collections.items()):
        if one.handed is not None:
            ended = one.recalled.at if one.recalled else None
            record = {"collection": key, "handed_over_at": one.handed.at, "amount": one.handed.amount}
            yield ended or one.handed.at, record | {"statement": one.handed.statement_sha256, "recalled_at": ended}


def _disputes(book: Book) -> Iterator[Record]:
    for key, dispute in sorted(book.disputes.items()):
        yield max(stamp.at for stamp, _ in dispute.marks), {"dispute": key, **_disputed(dispute.seen)}


def _disputed(seen: DisputeSeen) -> Mapping[str, Any]:
    return {
        "status": str(seen.status),
        "opened_at": seen.opened_at,
        "amount": seen.amount,
        "currency": seen.currency,
        "customer": seen.customer,
        "payment": seen.payment,
        "reason": seen.reason,
        "reference": seen.reference,
    }


def _interactions(book: Book) -> Iterator[Record]:
    for subject, notices in sorted(book.notices.items()):
        for name, asked in sorted(notices.sent.items()):
            kind, _, step = name.rpartition("|")
            told = {"notice": kind, "step": int(step), "subject": subject, "asked_at": asked.at}
            yield asked.outcome_at, told | {"outcome": str(asked.outcome), "ended_at": asked.outcome_at}
    for key, mandate in sorted(book.mandates.items()):
        at = [one.at for one in (mandate.granted, mandate.revoked) if one is not None]
        yield max(at), {"mandate": key, "granted_at": min(at), "revoked_at": mandate.revoked and mandate.revoked.at}
    for key, override in sorted(book.overrides.items()):
        made = override.set
        said = {"override": key, "kind": str(made.kind), "actor": made.actor, "reason": made.reason}
        yield made.at, said | {"at": made.at, "until": made.until}
    yield from _whole("refund_request", book.refund_requests)
    yield from _whole("agreement", book.agreements)


def _whole(name: str, records: Mapping[str, Any]) -> Iterator[Record]:
    """Yield records as they are kept, each with the latest instant that it tells of."""
    for key, record in sorted(records.items()):
        told = {name: key, **asdict(record)}
        latest = max(_instants(told), default=None)
        if latest is not None:
            yield latest, told


def _instants(value: Any) -> Iterator[datetime]:
    match value:
        case datetime():
            yield value
        case Mapping():
            for each in value.values():
                yield from _instants(each)
        case tuple() | list():
            for each in value:
                yield from _instants(each)


_READERS = {
    "settlements": _settlements,
    "dunning": _dunning,
    "disputes": _disputes,
    "interactions": _interactions,
}
