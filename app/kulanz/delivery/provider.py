"""Cancels, resumes and looks up subscriptions at a provider; reads before each write, so repeats none blindly (I11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import ClassVar, Protocol, Self

from msgspec.structs import replace as evolve

from kulanz.delivery.backoff import try_again
from kulanz.delivery.report import AttemptReport, AttemptState, parked, without_addresses
from kulanz.errors import FarEndError, UnknownOutcomeError
from kulanz.policy.book.provider import RUNNING_STATUSES
from kulanz.policy.effects import CancelSubscription, LookUpSubscription, ResumeSubscription
from kulanz.policy.facts import (
    InvoiceSeen,
    InvoiceStatus,
    Outcome,
    PaymentRefunded,
    PaymentSucceeded,
    Provenance,
    ProviderFact,
    Status,
    SubscriptionLookedUp,
    SubscriptionSeen,
)
from kulanz.providers.provider import Refunded

_OUR_KEY = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""Answers to a refused API key: once we have corrected the key, the same call may succeed."""
_REFUSED_STATUSES = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""Possible answers of a provider when the subscription is cancelled already."""
_NOT_THERE = "the provider knows no such subscription: does the API key belong to its store and mode?"


class PaymentPages(Protocol):
    """Part of a provider's API that leads a customer to a payment page."""

    @property
    def api_url(self) -> str:
        """Address of the API."""

    def payment_page(self, subscription: str, invoice: str | None, customer: str, /) -> str | None:
        """Return a fresh address at which the customer pays or changes the card; None where the provider has none."""


class ProviderClient(PaymentPages, Protocol):
    """Client of a provider's API; failures are `FarEndError` or `UnknownOutcomeError`."""

    REFUND_KEY_LASTS: ClassVar[timedelta]
    """Lifetime of an idempotency key for refunds; zero if the provider has no such keys."""

    def checked(self, before_write: Callable[[], None], /) -> Self:
        """Return the same client, with something to be done directly before each write."""

    def test_mode(self) -> bool:
        """Return whether the API key reaches test data only."""

    def subscription(self, subscription: str, /) -> SubscriptionSeen | None:
        """Return the provider's present subscription, or nothing if it knows none of that id."""

    def invoice(self, invoice: str, /) -> ProviderFact | None:
        """Return a subscription's invoice, as a payment if it is paid, or nothing if none of that id is known."""

    def cancel(self, subscription: str, /) -> object:
        """Stop the renewal; the period paid for runs out."""

    def resume(self, subscription: str, trial_ends_at: datetime | None, /) -> object:
        """Take a cancellation back; a trial needs its end again."""

    def refunded(self, kind: str, payment: str, /) -> Refunded | None:
        """Return the sum refunded so far of a payment, or nothing if the provider knows none of that id.

        `kind` says whose id it is: `order` or `invoice`.
        """

    def refund(self, kind: str, payment: str, amount: int, key: str, /) -> object:
        """Give back so many minor units; `key` is the same on every attempt, for providers that look at it."""

    def disable_licence(self, licence: str, /) -> tuple[ProviderFact, ...] | None:
        """Disable a licence key, unless it is disabled already; None if none of that id is known."""


Clients = Mapping[str, ProviderClient]
"""By the provider's name; a provider for which we hold no API key is absent."""
Act = Callable[[ProviderClient, str, SubscriptionSeen], AttemptReport]


def stop_renewal(effect: CancelSubscription, clients: Clients, attempts: int) -> AttemptReport:
    """Cancel unless that has happened: by an earlier attempt of ours, or (REFUSED) before we ever tried."""

    def act(client: ProviderClient, subscription: str, seen: SubscriptionSeen) -> AttemptReport:
        if seen.status in {Status.CANCELLED, Status.EXPIRED}:
            return AttemptReport(state=AttemptState.DONE, outcome=Outcome.DONE if attempts else Outcome.REFUSED)
        try:
            client.cancel(subscription)
        except FarEndError as error:
            if error.answer not in _REFUSED_STATUSES or not _ended_meanwhile(client, subscription):
                raise
            return AttemptReport(state=AttemptState.DONE, outcome=Outcome.DONE if attempts else Outcome.REFUSED)
        return AttemptReport(state=AttemptState.DONE, outcome=Outcome.DONE)

    return _read_first(effect.subscription, clients, attempts, act, refused=Outcome.FAILED)


def _ended_meanwhile(client: ProviderClient, subscription: str) -> bool:
    """Whether a cancellation was refused because the subscription had been cancelled since it was read."""
    seen = client.subscription(subscription)
    return seen is not None and seen.status in {Status.CANCELLED, Status.EXPIRED}


def resume_renewal(effect: ResumeSubscription, clients: Clients, attempts: int) -> AttemptReport:
    """Take our cancellation back unless it renews again already; where that is refused, operators see it."""

    def act(client: ProviderClient, subscription: str, seen: SubscriptionSeen) -> AttemptReport:
        if seen.status is Status.EXPIRED:
            return parked("the subscription has expired at the provider and cannot be resumed", Outcome.REFUSED)
        if seen.status is Status.CANCELLED:
            client.resume(subscription, effect.trial_ends_at)
        return AttemptReport(state=AttemptState.DONE, outcome=Outcome.DONE)

    return _read_first(effect.subscription, clients, attempts, act, refused=Outcome.REFUSED)


def look_up(effect: LookUpSubscription, clients: Clients, now: datetime) -> AttemptReport:
    """Ask once. No answer is an answer too: the policy decides when to ask again, and when to do without.

    That a subscription runs is no payment: where the case has an invoice, the invoice is asked for too.
    """
    provider, _, subscription = effect.subscription.partition(":")
    client = clients.get(provider)
    if client is None:
        return _answered(
            effect, None, now, AttemptReport(state=AttemptState.SKIPPED, error=f"no API key for {provider}")
        )
    try:
        seen = client.subscription(subscription)
        invoice = client.invoice(effect.invoice.partition(":")[2]) if effect.invoice else None
    except FarEndError as error:
        return _answered(effect, None, now, AttemptReport(state=AttemptState.DONE, error=_facts_of(error)))
    report = AttemptReport(
        state=AttemptState.DONE, error=None if seen else _NOT_THERE, facts=(invoice,) if invoice else ()
    )
    return _answered(effect, seen, now, report)


def _answered(
    effect: LookUpSubscription, seen: SubscriptionSeen | None, now: datetime, report: AttemptReport
) -> AttemptReport:
    status = None if seen is None else seen.status
    if status in RUNNING_STATUSES and effect.invoice and not any(_settles(fact) for fact in report.facts):
        status = Status.UNPAID if report.facts else None
    looked = SubscriptionLookedUp(subscription=effect.subscription, at=now, status=status)
    return replace(report, facts=(*_reconciled(seen), *report.facts, looked))


def _settles(fact: object) -> bool:
    """Whether an invoice that was asked for is owed no more."""
    if isinstance(fact, PaymentSucceeded | PaymentRefunded):
        return True
    return isinstance(fact, InvoiceSeen) and fact.status is not InvoiceStatus.PENDING


def _reconciled(seen: SubscriptionSeen | None) -> tuple[SubscriptionSeen, ...]:
    return () if seen is None else (evolve(seen, provenance=Provenance.RECONCILED),)


def _read_first(key: str, clients: Clients, attempts: int, act: Act, *, refused: Outcome) -> AttemptReport:
    provider, _, subscription = key.partition(":")
    client = clients.get(provider)
    if client is None:
        return AttemptReport(state=AttemptState.TODO, error=f"no API key for {provider}: to be done there by hand")
    try:
        seen = client.subscription(subscription)
    except FarEndError as error:
        return failed(error, attempts, Outcome.FAILED)
    if seen is None:
        return parked(_NOT_THERE)
    try:
        report = act(client, subscription, seen)
    except FarEndError as error:
        report = failed(error, attempts, refused)
    return replace(report, facts=_reconciled(seen))


def failed(error: FarEndError, attempts: int, refused: Outcome, not_there: str = _NOT_THERE) -> AttemptReport:
    """Return the report of a failed attempt: a retry, or parked for operators."""
    if isinstance(error, UnknownOutcomeError):
        return try_again("the provider's answer was lost; it will be read before anything is repeated", attempts)
    if error.retryable or error.answer in _OUR_KEY:
        return try_again(_facts_of(error), attempts, error.retry_after)
    if error.answer == HTTPStatus.NOT_FOUND:
        return parked(not_there)
    return parked(_facts_of(error), refused)


def _facts_of(error: FarEndError) -> str:
    hint = ": is the API key right and still valid?" if error.answer in _OUR_KEY else ""
    return f"{without_addresses(error.detail)}{hint}"
