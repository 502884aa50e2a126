"""A policy's verdicts on requests as they are made, compared with those of another policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from kulanz.policy.areas.refunds.reading import promised_answer
from kulanz.policy.book import Book
from kulanz.policy.facts import RefundRequested
from kulanz.policy.state.refunds import Refund, Verdict
from kulanz.policy.state.terms import Terms


class Ruling(NamedTuple):
    """The answer of one policy to one request, on the day on which it was made."""

    request: str
    at: datetime
    payment: str
    currency: str
    clause: str
    verdict: Verdict
    refundable: int
    """Minor units."""
    decide_by: datetime
    pay_by: datetime | None

    @property
    def promise(self) -> tuple[Verdict, int, datetime, datetime | None]:
        """The amount and time that the ruling promises: another clause alone is the same answer."""
        return self.verdict, self.refundable, self.decide_by, self.pay_by


class Reversal(NamedTuple):
    """A request that two policies answer differently: with another verdict, amount or deadline."""

    was: Ruling
    would_be: Ruling


def ruling(refund: Refund) -> Ruling:
    """Return the answer to a request as it stands."""
    answer = refund.answer
    return Ruling(
        request=refund.key,
        at=refund.requested_at,
        payment=refund.payment.key,
        currency=refund.payment.currency,
        clause=answer.clause,
        verdict=answer.verdict,
        refundable=answer.refundable,
        decide_by=refund.decide_by,
        pay_by=refund.pay_by,
    )


def reversals(ours: Mapping[str, Ruling], theirs: Mapping[str, Ruling]) -> tuple[Reversal, ...]:
    """Return the requests that are answered differently, the oldest first."""
    both = (Reversal(ours[key], theirs[key]) for key in ours.keys() & theirs.keys())
    stored_reversals = [pair for pair in both if pair.was.promise != pair.would_be.promise]
    return tuple(sorted(stored_reversals, key=lambda pair: (pair.was.at, pair.was.request)))


def promised_anew(fact: RefundRequested, book: Book, terms: Terms, zone: str) -> RefundRequested:
    """Return a request with the answer's deadline that these terms promise."""
    return replace(fact, decide_by=promised_answer(fact.at, book, terms.under(book, fact.at), zone))
