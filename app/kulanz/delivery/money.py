"""Giving money back at the provider, and disabling the licence that it had bought: read before and after (I11, I15)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

from kulanz.delivery.channels import EarlierRequest
from kulanz.delivery.provider import Clients, ProviderClient, failed
from kulanz.delivery.report import AttemptReport, AttemptState, parked
from kulanz.errors import FarEndError, UnknownOutcomeError, UntranslatableError
from kulanz.policy.effects import DisableLicence, RefundPayment
from kulanz.policy.facts import Outcome
from kulanz.providers.provider import Refunded

_NO_PAYMENT = "the provider knows no such payment: does the API key belong to its store and mode?"
_NO_LICENCE = "the provider knows no such licence: does the API key belong to its store and mode?"


def refund(
    effect: RefundPayment, clients: Clients, attempts: int, earlier: EarlierRequest | None = None
) -> AttemptReport:
    """Refund the approved amount, unless it has gone back since; a person decides about other refunds meanwhile.

    A request of unknown outcome is made again only where that cannot move the money twice (I15).
    """
    provider, _, payment = effect.payment.partition(":")
    client = clients.get(provider)
    if client is None:
        return AttemptReport(state=AttemptState.TODO, error=f"no API key for {provider}: to be refunded there by hand")
    try:
        before = _read(client, effect, payment)
    except FarEndError as error:
        return failed(error, attempts, Outcome.FAILED, _NO_PAYMENT)
    if before is None:
        return parked(_NO_PAYMENT)
    report = (
        _settled(effect, before)
        or _put_off(effect, client, before, earlier)
        or _ordered(effect, client, payment, before, attempts)
    )
    return replace(report, facts=(*before.facts, *report.facts))


def disable(effect: DisableLicence, clients: Clients, attempts: int) -> AttemptReport:
    """Disable a licence key unless that has happened."""
    provider, _, licence = effect.licence.partition(":")
    client = clients.get(provider)
    if client is None:
        return AttemptReport(state=AttemptState.TODO, error=f"no API key for {provider}: to be disabled there by hand")
    try:
        facts = client.disable_licence(licence)
    except FarEndError as error:
        return failed(error, attempts, Outcome.FAILED, _NO_LICENCE)
    return (
        parked(_NO_LICENCE)
        if facts is None
        else AttemptReport(state=AttemptState.DONE, outcome=Outcome.DONE, facts=facts)
    )


def _settled(effect: RefundPayment, read: Refunded) -> AttemptReport | None:
    """Return the report where the money has moved, None where it has not."""
    moved = read.amount - effect.before
    if read.currency != effect.currency:
        return parked(f"the payment is in {read.currency} at the provider, not in {effect.currency}: a person decides")
    if moved == 0:
        return None
    if moved == effect.amount:
        return AttemptReport(state=AttemptState.DONE, outcome=Outcome.DONE)
    wanted = f"{effect.amount} {effect.currency}"
    return parked(f"what was refunded moved by {moved}, and not by {wanted}: a person decides")


def _put_off(
    effect: RefundPayment, client: ProviderClient, read: Refunded, earlier: EarlierRequest | None
) -> AttemptReport | None:
    """Return the report where an earlier request may still move the money, None where it may be ordered."""
    if earlier is None or earlier.age < client.REFUND_KEY_LASTS:
        return None
    figures = f"{effect.before} had gone back when it was approved, {read.amount} has now"
    unknown = f"a refund of {effect.amount} {effect.currency} has no known outcome: {figures}"
    if earlier.rest > timedelta():
        return AttemptReport(state=AttemptState.RETRY, error=unknown, retry_after=earlier.rest)
    if earlier.sender_is_gone:
        return None
    return parked(f"{unknown}; {earlier.sender} may still send it: end that, then retry", Outcome.UNKNOWN)


def _ordered(
    effect: RefundPayment, client: ProviderClient, payment: str, before: Refunded, attempts: int
) -> AttemptReport:
    try:
        _give_back(client, effect, payment)
    except FarEndError as error:
        report = failed(error, attempts, Outcome.REFUSED, _NO_PAYMENT)
        if not _may_have_moved(error):
            return replace(report, refused=True)
        return replace(report, outcome=Outcome.UNKNOWN) if report.state is AttemptState.PARKED else report
    try:
        after = _read(client, effect, payment) or before
    except FarEndError:
        # The request was accepted; the provider's event will report the refund.
        after = before
    report = _settled(effect, after) or AttemptReport(state=AttemptState.DONE, outcome=Outcome.DONE)
    return replace(report, facts=after.facts)


def _may_have_moved(error: FarEndError) -> bool:
    """Whether a refund that failed may have been carried out all the same."""
    answer = error.answer or 0
    lost = isinstance(error, UnknownOutcomeError) or answer == HTTPStatus.REQUEST_TIMEOUT
    return lost or answer >= HTTPStatus.INTERNAL_SERVER_ERROR


def _read(client: ProviderClient, effect: RefundPayment, payment: str) -> Refunded | None:
    try:
        return client.refunded(effect.kind, payment)
    except UntranslatableError as error:
        raise FarEndError(f"the provider's answer: {error.detail}", retryable=True) from error


def _give_back(client: ProviderClient, effect: RefundPayment, payment: str) -> None:
    try:
        client.refund(effect.kind, payment, effect.amount, effect.id)
    except UntranslatableError as error:
        raise FarEndError(f"the provider's answer: {error.detail}", retryable=True) from error
