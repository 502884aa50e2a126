"""Records are kept as long as the law asks, and then destroyed by the clock: by the policy's own rule, unless held."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kulanz.policy import document
from tests.lemonsqueezy import subscription_created, subscription_expired, subscription_payment_success
from tests.walk.house import House, a_house, days

START = datetime(2026, 3, 2, 14, 8, 20, tzinfo=UTC)
KEEPING = """
[retention]
destroy = "automatic"
clause = "16"

[retention.settlements]
basis = "BAO § 132"
years = 1
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A shop whose records go by themselves a year after the end of theirs."""
    text = document.preset("plexo").partition("# What tax law wants")[0] + KEEPING
    policy = tmp_path / "keeping.toml"
    policy.write_text(text, encoding="utf-8")
    with a_house(tmp_path / "data", KULANZ_POLICY=str(policy)) as house:
        house.cli("clock", "set", START.isoformat())
        house.provider.now = START
        yield house


def test_an_account_that_has_ended_and_one_that_was_erased_are_destroyed_when_their_time_is_over(house: House) -> None:
    ended, erased, held = (house.purchase() for _ in range(3))
    for purchase in (ended, erased, held):
        house.tell(subscription_created(purchase=purchase, at=START, began=START))
        house.tell(subscription_payment_success(purchase=purchase, at=START))
        house.tell(subscription_expired(purchase=purchase, at=START + days(1), ends_at=START + days(1)))
    house.cli("account", "erase", str(erased.account), "--reason", "Art. 17", "--yes", "--json")
    until = "2028-01-01T00:00:00Z"
    for purchase in (ended, erased, held):
        assert {"kind": "retention_end", "due_at": until} in house.account(purchase)["timers"]

    house.advance_to(datetime(2027, 12, 1, tzinfo=UTC))
    hold = {"kind": "legal_hold", "until": "2028-06-01T00:00:00Z", "reason": "a lawsuit"}
    assert house.post(f"/v1/accounts/{held.account}/overrides", hold).status_code == 201
    house.advance_to(datetime(2028, 1, 2, tzinfo=UTC))

    assert [house.account(one)["standing"] for one in (ended, erased, held)] == ["closed", "closed", "good"]
    assert causes(house, str(ended.account)) == ["retention"]
    assert causes(house, str(erased.account)) == ["erasure", "retention"]
    assert causes(house, str(held.account)) == []
    house.advance_to(datetime(2028, 6, 2, tzinfo=UTC))
    assert house.account(held)["standing"] == "closed"
    shown = house.cli("account", "explain", str(ended.account), "--json")
    assert shown["steps"][-1]["rule"] == "retention.destroyed"
    assert shown["steps"][-1]["clause"] == "16"
    assert house.run("ledger", "verify")[0] == 0
    assert house.cli("replay", "--json")["erased"] == 3
    assert house.cli("retention", "due", "--all", "--json")["due"] == []


def causes(house: House, account: str) -> list[str]:
    answer = house.get(f"/v1/accounts/{account}/certificates")
    assert all(one["genuine"] for one in answer["certificates"])
    return [one["cause"] for one in answer["certificates"]]
