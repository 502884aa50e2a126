from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.formats.mail_addresses import ascii_address, is_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("anna@faß.de", "anna@xn--fa-hia.de"),
        ("anna@Bücher.example", "anna@xn--bcher-kva.example"),
        ("anna@βόλος.com", "anna@xn--nxasmm1c.com"),
        ("anna@x。de", "anna@x.de"),
        ("anna@xn--fa-hia.de", "anna@xn--fa-hia.de"),
        ("Anna.B+tag@Shop.Example", "Anna.B+tag@Shop.Example"),
        ("o'neil@ab--cd.example", "o'neil@ab--cd.example"),
        ("kulanz@localhost", "kulanz@localhost"),
        (f"{'a' * 64}@x.de", f"{'a' * 64}@x.de"),
    ],
)
def test_an_address_has_its_domain_in_ascii_by_idna_2008(text, address):
    assert is_address(text)
    assert ascii_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anna",
        "@x.de",
        "anna@",
        "a..b@x.de",
        ".a@x.de",
        "a.@x.de",
        "a@x..de",
        "a@x.de.",
        "a@-x.de",
        "a@x-.de",
        "a@[127.0.0.1]",
        '"a b"@x.de',
        " a@x.de",
        "a@x.de\n",
        "a@b@x.de",
        "a@\ud800.de",
        "a@☃.de",
        f"{'a' * 65}@x.de",
        f"a@{'b' * 64}.de",
        f"a@{'ü' * 64}.de",
        f"a@{'b.' * 126}de",
    ],
)
def test_what_no_mail_server_takes_is_no_address(text):
    assert not is_address(text)
    assert ascii_address(text) is None


def test_an_internationalised_local_part_is_an_address_that_cannot_be_written_in_ascii():
    assert is_address("änna@faß.de")
    assert ascii_address("änna@faß.de") is None


@given(st.text(max_size=300))
def test_an_address_is_always_ascii_and_stays_itself(domain):
    address = ascii_address(f"a@{domain}")

    assert address is None or (address.isascii() and address.isprintable() and ascii_address(address) == address)
