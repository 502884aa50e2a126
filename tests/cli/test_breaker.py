"""The circuit breaker for mass downgrades, from the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from kulanz.policy import document
from kulanz.services import Services
from kulanz.store import accounts, timers
from tests.cli.conftest import Kulanz
from tests.days import settle
from tests.lemonsqueezy import MONDAY
from tests.workers.instance import an_unpaid_account

THE_END = MONDAY + timedelta(days=7)


@pytest.fixture
def shop(kulanz: Kulanz, sqlite_url: str) -> Iterator[Services]:
    """A shop where all four accounts are unpaid, and two of them an hour may lose access."""
    kulanz.data_dir.mkdir(mode=0o700)
    policy = kulanz.data_dir / "careful.toml"
    policy.write_text(document.preset("plexo").replace("accounts = 25", "accounts = 2"), encoding="utf-8")
    kulanz.settings["KULANZ_POLICY"] = str(policy)
    with kulanz.services(sqlite_url, at=MONDAY) as services:
        for number in (10, 20, 30, 40):
            an_unpaid_account(services, number)
        yield services


def go_on_to(services: Services, at: datetime) -> None:
    """Do what falls due until then, each at its time."""
    while True:
        settle(services)
        with services.database.read() as conn:
            due = timers.next_due(conn)
        if due is None or due > at:
            break
        services.clock.set(max(due, services.clock.now()))
    services.clock.set(at)


def standings(services: Services) -> dict[str, int]:
    with services.database.read() as conn:
        return Counter(row.standing for row in accounts.page(conn, None, None, None, 10))


def test_the_breaker_stays_tripped_however_many_hours_pass_until_an_operator_releases_it(
    kulanz: Kulanz, shop: Services
) -> None:
    go_on_to(shop, THE_END + timedelta(hours=30))

    shown = kulanz("breaker", "show", "--json").document
    until = (THE_END + timedelta(days=3)).isoformat()
    rehearsed = kulanz("breaker", "release", "--until", until, "--reason", "all is well", "--dry-run")
    still = kulanz("breaker", "show", "--json").document
    braked = standings(shop)
    released = kulanz("breaker", "release", "--until", until, "--reason", "all is well", "--actor", "ann", "--json")
    go_on_to(shop, shop.clock.now())

    assert braked == {"on_hold": 2, "grace": 2}
    assert (shown["on"], shown["on_since"], shown["waiting"]) == (True, "2026-03-09T14:08:20Z", 2)
    assert (rehearsed.code, still) == (0, shown)
    assert (released.code, released.document["waiting"]) == (0, 2)
    assert standings(shop) == {"on_hold": 4}
    assert kulanz("breaker", "show", "--json").document["released_until"] == "2026-03-12T14:08:20Z"


def test_doctor_names_a_tripped_breaker(kulanz: Kulanz, shop: Services) -> None:
    go_on_to(shop, THE_END)

    checks = {check["check"]: check for check in kulanz("doctor", "--json").document["checks"]}

    assert checks["breaker"]["ok"] is False
    assert "kulanz breaker release" in checks["breaker"]["advice"]


def test_the_former_name_of_the_command_still_works_and_is_not_shown(kulanz: Kulanz, shop: Services) -> None:
    former = kulanz("brake", "show", "--json")

    assert former.document == kulanz("breaker", "show", "--json").document
    assert "brake" not in kulanz("--help").out


@pytest.mark.parametrize(
    "wrong",
    [
        ("--reason", "x"),
        ("--until", "2026-03-12", "--reason", " "),
        ("--until", "2026-03-12", "--reason", "a\0b"),
        ("--until", "2020-01-01", "--reason", "x"),
        ("--until", "2030-01-01", "--reason", "x"),
    ],
)
def test_a_release_needs_an_end_in_reach_and_a_reason(kulanz: Kulanz, shop: Services, wrong: tuple[str, ...]) -> None:
    refused = kulanz("breaker", "release", *wrong)

    assert refused.code in {1, 2}
    assert refused.err
    assert kulanz("breaker", "show").out == "off\n"
