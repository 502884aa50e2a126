"""A verifier answers which secret fits, whatever it is given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.providers import PROVIDERS, signing
from tests import lemonsqueezy as ls

BODY = b'{"meta":{"event_name":"order_created"},"data":{}}'
SECRETS = [b"newest", b"older"]
LEMONSQUEEZY = PROVIDERS["lemonsqueezy"]


def test_the_signature_is_the_lowercase_hex_hmac_of_the_raw_body() -> None:
    body = b'{"total":"\\u20ac19.99","url":"https:\\/\\/shop.example"}'

    signature = signing.lemonsqueezy_signature(body, b"secret")

    assert signature == "acb99a32f5efe4c7648a7e5db8d61868195f63c841c857b32d3d0bc17958ea38"


@pytest.mark.parametrize("index", [0, 1])
def test_every_active_secret_verifies_and_is_named(index: int) -> None:
    header = signing.lemonsqueezy_signature(BODY, SECRETS[index])

    assert signing.lemonsqueezy(header, BODY, SECRETS) == index


def test_a_secret_that_is_listed_twice_is_named_once() -> None:
    header = signing.lemonsqueezy_signature(BODY, b"same")

    assert signing.lemonsqueezy(header, BODY, [b"same", b"same"]) == 0


VALID = signing.lemonsqueezy_signature(BODY, b"newest")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        VALID[:-1],
        VALID + "0",
        VALID + VALID,
        f"{VALID},{VALID}",
        f"{VALID}, {VALID}",
        f" {VALID}",
        f"{VALID}\n",
        f"sha256={VALID}",
        VALID.upper(),
        "z" * 64,
        "0" * 64,
        "é" * 64,
        "\ud800" * 64,
        "٣" * 64,
        signing.lemonsqueezy_signature(BODY, b"unknown"),
    ],
)
def test_anything_but_the_signature_itself_is_refused(header: str | None) -> None:
    assert signing.lemonsqueezy(header, BODY, SECRETS) is None


def test_a_body_changed_by_one_byte_is_refused() -> None:
    assert signing.lemonsqueezy(VALID, BODY + b" ", SECRETS) is None


@pytest.mark.parametrize("secrets", [[], [b""], [b"", b"newest"]])
def test_an_empty_secret_signs_nothing(secrets: list[bytes]) -> None:
    header = signing.lemonsqueezy_signature(BODY, b"")

    assert signing.lemonsqueezy(header, BODY, secrets) is None


def test_a_header_of_bytes_is_read_too() -> None:
    assert signing.lemonsqueezy(VALID.encode(), BODY, SECRETS) == 0


@given(
    header=st.none() | st.text() | st.binary() | st.text("0123456789abcdef", min_size=63, max_size=65),
    body=st.binary(),
    secrets=st.lists(st.binary()),
)
def test_the_verifier_is_total(header: str | bytes | None, body: bytes, secrets: list[bytes]) -> None:
    expected = {
        index
        for index, secret in enumerate(secrets)
        if secret and header in (signature := signing.lemonsqueezy_signature(body, secret), signature.encode())
    }

    assert signing.lemonsqueezy(header, body, secrets) == min(expected, default=None)


@given(headers=st.dictionaries(st.text(), st.text()), body=st.binary())
def test_no_headers_at_all_break_the_provider(headers: dict[str, str], body: bytes) -> None:
    assert LEMONSQUEEZY.verify(headers, body, SECRETS) is None


@pytest.mark.parametrize("name", ["X-Signature", "x-signature", "X-SIGNATURE"])
def test_the_header_is_found_in_any_case(name: str) -> None:
    body, headers = ls.delivery(ls.order_created())

    assert LEMONSQUEEZY.verify({name: headers["X-Signature"]}, body, [ls.SECRET.encode()]) == 0
