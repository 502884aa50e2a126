"""Records are kept as long as the law asks, and then destroyed by the clock: by the policy's own rule, unless held."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kulanz.policy import document
from tests.end_to_end.instance import Instance, an_instance, days
from tests.lemonsqueezy import subscription_created, subscription_expired, subscription_payment_success

START = datetime(2026, 3, 2, 14, 8, 20, tzinfo=UTC)
KEEPING = """
[retention]
destroy = "automatic"
clause = "16"

[retention.settlements]
basis = "BAO § 132"
years = 1

[retention.interactions]
basis = "BAO § 132"
years = 1
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """A shop whose records go by themselves a year after the end of theirs."""
    text = document.preset("plexo").partition("# What tax law wants")[0] + KEEPING
    policy = tmp_path / "keeping.toml"
    policy.write_text(text, encoding="utf-8")
    with an_instance(tmp_path / "data", KULANZ_POLICY=str(policy)) as instance:
        instance.cli("clock", "set", START.isoformat())
        instance.provider.now = START
        yield instance


def test_an_account_that_has_ended_and_one_that_was_erased_are_destroyed_when_their_time_is_over(
    instance: Instance,
) -> None:
    ended, erased, held = (instance.purchase() for _ in range(3))
    for purchase in (ended, erased, held):
        instance.deliver_event(subscription_created(purchase=purchase, at=START, began=START))
        instance.deliver_event(subscription_payment_success(purchase=purchase, at=START))
        instance.deliver_event(subscription_expired(purchase=purchase, at=START + days(1), ends_at=START + days(1)))
    instance.cli("account", "erase", str(erased.account), "--reason", "Art. 17", "--yes", "--json")
    until = "2028-01-01T00:00:00Z"
    for purchase in (ended, erased, held):
        assert {"kind": "retention_end", "due_at": until} in instance.account(purchase)["timers"]

    instance.advance_to(datetime(2027, 12, 1, tzinfo=UTC))
    hold = {"kind": "legal_hold", "until": "2028-06-01T00:00:00Z", "reason": "a lawsuit"}
    assert instance.post(f"/v1/accounts/{held.account}/overrides", hold).status_code == 201
    instance.advance_to(datetime(2028, 1, 2, tzinfo=UTC))

    assert [instance.account(other_purchase)["standing"] for other_purchase in (ended, erased, held)] == [
        "closed",
        "closed",
        "good",
    ]
    assert causes(instance, str(ended.account)) == ["retention"]
    assert causes(instance, str(erased.account)) == ["erasure", "retention"]
    assert causes(instance, str(held.account)) == []
    instance.advance_to(datetime(2028, 6, 2, tzinfo=UTC))
    assert instance.account(held)["standing"] == "closed"
    shown = instance.cli("account", "explain", str(ended.account), "--json")
    assert shown["steps"][-1]["rule"] == "retention.destroyed"
    assert shown["steps"][-1]["clause"] == "16"
    assert instance.run("ledger", "verify")[0] == 0
    assert instance.cli("replay", "--json")["erased"] == 3
    assert instance.cli("retention", "due", "--all", "--json")["due"] == []


def causes(instance: Instance, account: str) -> list[str]:
    answer = instance.get(f"/v1/accounts/{account}/certificates")
    assert all(item["genuine"] for item in answer["certificates"])
    return [item["cause"] for item in answer["certificates"]]
