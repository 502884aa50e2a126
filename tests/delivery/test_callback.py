"""Callbacks to a real HTTP server, verified by the library that a merchant would use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kulanz.delivery import AttemptState, Channels, deliver
from kulanz.delivery.callback import retry_after
from kulanz.policy.facts import Outcome
from tests.delivery import values
from tests.fake_servers import Answer, CallbackReceiver, a_callback_receiver, a_free_port


def reaching(receiver: CallbackReceiver, **given: object) -> Channels:
    return values.the_channels(callback_url=receiver.url, callback_secret=receiver.secret, **given)


def test_a_callback_is_signed_and_says_whose_account_it_is_about(receiver: CallbackReceiver) -> None:
    effect = values.callback(data={"entitlement": {"plan": "free", "version": 3}, "account_id": "somebody_else"})

    report = deliver(effect, reaching(receiver), values.an_attempt())

    assert (report.state, report.outcome) == (AttemptState.DONE, Outcome.DONE)
    assert receiver.documents == [
        {
            "type": "account.grace_started",
            "timestamp": "2026-03-06T12:00:00Z",
            "data": {"account_id": "org_42", "entitlement": {"plan": "free", "version": 3}},
        }
    ]


def test_the_header_carries_real_time_and_the_body_the_time_of_the_decision(receiver: CallbackReceiver) -> None:
    deliver(values.callback(), reaching(receiver), values.an_attempt(decided_at=datetime(2031, 1, 1, tzinfo=UTC)))

    sent_at = datetime.fromtimestamp(int(receiver.requests[0].headers["webhook-timestamp"]), UTC)
    assert abs(datetime.now(UTC) - sent_at) < timedelta(seconds=10)
    assert receiver.documents[0]["timestamp"] == "2031-01-01T00:00:00Z"


def test_every_attempt_has_the_same_id_and_the_same_body(receiver: CallbackReceiver) -> None:
    receiver.answers.append(Answer(status=500))

    reports = [
        deliver(values.callback(), reaching(receiver), values.an_attempt(attempts=attempt)) for attempt in (0, 1)
    ]

    assert [report.state for report in reports] == [AttemptState.RETRY, AttemptState.DONE]
    assert [request.headers["webhook-id"] for request in receiver.requests] == ["ef_1", "ef_1"]
    assert receiver.documents[0] == receiver.documents[1]


def test_callbacks_of_one_worker_share_a_connection(receiver: CallbackReceiver) -> None:
    channels = reaching(receiver)
    receiver.answers.append(Answer(body=b"x" * 10_000))

    for _ in range(3):
        deliver(values.callback(), channels, values.an_attempt())

    assert len({request.connection for request in receiver.requests}) == 1


@pytest.mark.parametrize("status", [201, 202, 204])
def test_any_2xx_is_a_delivery(receiver: CallbackReceiver, status: int) -> None:
    receiver.answers.append(Answer(status=status))

    assert deliver(values.callback(), reaching(receiver), values.an_attempt()).outcome is Outcome.DONE


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503])
def test_any_other_answer_is_tried_again_and_its_outcome_stays_open(receiver: CallbackReceiver, status: int) -> None:
    receiver.answers.append(Answer(status=status))

    report = deliver(values.callback(), reaching(receiver), values.an_attempt())

    assert (report.state, report.outcome, report.retry_after) == (AttemptState.RETRY, None, timedelta(seconds=5))
    assert report.error == f"the callback receiver answered {status}"


def test_a_redirect_is_not_followed(receiver: CallbackReceiver) -> None:
    with a_callback_receiver() as elsewhere:
        receiver.answers.append(Answer(status=307, headers={"Location": elsewhere.url}))

        report = deliver(values.callback(), reaching(receiver), values.an_attempt())

        assert report.state is AttemptState.RETRY
        assert elsewhere.requests == []


def test_a_receiver_that_hangs_up_or_is_not_there_is_tried_again(receiver: CallbackReceiver) -> None:
    receiver.answers.append(Answer(drop=True))
    nobody = values.the_channels(callback_url=f"http://127.0.0.1:{a_free_port()}/", callback_secret=receiver.secret)

    for channels in (reaching(receiver), nobody):
        report = deliver(values.callback(), channels, values.an_attempt())

        assert (report.state, report.error) == (AttemptState.RETRY, "the callback receiver cannot be reached")


def test_a_receiver_that_says_nothing_is_tried_again(receiver: CallbackReceiver) -> None:
    receiver.answers.append(Answer(after=1.0))

    report = deliver(values.callback(), reaching(receiver, step_timeout=timedelta(seconds=0.1)), values.an_attempt())

    assert (report.state, report.error) == (AttemptState.RETRY, "the callback receiver did not answer in time")


def test_the_receiver_may_ask_for_a_longer_pause_but_not_for_ever(receiver: CallbackReceiver) -> None:
    receiver.answers.extend(Answer(status=503, headers={"Retry-After": wait}) for wait in ("120", "999999999", "junk"))

    pauses = [deliver(values.callback(), reaching(receiver), values.an_attempt()).retry_after for _ in range(3)]

    assert pauses == [timedelta(seconds=120), timedelta(hours=24), timedelta(seconds=5)]


def test_a_pause_may_be_given_as_a_date() -> None:
    assert retry_after("Fri, 06 Mar 2026 12:01:00 GMT", values.NOON) == timedelta(minutes=1)
    assert retry_after("Fri, 06 Mar 2026 11:00:00 GMT", values.NOON) == timedelta()
    assert retry_after("-1", values.NOON) is None


def test_after_three_days_a_callback_is_parked(receiver: CallbackReceiver) -> None:
    receiver.answers.append(Answer(status=500))

    report = deliver(values.callback(), reaching(receiver), values.an_attempt(attempts=12))

    assert (report.state, report.outcome, report.retry_after) == (AttemptState.PARKED, Outcome.FAILED, None)
    assert report.error == "given up after 13 attempts: the callback receiver answered 500"


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "2852039166",  # the same address as one number: only a look-up shows it
        "0xa9fea9fe",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::169.254.169.254]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "[2002:a9fe:a9fe::]",
        "1684301000",  # Alibaba Cloud's as one number
    ],
)
def test_a_metadata_address_is_refused_however_it_is_written(host: str) -> None:
    channels = values.the_channels(callback_url=f"http://{host}/latest/meta-data", callback_secret="whsec_c2VjcmV0")

    report = deliver(values.callback(), channels, values.an_attempt())

    assert (report.state, report.outcome) == (AttemptState.PARKED, Outcome.FAILED)
    assert report.error == "CALLBACK_URL leads to a link-local or metadata address, which is refused"


@pytest.mark.parametrize("url", ["ftp://example.com/", "nonsense", "http://", "http://a..b/", "http://[::1"])
def test_an_address_that_is_none_is_parked(url: str) -> None:
    report = deliver(
        values.callback(), values.the_channels(callback_url=url, callback_secret="whsec_c2VjcmV0"), values.an_attempt()
    )

    assert (report.state, report.error) == (AttemptState.PARKED, "CALLBACK_URL is not an address that can be posted to")


def test_without_a_callback_url_nobody_is_told() -> None:
    report = deliver(values.callback(), values.the_channels(), values.an_attempt())

    assert (report.state, report.outcome) == (AttemptState.SKIPPED, Outcome.FAILED)


@pytest.mark.parametrize("secret", [None, "", "whsec_", "whsec_é", "whsec_a"])
def test_an_unusable_secret_sends_nothing_and_is_not_quoted(receiver: CallbackReceiver, secret: str | None) -> None:
    report = deliver(
        values.callback(), values.the_channels(callback_url=receiver.url, callback_secret=secret), values.an_attempt()
    )

    assert report.state is AttemptState.PARKED
    assert "whsec_a" not in str(report)
    assert receiver.requests == []


def test_neither_the_address_nor_the_secret_is_part_of_an_error(receiver: CallbackReceiver) -> None:
    url = f"http://hook:hunter2@127.0.0.1:{a_free_port()}/?token=t0psecret"
    channels = values.the_channels(callback_url=url, callback_secret=receiver.secret)

    text = repr(deliver(values.callback(), channels, values.an_attempt())) + repr(channels)

    assert not [secret for secret in ("hunter2", "t0psecret", receiver.secret) if secret in text]
