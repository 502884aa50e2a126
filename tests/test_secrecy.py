"""What must not come out: whose address a copy of the database shows, and where a forged signature went wrong."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from kulanz.providers.lemonsqueezy import verify
from kulanz.services import Services
from tests.days import product, settings_of, tell
from tests.lemonsqueezy import (
    MONDAY,
    SECRET,
    Purchase,
    dispute_created,
    sign,
    subscription_created,
    subscription_payment_failed,
    subscription_updated,
)
from tests.web.hostile import AN_EVENT

ROOT = Path(__file__).parents[1]
VERIFIERS = (
    "providers/signing.py",
    "providers/timed_signing.py",
    "providers/naming.py",
    "web/api/tokens.py",
    "crypto/vault.py",
)
SECRETLY_COMPARED = {"told", "signature", "signatures", "mac", "presented", "expected", "token", "password"}
BUYER = Purchase(account="org_7", email="anna.huber@shop.example")


@pytest.fixture
def services(tmp_path: Path, sqlite_url: str) -> Iterator[Services]:
    with product(settings_of(tmp_path, sqlite_url, ops_alert_to="ops@shop.example")) as services:
        yield services


def test_a_copy_of_the_database_without_its_keys_shows_nobodys_address(services: Services, tmp_path: Path) -> None:
    payloads = (
        subscription_created(at=MONDAY, purchase=BUYER),
        subscription_payment_failed(at=MONDAY, purchase=BUYER),
        subscription_updated(at=MONDAY, purchase=BUYER, status="past_due"),
        dispute_created(at=MONDAY, purchase=BUYER),
    )
    assert all(BUYER.email in str(payload) or "dispute" in str(payload) for payload in payloads)
    tell(services, *payloads)

    stored = b"".join(path.read_bytes() for path in tmp_path.glob("kulanz.db*"))
    assert b"org_7" in stored
    assert b"anna" not in stored.lower()


def test_a_body_with_any_of_its_bits_changed_is_refused() -> None:
    headers = {"X-Signature": sign(AN_EVENT)}

    assert verify(headers, AN_EVENT, [SECRET.encode()]) == 0
    assert {verify(headers, body, [SECRET.encode()]) for body in with_a_bit_changed(AN_EVENT)} == {None}


def test_a_signature_with_any_of_its_bits_changed_is_refused() -> None:
    headers = [{"X-Signature": header.decode("latin-1")} for header in with_a_bit_changed(sign(AN_EVENT).encode())]

    assert {verify(each, AN_EVENT, [SECRET.encode()]) for each in headers} == {None}


def with_a_bit_changed(content: bytes) -> Iterator[bytes]:
    """Yield it once for each of its bits."""
    for place in range(8 * len(content)):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        yield bytes(changed)


@pytest.mark.parametrize("name", VERIFIERS)
def test_what_is_secret_is_compared_in_a_time_that_tells_nothing(name: str) -> None:
    tree = ast.parse((ROOT / "app/kulanz" / name).read_text())

    assert "compare_digest" in ast.dump(tree)
    assert [ast.unparse(each) for each in ast.walk(tree) if isinstance(each, ast.Compare) and tells(each)] == []


def tells(comparison: ast.Compare) -> bool:
    """Whether one secret is compared with another by an operator, which stops at the first difference."""
    equal = any(isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for operator in comparison.ops)
    sides = [comparison.left, *comparison.comparators]
    secret = any(isinstance(side, ast.Name) and side.id in SECRETLY_COMPARED for side in sides)
    return equal and secret and not any(isinstance(side, ast.Constant) for side in sides)
