"""Giving money back: read before, read after, never twice, and a person where the figures do not agree (I11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import pytest

from kulanz.delivery.channels import EarlierRequest
from kulanz.delivery.money import disable, refund
from kulanz.delivery.report import AttemptState
from kulanz.errors import FarEndError, UnknownOutcomeError, UntranslatableError
from kulanz.policy.effects import DisableLicence, RefundPayment
from kulanz.policy.facts import Outcome, ProviderFact, SubscriptionSeen
from kulanz.providers.provider import Refunded

BROKE = UnknownOutcomeError("the connection broke after the POST")


@dataclass
class Till:
    """A provider's API with one payment in it."""

    gone: int = 0
    """What has gone back, as it tells."""
    lag: bool = False
    """It takes a refund and tells of it later."""
    failing: list[Exception] = field(default_factory=list)
    """What the next refunds end with."""
    acts: bool = True
    """Whether a refund that ends so has happened all the same."""
    unreadable: list[Exception] = field(default_factory=list)
    currency: str = "EUR"
    known: bool = True
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    api_url: str = "http://till.example"
    REFUND_KEY_LASTS: ClassVar[timedelta] = timedelta()

    def checked(self, before_write: Callable[[], None], /) -> Self:
        return self

    def refunded(self, kind: str, payment: str, /) -> Refunded | None:
        if self.unreadable:
            raise self.unreadable.pop(0)
        return Refunded(self.gone, self.currency) if self.known else None

    def refund(self, kind: str, payment: str, amount: int, key: str, /) -> None:
        self.asked.append((kind, payment, amount))
        error = self.failing.pop(0) if self.failing else None
        if not self.lag and (error is None or self.acts):
            self.gone += amount
        if error is not None:
            raise error

    def payment_page(self, subscription: str, invoice: str | None, /) -> str | None:
        raise AssertionError(subscription, invoice)

    def disable_licence(self, licence: str, /) -> tuple[ProviderFact, ...] | None:
        return () if self.known else None

    def test_mode(self) -> bool:
        return True

    def subscription(self, subscription: str, /) -> SubscriptionSeen | None:
        return None

    def cancel(self, subscription: str, /) -> None: ...

    def resume(self, subscription: str, trial_ends_at: datetime | None, /) -> None: ...


def an_effect(*, before: int = 0, amount: int = 1667) -> RefundPayment:
    return RefundPayment(
        id="ef_1",
        subject="rr_1",
        payment="lemonsqueezy:2882321",
        kind="order",
        amount=amount,
        currency="EUR",
        before=before,
    )


def a_lost_request(**stated: Any) -> EarlierRequest:
    rested = {"age": timedelta(hours=1), "rest": timedelta(), "sender": "process 7 on alpha", "sender_is_gone": False}
    return EarlierRequest(**{**rested, **stated})


def test_what_was_approved_goes_back_once_and_is_read_back() -> None:
    till = Till(gone=100)

    report = refund(an_effect(before=100), {"lemonsqueezy": till}, 0)

    assert (report.state, report.outcome, till.gone) == (AttemptState.DONE, Outcome.DONE, 1767)
    assert till.asked == [("order", "2882321", 1667)]


def test_what_has_gone_back_by_an_earlier_attempt_is_not_sent_again() -> None:
    till = Till(failing=[BROKE])

    first = refund(an_effect(), {"lemonsqueezy": till}, 0)
    second = refund(an_effect(), {"lemonsqueezy": till}, 1)

    assert (first.state, second.state, second.outcome) == (AttemptState.RETRY, AttemptState.DONE, Outcome.DONE)
    assert (till.gone, len(till.asked)) == (1667, 1)


def test_a_lost_request_is_made_again_where_its_sender_is_gone_and_nothing_has_moved() -> None:
    till = Till(gone=200)

    report = refund(an_effect(before=200), {"lemonsqueezy": till}, 1, a_lost_request(sender_is_gone=True))

    assert (report.state, till.gone, len(till.asked)) == (AttemptState.DONE, 1867, 1)


def test_a_lost_request_whose_sender_may_live_waits_for_a_person_who_sees_both_figures() -> None:
    till = Till(gone=200)

    report = refund(an_effect(before=200), {"lemonsqueezy": till}, 1, a_lost_request(sender_is_gone=False))

    assert (report.state, report.outcome, till.asked) == (AttemptState.PARKED, Outcome.UNKNOWN, [])
    assert report.error == (
        "a refund of 1667 EUR has no known outcome: 200 had gone back when it was approved, 200 has now; "
        "process 7 on alpha may still send it: end that, then retry"
    )


@pytest.mark.parametrize("gone", [True, False])
def test_a_lost_request_rests_before_it_is_made_again(*, gone: bool) -> None:
    till, rest = Till(), timedelta(seconds=70)

    report = refund(an_effect(), {"lemonsqueezy": till}, 1, a_lost_request(sender_is_gone=gone, rest=rest))

    assert (report.state, report.retry_after, till.asked) == (AttemptState.RETRY, rest, [])


@pytest.mark.parametrize("gone", [True, False])
@pytest.mark.parametrize("rest", [timedelta(), timedelta(seconds=70)])
def test_a_lost_request_that_has_moved_the_money_is_done(*, gone: bool, rest: timedelta) -> None:
    till = Till(gone=1667)

    report = refund(an_effect(), {"lemonsqueezy": till}, 1, a_lost_request(sender_is_gone=gone, rest=rest))

    assert (report.state, report.outcome, till.asked) == (AttemptState.DONE, Outcome.DONE, [])


class KeyedTill(Till):
    """One that looks at keys, and forgets them after a day."""

    REFUND_KEY_LASTS: ClassVar[timedelta] = timedelta(hours=23)


@pytest.mark.parametrize(("hours", "asked"), [(22, 1), (24, 0)])
def test_where_a_key_still_holds_a_lost_request_is_made_again_at_once(hours: int, asked: int) -> None:
    till = KeyedTill()

    refund(an_effect(), {"stripe": till, "lemonsqueezy": till}, 1, a_lost_request(age=timedelta(hours=hours)))

    assert len(till.asked) == asked


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (BROKE, False),
        (FarEndError("time-out", retryable=True, answer=408), False),
        (FarEndError("oops", retryable=True, answer=500), False),
        (FarEndError("busy", retryable=True, answer=503), False),
        (FarEndError("no connection was made", retryable=True), True),
        (FarEndError("too many", retryable=True, answer=429), True),
        (FarEndError("who are you", retryable=False, answer=401), True),
        (FarEndError("it cannot be refunded", retryable=False, answer=422), True),
    ],
)
def test_only_what_surely_had_no_effect_counts_as_refused(error: Exception, *, refused: bool) -> None:
    report = refund(an_effect(), {"lemonsqueezy": Till(failing=[error], acts=False)}, 0)

    assert report.refused is refused


def test_a_refund_given_up_after_lost_answers_is_of_unknown_outcome() -> None:
    report = refund(an_effect(), {"lemonsqueezy": KeyedTill(failing=[BROKE], acts=False)}, 99)

    assert (report.state, report.outcome) == (AttemptState.PARKED, Outcome.UNKNOWN)


@pytest.mark.parametrize("moved", [1, 500, 1666, 1668, 5000])
def test_money_that_moved_by_another_amount_is_for_a_person(moved: int) -> None:
    till = Till(gone=200 + moved)

    report = refund(an_effect(before=200), {"lemonsqueezy": till}, 0)

    assert (report.state, report.outcome, till.asked) == (AttemptState.PARKED, Outcome.FAILED, [])
    assert f"moved by {moved}" in (report.error or "")


def test_a_payment_in_another_currency_is_for_a_person() -> None:
    till = Till(currency="USD")

    report = refund(an_effect(), {"lemonsqueezy": till}, 0)

    assert (report.state, till.asked) == (AttemptState.PARKED, [])


def test_a_provider_that_books_later_has_taken_it_and_its_event_will_tell() -> None:
    report = refund(an_effect(), {"lemonsqueezy": Till(lag=True)}, 0)

    assert (report.state, report.outcome) == (AttemptState.DONE, Outcome.DONE)


def test_without_a_key_it_is_a_to_do_that_operators_see() -> None:
    report = refund(an_effect(), {}, 0)

    assert (report.state, report.outcome) == (AttemptState.TODO, None)
    assert "by hand" in (report.error or "")


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (FarEndError("busy", retryable=True, answer=503, retry_after=timedelta(seconds=3)), AttemptState.RETRY),
        (FarEndError("who are you", retryable=False, answer=401), AttemptState.RETRY),
        (FarEndError("no such order", retryable=False, answer=404), AttemptState.PARKED),
        (FarEndError("it cannot be refunded", retryable=False, answer=422), AttemptState.PARKED),
    ],
)
def test_a_refusal_is_tried_again_or_seen_by_operators(error: FarEndError, state: AttemptState) -> None:
    till = Till(failing=[error], acts=False)

    report = refund(an_effect(), {"lemonsqueezy": till}, 0)

    assert (report.state, till.gone) == (state, 0)
    assert (report.outcome is None) == (state is AttemptState.RETRY)


def test_a_payment_that_nobody_knows_there_is_parked() -> None:
    report = refund(an_effect(), {"lemonsqueezy": Till(known=False)}, 0)

    assert (report.state, report.outcome) == (AttemptState.PARKED, Outcome.FAILED)


def test_an_answer_that_cannot_be_read_is_asked_for_again_and_nothing_is_sent() -> None:
    till = Till(unreadable=[UntranslatableError("charge.amount_refunded: expected a whole number")])

    report = refund(an_effect(), {"lemonsqueezy": till}, 0)

    assert (report.state, till.asked) == (AttemptState.RETRY, [])


def test_a_refund_that_was_taken_counts_although_it_could_not_be_read_back() -> None:
    class Mute(Till):
        def refund(self, *stated: object) -> None:
            super().refund("order", "2882321", 1667, "")
            self.unreadable.append(FarEndError("busy", retryable=True, answer=503))

    report = refund(an_effect(), {"lemonsqueezy": Mute()}, 0)

    assert (report.state, report.outcome) == (AttemptState.DONE, Outcome.DONE)


@pytest.mark.parametrize(
    ("clients", "state"),
    [
        (lambda: {"lemonsqueezy": Till()}, AttemptState.DONE),
        (lambda: {"lemonsqueezy": Till(known=False)}, AttemptState.PARKED),
        (dict, AttemptState.TODO),
    ],
)
def test_a_licence_is_disabled_or_seen_by_operators(
    clients: Callable[[], dict[str, Till]], state: AttemptState
) -> None:
    effect = DisableLicence(id="ef_2", subject="rr_1", licence="lemonsqueezy:7001")

    assert disable(effect, clients(), 0).state is state
