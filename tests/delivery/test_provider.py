"""Calls to the provider: the real client against a server that plays Lemon Squeezy's API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from kulanz.delivery import AttemptReport, AttemptState, Channels, deliver
from kulanz.delivery.guard import guarded_session
from kulanz.policy.effects import CancelSubscription, Effect, LookUpSubscription, ResumeSubscription
from kulanz.policy.facts import Outcome, Provenance, Status, SubscriptionLookedUp, SubscriptionSeen
from kulanz.providers.lemonsqueezy.client import LemonSqueezyClient
from tests.delivery import values
from tests.lemonsqueezy import subscription_created
from tests.provider_server import Provider, Reply, a_provider

KEY = "lemonsqueezy:8"
READ, CANCEL, RESUME = (f"{method} /v1/subscriptions/8" for method in ("GET", "DELETE", "PATCH"))
STOP = CancelSubscription(id="ef_1", subscription=KEY, cause="lemonsqueezy:1134999")
TAKE_BACK = ResumeSubscription(id="ef_2", subscription=KEY)
LOOK = LookUpSubscription(id="ef_3", subscription=KEY, case="lemonsqueezy:1134999")


@pytest.fixture
def provider() -> Iterator[Provider]:
    with a_provider() as server:
        server.add(subscription_created(subscription=8))
        server.change(8, status="past_due")
        yield server


def asking(provider: Provider, api_key: str | None = None) -> Channels:
    client = LemonSqueezyClient(api_key or provider.api_key, provider.url, guarded_session(), timeouts=(1.0, 1.0))
    return values.the_channels(providers={"lemonsqueezy": client})


def attempt(effect: Effect, provider: Provider, attempts: int = 0) -> AttemptReport:
    return deliver(effect, asking(provider), values.an_attempt(attempts=attempts))


def test_a_subscription_is_read_and_then_cancelled(provider: Provider) -> None:
    report = attempt(STOP, provider)

    assert (report.state, report.outcome, report.error) == (AttemptState.DONE, Outcome.DONE, None)
    assert provider.calls == [READ, CANCEL]
    assert provider.attributes(8)["status"] == "cancelled"


def test_what_was_read_on_the_way_is_a_fact(provider: Provider) -> None:
    (seen,) = attempt(STOP, provider).facts

    assert isinstance(seen, SubscriptionSeen)
    assert (seen.key, seen.status, seen.provenance) == (KEY, Status.PAST_DUE, Provenance.RECONCILED)


@pytest.mark.parametrize("status", ["cancelled", "expired"])
def test_what_is_cancelled_already_is_left_alone(provider: Provider, status: str) -> None:
    provider.change(8, status=status)

    first, later = attempt(STOP, provider), attempt(STOP, provider, attempts=1)

    assert provider.calls == [READ, READ]
    assert (first.state, first.outcome) == (AttemptState.DONE, Outcome.REFUSED)  # It was none of ours.
    assert (later.state, later.outcome) == (AttemptState.DONE, Outcome.DONE)  # An earlier attempt of ours did it.


def test_a_cancellation_that_came_second_is_done(provider: Provider) -> None:
    provider.queue(Reply(only="DELETE", status=422, acts=True, body={"errors": [{"detail": "Already cancelled."}]}))

    report = attempt(STOP, provider)

    assert (report.state, report.outcome) == (AttemptState.DONE, Outcome.REFUSED)
    assert provider.calls == [READ, CANCEL, READ]


def test_a_lost_answer_is_read_before_anything_is_repeated(provider: Provider) -> None:
    provider.queue(Reply(only="DELETE", acts=True, reset=True))

    lost, attempt_report = attempt(STOP, provider), attempt(STOP, provider, attempts=1)

    assert (lost.state, lost.outcome) == (AttemptState.RETRY, None)
    assert (attempt_report.state, attempt_report.outcome) == (AttemptState.DONE, Outcome.DONE)
    assert provider.calls == [READ, CANCEL, READ]


@pytest.mark.parametrize("effect", [STOP, TAKE_BACK])
def test_a_subscription_that_the_provider_does_not_know_is_parked_with_a_hint(
    provider: Provider, effect: Effect
) -> None:
    provider.subscriptions.clear()

    report = attempt(effect, provider)

    assert (report.state, report.outcome) == (AttemptState.PARKED, Outcome.FAILED)
    assert report.error == "the provider knows no such subscription: does the API key belong to its store and mode?"


def test_a_404_of_the_cancellation_itself_is_parked_too(provider: Provider) -> None:
    provider.queue(Reply(status=404, only="DELETE"))

    assert attempt(STOP, provider).state is AttemptState.PARKED


@pytest.mark.parametrize("effect", [STOP, TAKE_BACK])
def test_a_key_that_is_not_accepted_is_ours_to_mend(provider: Provider, effect: Effect) -> None:
    report = deliver(effect, asking(provider, api_key="an-old-key"), values.an_attempt())

    assert report.state is AttemptState.RETRY
    assert str(report.error).endswith("is the API key right and still valid?")
    assert "an-old-key" not in repr(report)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_provider_that_is_busy_is_asked_again_when_it_says(provider: Provider, method: str, status: int) -> None:
    provider.queue(Reply(status=status, only=method, headers={"Retry-After": "90"}))

    report = attempt(STOP, provider)

    assert (report.state, report.outcome, report.retry_after) == (AttemptState.RETRY, None, timedelta(seconds=90))


def test_a_provider_that_fails_for_three_days_is_parked(provider: Provider) -> None:
    provider.queue(Reply(status=500))

    report = attempt(STOP, provider, attempts=12)

    assert (report.state, report.outcome) == (AttemptState.PARKED, Outcome.FAILED)


def test_a_cancellation_that_is_refused_is_parked(provider: Provider) -> None:
    provider.queue(Reply(status=422, only="DELETE"))

    report = attempt(STOP, provider)

    assert (report.state, report.outcome) == (AttemptState.PARKED, Outcome.FAILED)


@pytest.mark.parametrize("effect", [STOP, TAKE_BACK])
def test_without_a_key_it_becomes_a_visible_to_do(effect: Effect) -> None:
    report = deliver(effect, values.the_channels(), values.an_attempt())

    assert (report.state, report.outcome) == (AttemptState.TODO, None)
    assert report.error == "no API key for lemonsqueezy: to be done there by hand"


def test_a_cancellation_of_ours_is_taken_back(provider: Provider) -> None:
    provider.change(8, status="cancelled", cancelled=True)

    report = attempt(TAKE_BACK, provider)

    assert (report.state, report.outcome) == (AttemptState.DONE, Outcome.DONE)
    assert provider.calls == [READ, RESUME]
    assert provider.attributes(8)["status"] == "active"


def test_a_trial_is_taken_back_with_its_end(provider: Provider) -> None:
    provider.change(8, status="cancelled", cancelled=True)
    ends_at = datetime(2026, 3, 20, tzinfo=UTC)

    attempt(ResumeSubscription(id="ef_2", subscription=KEY, trial_ends_at=ends_at), provider)

    stated = provider.requests[-1].document["data"]["attributes"]
    assert stated == {"cancelled": False, "trial_ends_at": "2026-03-20T00:00:00.000000Z"}


def test_a_subscription_that_renews_needs_no_taking_back(provider: Provider) -> None:
    report = attempt(TAKE_BACK, provider)

    assert (report.state, report.outcome, provider.calls) == (AttemptState.DONE, Outcome.DONE, [READ])


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_a_taking_back_that_is_refused_is_parked_and_told_so(provider: Provider, status: str) -> None:
    provider.change(8, status=status)
    provider.queue(Reply(status=422, only="PATCH"))

    report = attempt(TAKE_BACK, provider)

    assert (report.state, report.outcome) == (AttemptState.PARKED, Outcome.REFUSED)


def test_a_look_gives_the_status_and_the_snapshot(provider: Provider) -> None:
    report = attempt(LOOK, provider)

    seen, looked = report.facts
    assert report.state is AttemptState.DONE
    assert isinstance(seen, SubscriptionSeen)
    assert looked == SubscriptionLookedUp(subscription=KEY, at=values.NOON, status=Status.PAST_DUE)


@pytest.mark.parametrize("status", [400, 401, 404, 418, 429, 500])
def test_a_look_without_an_answer_is_a_fact_too(provider: Provider, status: int) -> None:
    provider.queue(Reply(status=status))

    report = attempt(LOOK, provider)

    assert (report.state, report.outcome) == (AttemptState.DONE, None)
    assert report.error
    assert report.facts == (SubscriptionLookedUp(subscription=KEY, at=values.NOON, status=None),)


@pytest.mark.parametrize("reply", [Reply(reset=True), Reply(delay=1.5), Reply(body=b"<html>"), Reply(cut=20)])
def test_a_look_survives_whatever_comes_back(provider: Provider, reply: Reply) -> None:
    provider.queue(reply)

    assert attempt(LOOK, provider).facts == (SubscriptionLookedUp(subscription=KEY, at=values.NOON, status=None),)


def test_a_look_without_a_key_is_answered_by_nobody() -> None:
    report = deliver(LOOK, values.the_channels(), values.an_attempt())

    assert report.state is AttemptState.SKIPPED
    assert report.facts == (SubscriptionLookedUp(subscription=KEY, at=values.NOON, status=None),)


def test_what_a_provider_says_is_told_without_addresses(provider: Provider) -> None:
    said = {"errors": [{"detail": "The card of anna@example.com was declined."}]}
    provider.queue(Reply(status=422, only="DELETE", body=said))

    report = attempt(STOP, provider)

    assert report.error == "Lemon Squeezy answered 422: The card of (address) was declined."
