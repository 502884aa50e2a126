"""Export of a debt to a collector: the fields that the policy names and that are known, and the frozen statement."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from kulanz.policy.areas import settling
from kulanz.policy.areas.addresses import mail_address
from kulanz.policy.areas.collections import levels
from kulanz.policy.book import Book
from kulanz.policy.book.collections import Collection
from kulanz.policy.calendar.time import rfc3339
from kulanz.policy.facts.collecting import ClaimHandedOver
from kulanz.policy.state import Case


class Package(NamedTuple):
    """A file for a collection agency or credit bureau, with its content."""

    fields: tuple[str, ...]
    text: str
    statement_sha256: str


def for_agency(collection: Collection, ident: str, case: Case, book: Book, now: datetime) -> Package:
    """Return the package for a collection agency (dunning-at 5): only fields that the policy names."""
    rules = case.policy.collections
    also = collection.proposed.also if collection.proposed else ()
    wanted = [name for name in rules.fields if name not in rules.only_where_needed or name in also]
    filled, digest = _filled(wanted, ident, case, book, now)
    whole = {"reference": ident, "handed_over_at": rfc3339(now), **filled, "statement_sha256": digest}
    return Package(tuple(filled), json.dumps(whole, ensure_ascii=False, indent=2), digest)


def for_bureau(handed: ClaimHandedOver, case: Case, book: Book, now: datetime) -> Package:
    """Return the report to a credit bureau about a debt that was handed over (dunning-at 6).

    It bears the hash of the statement that was handed over; a newer one, where the policy names it, has its own.
    """
    wanted = case.policy.collections.credit_report.fields
    filled, newer = _filled(wanted, handed.id, case, book, now)
    document = {"reference": handed.id, "handed_over_at": rfc3339(handed.at), "reported_at": rfc3339(now), **filled}
    hashes = {"statement_sha256": handed.statement_sha256}
    if "statement" in filled:
        hashes["newer_statement_sha256"] = newer
    return Package(tuple(filled), json.dumps({**document, **hashes}, ensure_ascii=False, indent=2), newer)


def recall(ident: str, cause: str, now: datetime) -> str:
    """Return the recall that follows a package: the debt is not to be pursued any more."""
    return json.dumps({"reference": ident, "recalled_at": rfc3339(now), "cause": cause}, indent=2)


def statement(ident: str, case: Case, book: Book, now: datetime) -> str:
    """Return the account of a debt, line by line, the same bytes for the same facts."""
    lines = sorted(_lines(case, book), key=lambda line: (line["at"], line["what"], line["amount"]))
    document = {
        "reference": ident,
        "as_of": rfc3339(now),
        "currency": case.currency,
        "lines": lines,
        "balance": sum(line["amount"] for line in lines),
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def held(case: Case, book: Book, now: datetime) -> dict[str, str | int]:
    """Return the known data of the debtor, by the names that a policy may use."""
    existing = dict(book.debtors["debtor"].told.fields) if book.debtors else {}
    created = book.subscriptions[case.subscription].seen.created_at
    matches: dict[str, str | int | None] = {
        **existing,
        "email": existing.get("email") or mail_address(case.subscription, book),
        "contract_date": existing.get("contract_date") or (created.date().isoformat() if created else None),
        "age": _age(existing.pop("birth_date", None), now.date()),
    }
    return {name: value for name, value in matches.items() if value is not None and name != "birth_date"}


def owed(case: Case, book: Book) -> int:
    """Return the sum that is owed: the invoice, and the fees that no transfer has paid."""
    return case.amount_due + levels.fees_due(case, book)


def _filled(wanted: Iterable[str], ident: str, case: Case, book: Book, now: datetime) -> tuple[dict[str, Any], str]:
    """Return the wanted fields that are known, and the hash of the current statement."""
    account = statement(ident, case, book, now)
    existing = held(case, book, now)
    ours: Mapping[str, Any] = {
        "arrears": _arrears(case, book),
        "invoices": list(_invoices(case, book)),
        "statement": json.loads(account),
    }
    filled = {
        name: ours[name] if name in ours else existing[name] for name in wanted if name in ours or name in existing
    }
    return filled, sha256(account.encode()).hexdigest()


def _age(birth_date: str | None, today: date) -> int | None:
    if birth_date is None:
        return None
    born = date.fromisoformat(birth_date)
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _arrears(case: Case, book: Book) -> dict[str, Any]:
    fees = levels.fees_due(case, book)
    return {
        "due_since": rfc3339(case.opened_at),
        "currency": case.currency,
        "amount_due": case.amount_due,
        "fees": fees,
        "total": case.amount_due + fees,
        "letters": [
            {"level": step, "sent_at": rfc3339(request_log.at), "outcome": str(request_log.outcome)}
            for step, request_log in sorted(levels.sent(case, book).items())
        ],
    }


def _invoices(case: Case, book: Book) -> Iterator[dict[str, Any]]:
    invoice = book.invoice(case.invoice) if case.invoice else None
    if invoice is not None:
        seen = invoice.seen
        yield {
            "number": seen.key.partition(":")[2],
            "issued_at": rfc3339(seen.created_at or seen.stamp.at),
            "currency": seen.currency,
            "total": seen.total,
            "tax": seen.tax,
        }


def _lines(case: Case, book: Book) -> Iterator[dict[str, Any]]:
    invoice = book.invoice(case.invoice) if case.invoice else None
    if invoice is not None:
        seen = invoice.seen
        yield _line(seen.created_at or seen.stamp.at, f"invoice {seen.key.partition(':')[2]}", seen.total)
        if invoice.refunded:
            yield _line(seen.stamp.at, "credited", -invoice.refunded)
    for fact, transfer in settling.known(book):
        for share in transfer.shares:
            if share.claim in {case.invoice, *case.names}:
                yield _line(fact.received_at, "payment", -share.amount)
    for step, request_log in levels.sent(case, book).items():
        if levels.charged(request_log) and levels.fee(case, step):
            yield _line(request_log.at, f"fee of dunning letter {step}", levels.fee(case, step))


def _line(at: datetime, what: str, amount: int) -> dict[str, Any]:
    return {"at": rfc3339(at), "what": what, "amount": amount}
