"""Retention: the classes of an account's records that a law wants kept, and until when (dunning-at; BAO § 132)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, to_builtins

from kulanz.policy.areas import settling
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Invoice, Order
from kulanz.policy.document.closure import RecordClass, RetentionRules
from kulanz.policy.facts import DisputeSeen, OverrideKind

CLASSES = ("settlements", "dunning", "disputes", "interactions")
RecordRow = tuple[datetime, dict[str, Any]]
"""A record with the time of its last change, which decides the year that it belongs to."""


class RetainedRecords(Struct, frozen=True, kw_only=True):
    """The records of one class that have one end of retention."""

    kind: str
    basis: str
    until: datetime
    records: tuple[dict[str, Any], ...]
    """Of plain values and instants; they may be personal."""


def retained(book: Book, rules: RetentionRules, zone: str, now: datetime) -> tuple[RetainedRecords, ...]:
    """Return the records to keep beyond `now`, by class and end."""
    return tuple(retained_records for retained_records in _all(book, rules, zone) if retained_records.until > now)


def ends_at(book: Book, rules: RetentionRules, zone: str) -> datetime | None:
    """Return when no record of an account needs to be kept any more; None where none has to be kept at all."""
    return max((retained_records.until for retained_records in _all(book, rules, zone)), default=None)


def bases(book: Book, rules: RetentionRules, zone: str) -> tuple[str, ...]:
    """Return the laws by which records of an account are kept."""
    return tuple(sorted({retained_records.basis for retained_records in _all(book, rules, zone)}))


def number(book: Book, rules: RetentionRules, zone: str) -> int:
    """Return how many records of an account are kept by law."""
    return sum(len(retained_records.records) for retained_records in _all(book, rules, zone))


def until(rule: RecordClass, at: datetime, zone: str) -> datetime:
    """Return the end of the calendar year of a record, and `years` more."""
    year = at.astimezone(ZoneInfo(zone)).year + rule.years + 1
    return datetime(year, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _all(book: Book, rules: RetentionRules, zone: str) -> Iterator[RetainedRecords]:
    for kind in CLASSES:
        rule: RecordClass = getattr(rules, kind)
        if not rule.basis:
            continue
        for end, records in sorted(_by_end(_READERS[kind](book), rule, zone).items()):
            yield RetainedRecords(kind=kind, basis=rule.basis, until=end, records=tuple(records))


def _by_end(records: Iterable[RecordRow], rule: RecordClass, zone: str) -> dict[datetime, list[dict[str, Any]]]:
    matches: dict[datetime, list[dict[str, Any]]] = {}
    for at, record in records:
        matches.setdefault(until(rule, at, zone), []).append(dict(record))
    return matches


def _settlements(book: Book) -> Iterator[RecordRow]:
    for _, invoices in sorted(book.invoices.items()):
        for key, invoice in sorted(invoices.known.items()):
            yield _invoice(key, invoice)
    for key, order in sorted(book.orders.items()):
        yield _order(key, order)
    for fact, transfer in sorted(settling.known(book), key=lambda item: item[0].id):
        record = {"payment": fact.id, "amount": fact.amount, "currency": fact.currency, "received_at": fact.received_at}
        yield fact.received_at, record | {"reference": fact.reference, "unmatched": transfer.unmatched}
    yield from _whole("refunds_of", book.refunds)
    yield from _whole("credit", book.credit)


def _invoice(key: str, invoice: Invoice) -> RecordRow:
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


def _order(key: str, order: Order) -> RecordRow:
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


def _dunning(book: Book) -> Iterator[RecordRow]:
    for _, invoices in sorted(book.invoices.items()):
        for key, invoice in sorted(invoices.known.items()):
            if invoice.failures:
                yield invoice.failures[-1], {"invoice": key, "failed_at": invoice.failures, "paid": invoice.paid}
    for key, case in sorted(book.cases.items()):
        touched = [at for at in (case.held_at, case.promised, case.exhausted_for, case.waived_for) if at is not None]
        if touched:
            yield max(touched), {"case": key, "deadline": case.promised, "held_at": case.held_at}
    for key, collection in sorted(book.collections.items()):
        if collection.handed is not None:
            ended = collection.recalled.at if collection.recalled else None
            record = {"collection": key, "handed_over_at": collection.handed.at, "amount": collection.handed.amount}
            yield (
                ended or collection.handed.at,
                record | {"statement": collection.handed.statement_sha256, "recalled_at": ended},
            )


def _disputes(book: Book) -> Iterator[RecordRow]:
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


def _interactions(book: Book) -> Iterator[RecordRow]:
    for subject, notices in sorted(book.notices.items()):
        for name, request_log in sorted(notices.sent.items()):
            kind, _, step = name.rpartition("|")
            stated = {"notice": kind, "step": int(step), "subject": subject, "asked_at": request_log.at}
            yield (
                request_log.outcome_at,
                stated | {"outcome": str(request_log.outcome), "ended_at": request_log.outcome_at},
            )
    for key, mandate in sorted(book.mandates.items()):
        at = [fact.at for fact in (mandate.granted, mandate.revoked) if fact is not None]
        yield max(at), {"mandate": key, "granted_at": min(at), "revoked_at": mandate.revoked and mandate.revoked.at}
    for key, override in sorted(book.overrides.items()):
        made = override.set
        if made.kind is OverrideKind.LEGAL_HOLD:
            continue  # It keeps records to its own end, and starts no years of its own.
        said = {"override": key, "kind": str(made.kind), "actor": made.actor, "reason": made.reason}
        yield made.at, said | {"at": made.at, "until": made.until}
    yield from _whole("refund_request", book.refund_requests)
    yield from _whole("contact", book.contacts)
    yield from _whole("agreement", book.agreements)


def _whole(name: str, records: Mapping[str, Any]) -> Iterator[RecordRow]:
    """Yield records as they are kept, each with the latest timestamp in it."""
    for key, record in sorted(records.items()):
        document = {name: key, **to_builtins(record, builtin_types=(datetime,))}
        latest = max(_instants(document), default=None)
        if latest is not None:
            yield latest, document


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
