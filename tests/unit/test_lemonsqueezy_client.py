"""What we ask of Lemon Squeezy's API over a real connection, and what becomes of every kind of answer."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
import requests

from kulanz.errors import FarEndError, UnknownOutcomeError
from kulanz.policy.facts import Provenance, Status
from kulanz.providers import PROVIDERS, Naming
from kulanz.providers.lemonsqueezy.client import LemonSqueezyClient
from tests import lemonsqueezy as ls
from tests.provider_server import API_KEY, Provider, Reply, a_provider

OWN = "810233"
LEMONSQUEEZY = PROVIDERS["lemonsqueezy"]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with a_provider() as running:
        running.add(ls.subscription_created())
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as item:
        yield item


@pytest.fixture
def client(provider: Provider, session: requests.Session) -> LemonSqueezyClient:
    return LemonSqueezyClient(API_KEY, provider.url, session, timeouts=(1.0, 0.4))


def failure(client: LemonSqueezyClient, *, method: str = "GET") -> FarEndError:
    with pytest.raises(FarEndError) as caught:
        client.subscription(OWN) if method == "GET" else client.cancel(OWN)
    assert caught.value.detail.isprintable()
    assert API_KEY not in caught.value.detail
    return caught.value


# Reading.


def test_a_subscription_is_read_as_a_reconciled_snapshot(provider: Provider, client: LemonSqueezyClient) -> None:
    provider.change(OWN, status="past_due")

    seen = client.subscription(OWN)

    assert seen is not None
    assert (seen.key, seen.status) == (f"lemonsqueezy:{OWN}", Status.PAST_DUE)
    assert seen.provenance is Provenance.RECONCILED
    assert seen.stamp.at == ls.MONDAY


@pytest.mark.parametrize(
    ("name", "newer"),
    [("updated", True), ("created", True), ("paused", False), ("cancelled", False), ("expired", False)],
)
def test_an_answer_settles_a_tie_of_catch_all_events_and_no_other(
    client: LemonSqueezyClient, name: str, *, newer: bool
) -> None:
    body = ls.wire(ls.EVENTS[f"subscription_{name}"]())
    (fact,) = LEMONSQUEEZY.translate(f"subscription_{name}", LEMONSQUEEZY.decode(body), "f" * 64, Naming())

    seen = client.subscription(OWN)

    assert (seen.stamp > fact.stamp) is newer


def test_the_same_answer_twice_is_the_same_fact(client: LemonSqueezyClient) -> None:
    assert client.subscription(OWN) == client.subscription(OWN)


def test_requests_are_json_api_with_the_key(provider: Provider, client: LemonSqueezyClient) -> None:
    client.subscription(OWN)

    (call,) = provider.requests
    assert (call.method, call.path) == ("GET", f"/v1/subscriptions/{OWN}")
    assert call.headers["authorization"] == f"Bearer {API_KEY}"
    assert call.headers["accept"] == call.headers["content-type"] == "application/vnd.api+json"


def test_an_address_may_end_in_a_slash(provider: Provider, session: requests.Session) -> None:
    assert LemonSqueezyClient(API_KEY, f"{provider.url}/", session).subscription(OWN)


def test_a_subscription_that_the_key_does_not_reach_is_none(client: LemonSqueezyClient) -> None:
    assert client.subscription("999") is None


def test_an_id_cannot_leave_its_path(provider: Provider, client: LemonSqueezyClient) -> None:
    assert client.subscription("../users/me?x=1#y") is None
    assert provider.calls == ["GET /v1/subscriptions/..%2Fusers%2Fme%3Fx%3D1%23y"]


@pytest.mark.parametrize("test_mode", [True, False])
def test_the_key_says_its_mode(session: requests.Session, *, test_mode: bool) -> None:
    with a_provider(test_mode=test_mode) as provider:
        assert LemonSqueezyClient(API_KEY, provider.url, session).test_mode() is test_mode


@pytest.mark.parametrize("body", [{}, {"meta": None}, {"meta": {"test_mode": None}}, {"meta": []}])
def test_a_key_that_does_not_say_its_mode_is_live(
    provider: Provider, client: LemonSqueezyClient, body: ls.Payload
) -> None:
    provider.queue(Reply(body=body))

    assert client.test_mode() is False


# Writing.


def test_cancel_stops_the_renewal(provider: Provider, client: LemonSqueezyClient) -> None:
    client.cancel(OWN)

    assert provider.calls == [f"DELETE /v1/subscriptions/{OWN}"]
    seen = client.subscription(OWN)
    assert seen is not None
    assert (seen.status, seen.ends_at) == (Status.CANCELLED, seen.renews_at)


def test_resume_takes_a_cancellation_back(provider: Provider, client: LemonSqueezyClient) -> None:
    client.cancel(OWN)

    client.resume(OWN)

    assert provider.requests[-1].document == {
        "data": {"type": "subscriptions", "id": OWN, "attributes": {"cancelled": False}}
    }
    assert provider.attributes(OWN)["status"] == "active"


def test_a_trial_is_resumed_with_its_end(provider: Provider, client: LemonSqueezyClient) -> None:
    end = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
    client.cancel(OWN)

    client.resume(OWN, end)

    assert provider.requests[-1].document["data"]["attributes"] == {
        "cancelled": False,
        "trial_ends_at": "2026-03-09T13:00:00.000000Z",
    }
    assert provider.attributes(OWN)["status"] == "on_trial"


def test_a_resume_that_is_refused_says_why(provider: Provider, client: LemonSqueezyClient) -> None:
    provider.change(OWN, status="expired")

    with pytest.raises(FarEndError, match="answered 422: An expired subscription cannot be resumed") as caught:
        client.resume(OWN)

    assert (caught.value.retryable, caught.value.answer) == (False, 422)


def test_cancelling_what_the_key_does_not_reach_is_a_failure(client: LemonSqueezyClient) -> None:
    with pytest.raises(FarEndError) as caught:
        client.cancel("999")

    assert (caught.value.retryable, caught.value.answer) == (False, 404)


@pytest.mark.parametrize("reply", [Reply(status=204), Reply(body=b"<html>"), Reply(body=b'{"data":{}}'), Reply(cut=3)])
def test_a_write_that_succeeded_needs_no_readable_answer(
    provider: Provider, client: LemonSqueezyClient, reply: Reply
) -> None:
    provider.queue(reply)

    client.cancel(OWN)

    assert len(provider.calls) == 1


# Answers that are none.


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        (400, False),
        (401, False),
        (403, False),
        (408, True),
        (422, False),
        (429, True),
        (500, True),
        (503, True),
        (599, True),
    ],
)
def test_a_refusal_keeps_its_status_and_says_whether_to_ask_again(
    provider: Provider, client: LemonSqueezyClient, method: str, status: int, *, retryable: bool
) -> None:
    provider.queue(Reply(status=status))

    said = failure(client, method=method)

    assert (said.answer, said.retryable) == (status, retryable)
    assert not isinstance(said, UnknownOutcomeError)
    assert said.detail == f"Lemon Squeezy answered {status}: Something went wrong."


def test_a_wrong_key_is_told_in_the_providers_words(provider: Provider, session: requests.Session) -> None:
    with pytest.raises(FarEndError, match="answered 401: Unauthenticated") as caught:
        LemonSqueezyClient("another", provider.url, session).subscription(OWN)

    assert caught.value.answer == 401


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(provider: Provider, client: LemonSqueezyClient, status: int) -> None:
    provider.queue(Reply(status=status, headers={"Location": f"{provider.url}/users/me"}))

    said = failure(client)

    assert (said.answer, said.retryable) == (status, False)
    assert len(provider.calls) == 1


@pytest.mark.parametrize(
    ("told", "wait"),
    [
        ({"Retry-After": "17"}, timedelta(seconds=17)),
        ({"Retry-After": "0"}, timedelta()),
        ({"Retry-After": "999999999999999999999"}, None),
        ({"Retry-After": "86400"}, timedelta(hours=1)),
        (
            {"Retry-After": "Mon, 02 Mar 2026 14:09:20 GMT", "Date": "Mon, 02 Mar 2026 14:08:20 GMT"},
            timedelta(minutes=1),
        ),
        ({"Retry-After": "Mon, 02 Mar 2026 14:00:00 GMT", "Date": "Mon, 02 Mar 2026 14:08:20 GMT"}, timedelta()),
        ({"Retry-After": "Mon, 02 Mar 2026 14:00:00 GMT", "Date": "yesterday"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": ""}, None),
        ({}, None),
    ],
)
def test_when_to_ask_again_is_kept(
    provider: Provider, client: LemonSqueezyClient, told: dict[str, str], wait: timedelta | None
) -> None:
    provider.queue(Reply(status=429, headers=told))

    assert failure(client).retry_after == wait


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": [{"title": "Too Many Attempts."}]}, ": Too Many Attempts."),
        ({"errors": [{"detail": "x" * 500}]}, ": " + "x" * 200 + "…"),
        ({"errors": [{"detail": "two\r\nlines"}]}, ": two??lines"),
        ({"errors": [{"detail": 7}]}, ""),
        ({"errors": []}, ""),
        ({"errors": "no"}, ""),
        ({"errors": ["no"]}, ""),
        (b"<html>502 Bad Gateway</html>", ""),
        (b"\xff", ""),
        (b"[" * 100_000, ""),
        (b"x" * (2 << 20), ""),
    ],
)
def test_the_providers_own_words_are_kept_where_it_has_any(
    provider: Provider, client: LemonSqueezyClient, body: bytes | ls.Payload, words: str
) -> None:
    provider.queue(Reply(status=502, body=body))

    assert failure(client).detail == f"Lemon Squeezy answered 502{words}"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html>"),
        Reply(body=b"[]"),
        Reply(body=b""),
        Reply(status=204),
        Reply(body={"data": None}),
        Reply(body={"data": []}),
        Reply(body={"data": {"type": "orders", "id": OWN, "attributes": {}}}),
        Reply(body={"data": {"type": "subscriptions", "id": OWN, "attributes": {"status": "zombie"}}}),
        Reply(body=ls.subscription_created(subscription=7)),
        Reply(cut=20, acts=True),
    ],
)
def test_an_answer_that_is_no_subscription_is_asked_for_again(
    provider: Provider, client: LemonSqueezyClient, reply: Reply
) -> None:
    provider.queue(reply)

    assert failure(client).retryable


# Connections.


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(reset=True), Reply(delay=2.0)])
def test_a_read_that_breaks_may_be_repeated(provider: Provider, client: LemonSqueezyClient, reply: Reply) -> None:
    provider.queue(reply)

    said = failure(client)

    assert (said.retryable, said.answer) == (True, None)
    assert not isinstance(said, UnknownOutcomeError)


def test_an_answer_that_comes_byte_by_byte_is_given_up(provider: Provider, client: LemonSqueezyClient) -> None:
    provider.queue(Reply(drip=0.05, acts=True))
    began = monotonic()

    said = failure(client)

    assert said.retryable
    assert monotonic() - began < 5


@pytest.mark.parametrize("reply", [Reply(hang=True, acts=True), Reply(reset=True, acts=True), Reply(reset=True)])
def test_a_write_that_breaks_after_it_was_sent_has_an_unknown_outcome(
    provider: Provider, client: LemonSqueezyClient, reply: Reply
) -> None:
    provider.queue(reply)

    assert isinstance(failure(client, method="DELETE"), UnknownOutcomeError)

    seen = client.subscription(OWN)
    assert seen is not None
    assert (seen.status is Status.CANCELLED) is reply.acts


def test_a_write_that_was_never_sent_may_be_repeated(session: requests.Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = LemonSqueezyClient(API_KEY, f"http://127.0.0.1:{port}/v1", session)

    said = failure(client, method="DELETE")

    assert said.retryable
    assert not isinstance(said, UnknownOutcomeError)


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/v1", "http://"])
def test_an_address_that_is_none_is_not_tried_again(session: requests.Session, url: str) -> None:
    assert not failure(LemonSqueezyClient(API_KEY, url, session), method="DELETE").retryable


def test_a_client_shows_no_key(client: LemonSqueezyClient) -> None:
    assert API_KEY not in repr(client)
