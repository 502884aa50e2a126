"""Forged, stale, replayed, malformed and rotated signatures, of every scheme: refused without an exception."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st
from paddle_billing.Notifications.PaddleSignature import PaddleSignature
from paddle_billing.Notifications.Secret import Secret
from stripe import SignatureVerificationError, WebhookSignature

from kulanz.providers import timed_signing
from tests import paddle, standard, stripe
from tests.adapters.payload_source import MONDAY, PayloadSource, StoryEvent
from tests.adapters.payloads import PAYLOAD_SOURCES

every = pytest.mark.parametrize("source", PAYLOAD_SOURCES, ids=lambda teller: teller.name)
timed = pytest.mark.parametrize("source", [one for one in PAYLOAD_SOURCES if one.timed], ids=lambda teller: teller.name)
NOW = 1_772_460_500
NOT_SECRETS = {"content-type", "user-agent", "x-event-name", "webhook-id", "webhook-timestamp"}


def delivered(source: PayloadSource, **how: int) -> tuple[bytes, dict[str, str]]:
    (payload, *_) = source.tell(StoryEvent.BUYS, MONDAY)
    return source.delivery(payload, source.secret, **how)


def signature_of(headers: dict[str, str]) -> str:
    (name,) = [name for name in headers if name.lower() not in NOT_SECRETS]
    return name


@every
def test_every_active_secret_verifies_and_is_named(source: PayloadSource) -> None:
    body, headers = delivered(source)
    newer, right = source.other_secret.encode(), source.secret.encode()

    assert source.provider.verify(headers, body, [right]) == 0
    assert source.provider.verify(headers, body, [newer, right]) == 1
    assert source.provider.verify(headers, body, [right, right]) == 0
    assert source.provider.verify(headers, body, [newer]) is None


@every
@pytest.mark.parametrize("secrets", [[], [b""]])
def test_no_secret_and_an_empty_one_verify_nothing(source: PayloadSource, secrets: list[bytes]) -> None:
    body, headers = delivered(source)

    assert source.provider.verify(headers, body, secrets) is None


@every
def test_the_headers_are_found_in_any_case(source: PayloadSource) -> None:
    body, headers = delivered(source)

    for written in (str.lower, str.upper, str.title):
        stated = {written(name): value for name, value in headers.items()}
        assert source.provider.verify(stated, body, [source.secret.encode()]) == 0


@every
def test_a_body_changed_by_one_byte_is_refused(source: PayloadSource) -> None:
    body, headers = delivered(source)

    assert source.provider.verify(headers, body + b" ", [source.secret.encode()]) is None
    assert source.provider.verify(headers, body[:-1], [source.secret.encode()]) is None


@timed
@pytest.mark.parametrize(("off", "accepted"), [(-290, True), (290, True), (-310, False), (310, False)])
def test_a_signed_time_may_be_five_minutes_off_either_way(source: PayloadSource, *, off: int, accepted: bool) -> None:
    body, headers = delivered(source, at=int(time.time()) + off)

    assert (source.provider.verify(headers, body, [source.secret.encode()]) == 0) is accepted


@timed
def test_the_time_is_signed_too(source: PayloadSource) -> None:
    now = int(time.time())
    body, stale = delivered(source, at=now - 86400)

    freshened = {name: value.replace(str(now - 86400), str(now)) for name, value in stale.items()}

    assert freshened != stale
    assert source.provider.verify(freshened, body, [source.secret.encode()]) is None


@timed
def test_one_of_several_signatures_is_enough(source: PayloadSource) -> None:
    now = int(time.time())
    body, headers = delivered(source, at=now)
    name = signature_of(headers)
    old = source.delivery(source.tell(StoryEvent.BUYS, MONDAY)[0], source.other_secret, at=now)[1][name]
    joints = {"Stripe-Signature": ",v1=", "Paddle-Signature": ";h1=", "webhook-signature": " v1,"}
    marks = {"Stripe-Signature": "v1=", "Paddle-Signature": "h1=", "webhook-signature": "v1,"}

    both = old + joints[name] + headers[name].partition(marks[name])[2]

    assert source.provider.verify(headers | {name: both}, body, [source.secret.encode()]) == 0


@every
@pytest.mark.parametrize(
    "damage", ["", " ", ",", ";", "=", "v1", "v1,", "v1=", "t=,v1=", "ts=;h1=", "\ud800", "٣", "é"]
)
def test_a_malformed_header_is_refused(source: PayloadSource, damage: str) -> None:
    body, headers = delivered(source)
    name = signature_of(headers)
    secrets = [source.secret.encode()]

    assert source.provider.verify(headers | {name: damage}, body, secrets) is None
    assert source.provider.verify(headers | {name: headers[name][:-2] + damage}, body, secrets) is None
    assert source.provider.verify({}, body, secrets) is None


@timed
@given(
    seconds=st.text() | st.sampled_from(["-1", "1e9", "٣", "1" * 400, "0x10", "nan", "inf", "1.5", " 5"]),
    signature=st.text() | st.text("0123456789abcdef", min_size=63, max_size=65),
    body=st.binary(),
    secrets=st.lists(st.binary()),
)
def test_a_verifier_is_total(
    source: PayloadSource, seconds: str, signature: str, body: bytes, secrets: list[bytes]
) -> None:
    headers = {
        "Stripe-Signature": f"t={seconds},v1={signature}",
        "Paddle-Signature": f"ts={seconds};h1={signature}",
        "webhook-id": signature,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{signature}",
    }

    assert source.provider.verify(headers, body, secrets) is None


@every
@given(headers=st.dictionaries(st.text(), st.text()), body=st.binary(), secrets=st.lists(st.binary()))
def test_no_headers_at_all_break_a_verifier(
    source: PayloadSource, headers: dict[str, str], body: bytes, secrets: list[bytes]
) -> None:
    assert source.provider.verify(headers, body, secrets) is None


# The vendors' own words: their libraries, and the vectors that they publish.


@given(body=st.text(), secret=st.text(min_size=1).filter(str.strip))
def test_stripes_own_library_agrees_with_our_signature(body: str, secret: str) -> None:
    theirs = WebhookSignature.generate_signature_header(body, secret, NOW)

    assert timed_signing.stripe_signature(body.encode(), secret.encode(), NOW) == theirs
    assert timed_signing.stripe(theirs, body.encode(), [secret.encode()], now=NOW) == 0


def test_stripes_own_library_accepts_what_we_sign_and_refuses_what_we_refuse() -> None:
    body, headers = stripe.delivery(stripe.subscription(), at=int(time.time()))

    assert WebhookSignature.verify_header(body, headers["Stripe-Signature"], stripe.SECRET, tolerance=300)
    with pytest.raises(SignatureVerificationError):
        WebhookSignature.verify_header(body + b" ", headers["Stripe-Signature"], stripe.SECRET, tolerance=300)


@given(body=st.text(), secret=st.text(min_size=1))
def test_paddles_own_library_agrees_with_our_signature(body: str, secret: str) -> None:
    ours = timed_signing.paddle_signature(body.encode(), secret.encode(), NOW)

    assert PaddleSignature().verify(ours, body, Secret(secret))


def test_paddles_library_accepts_what_we_send() -> None:
    body, headers = paddle.delivery(paddle.subscription())

    assert PaddleSignature().verify(headers["Paddle-Signature"], body.decode(), Secret(paddle.SECRET))


def test_the_vector_that_paddle_publishes_verifies() -> None:
    header = "ts=1696195954;h1=dummy;h1=d96299976a6eb066f484d7fde011ac56fc32b38fc9940bc419d6e537fdc6ef02"
    secret = b"pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_WvRO0eL4Bj9rgYYIBZY6wZhG4EHy9jzh"

    assert timed_signing.paddle(header, b"hello-world", [b"another", secret], now=1696195954) == 1
    assert timed_signing.paddle(header, b"hello-world", [secret], now=1696195954 - 300) == 0
    assert timed_signing.paddle(header, b"hello-world", [secret], now=1696195954 - 301) is None


STANDARD_BODY = b'{"test": 2432232314}'
STANDARD_VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


@pytest.mark.parametrize("prefix", ["whsec_", ""])
def test_the_published_vector_of_standard_webhooks_verifies(prefix: str) -> None:
    secret = f"{prefix}MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".encode()

    assert timed_signing.standard(STANDARD_VECTOR, STANDARD_BODY, [secret], now=1614265330) == 0
    assert timed_signing.standard(STANDARD_VECTOR, STANDARD_BODY, [secret], now=1614265330 + 300) == 0
    assert timed_signing.standard(STANDARD_VECTOR, STANDARD_BODY, [secret], now=1614265330 + 301) is None


def test_the_library_of_standard_webhooks_agrees_with_our_signature() -> None:
    body, headers = standard.delivery(standard.dodo_dispute())

    standardwebhooks.Webhook(standard.SECRET).verify(body, headers)


@given(body=st.text(), key=st.binary(min_size=1), ident=st.text("abcdef_0123456789", min_size=1))
def test_what_the_library_of_standard_webhooks_signs_verifies(body: str, key: bytes, ident: str) -> None:
    signature = standardwebhooks.Webhook(key).sign(ident, datetime.fromtimestamp(NOW, UTC), body)
    headers = {"webhook-id": ident, "webhook-timestamp": str(NOW), "webhook-signature": signature}

    assert timed_signing.standard(headers, body.encode(), [key], now=NOW) in {0, None}
    assert timed_signing.standard(headers, body.encode(), [b"whsec_" + base64.b64encode(key)], now=NOW) == 0


def signed_with(key: bytes) -> dict[str, str]:
    signature = standardwebhooks.Webhook(key).sign("msg_1", datetime.fromtimestamp(NOW, UTC), "{}")
    return {"webhook-id": "msg_1", "webhook-timestamp": str(NOW), "webhook-signature": signature}


@pytest.mark.parametrize("prefix", ["whsec_", "polar_whs_"])
@pytest.mark.parametrize("written", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"])
def test_polars_secrets_sign_with_all_their_bytes_or_in_the_way_of_the_standard(prefix: str, written: str) -> None:
    secret = f"{prefix}{written}".encode()
    decoded = base64.b64decode(written + "=" * (-len(written) % 4))

    for key in (secret, decoded):
        assert timed_signing.standard(signed_with(key), b"{}", [secret], now=NOW) == 0
        assert timed_signing.standard(signed_with(key), b"{}", [b"whsec_other", secret], now=NOW) == 1
    for wrong in (written.encode(), prefix.encode(), secret + b"=", secret[:-1], decoded + b"0"):
        assert timed_signing.standard(signed_with(wrong), b"{}", [secret], now=NOW) is None


@pytest.mark.parametrize("empty", [b"", b"whsec_", b"polar_whs_"])
def test_a_secret_that_is_only_a_prefix_verifies_nothing(empty: bytes) -> None:
    assert timed_signing.standard(signed_with(empty or b"x"), b"{}", [empty], now=NOW) is None
