"""Data of a released version is brought to today's shape, read, replayed, and gone on with."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest

from kulanz.cli import run
from kulanz.commands import books, shared_purchases
from kulanz.policy.facts import SubscriptionSeen
from kulanz.privacy import audit, rotation
from kulanz.processing import circuit_breaker
from kulanz.queries import ownership
from kulanz.queries.accounts import account_document
from kulanz.queries.replay.replay import recorded, replay
from kulanz.services import Services, build
from kulanz.store import accounts, bindings, inbox, ledger, migrate, outbox, shared_values, timers
from kulanz.store.database import Database
from tests import paddle, standard, stripe
from tests.days import deliver, product, settings_of, settle
from tests.end_to_end.instance import _environ
from tests.lemonsqueezy import (
    MONDAY,
    Purchase,
    a_buyer,
    dispute_created,
    license_key_created,
    order_refunded,
    subscription_payment_recovered,
    subscription_updated,
)
from tests.released.tables import lay
from tests.replacing import replace
from tests.servers import PostgreSQL
from tests.store.rows import make_alias

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BEGAN = MONDAY - 60 * DAY
STOOD = {
    "org_1": ("professional", "full", "good"),
    "org_10": ("free", "free", "on_hold"),
    "org_11": ("free", "free", "on_hold"),
    "org_11b": ("free", "free", "on_hold"),
    "org_12": ("professional", "full", "grace"),
    "org_2": ("free", "free", "on_hold"),
    "org_3": ("professional", "full", "good"),
    "org_4": ("free", "free", "on_hold"),
    "org_42": ("professional", "full", "on_hold"),
    "org_5": ("free", "free", "on_hold"),
    "org_6": ("free", "none", "suspended"),
    "org_7": ("free", "none", "closed"),
    "org_8": ("professional", "full", "good"),
    "org_9": ("professional", "full", "good"),
}
"""Plan, access and standing of each account as version 0.1.0 left them."""
SHARING = {f"org_{number}{letter}" for number in range(1, 6) for letter in ("", "b")} | {"org_9"}
"""Accounts that have the plan as version 0.1.0 left them, five of them by the subscription of another one."""
UNPAID = {f"org_{number}": "enterprise" if number < 4 else "professional" for number in range(1, 9)}
"""Plans as version 0.1.0 left them: an upgrade nobody paid for (1 to 3), cancelled without an end (4 to 6)."""
TODAY = (
    UNPAID
    | dict.fromkeys(("org_1", "org_2", "org_3"), "professional")
    | dict.fromkeys(("org_4", "org_5", "org_6"), "free")
)
"""The same by today's rules."""


@pytest.fixture
def services(installed: Services) -> Services:
    """An installation of 0.1.0 on the day on which it was brought to this version."""
    return _brought(installed)


@pytest.fixture(params=["sqlite", "postgresql"])
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Services]:
    """The same while it is brought to this version: its tables are, its books are not."""
    with _installed(request, tmp_path, "0.1.0") as services:
        yield services


@pytest.fixture(params=["sqlite", "postgresql"])
def sharing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Services]:
    """An installation with subscriptions that two accounts have, which give both of them the plan."""
    with _installed(request, tmp_path, "0.1.0-shared") as services:
        yield _brought(services)


@pytest.fixture(params=["sqlite", "postgresql"])
def unpaid(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Services]:
    """An installation with plans that today's rules do not give: nobody paid for them, or they had no end."""
    with _installed(request, tmp_path, "0.1.0-unpaid") as services:
        yield _brought(services)


def _brought(services: Services) -> Services:
    books.rebuild(services)
    shared_purchases.note(services)
    return services


@contextmanager
def _installed(request: pytest.FixtureRequest, folder: Path, version: str) -> Iterator[Services]:
    with ExitStack() as stack:
        url = f"sqlite:///{folder / 'kulanz.db'}"
        if request.param == "postgresql":
            server: PostgreSQL = request.getfixturevalue("postgresql")
            url = stack.enter_context(server.a_database())
        database = Database(url)
        stack.callback(database.dispose)
        lay(database, version)
        migrate.upgrade(database)
        yield stack.enter_context(product(_settings(folder, url)))


def test_every_account_stands_as_it_stood(services: Services) -> None:
    assert _standings(services) == STOOD


def test_the_facts_of_then_give_the_states_of_then(services: Services) -> None:
    findings = list(replay(services))

    # Three customers pay for org_42: what one of them has not paid is no more than a claim now.
    assert {finding.account: finding.differs for finding in findings if finding.differs} == {"org_42": ("standing",)}
    assert [finding.account for finding in findings if finding.erased] == ["org_7"]


def test_the_chains_of_decisions_are_whole(services: Services) -> None:
    assert [result for result in audit.verify(services) if result.flaw] == []


def test_the_rotation_of_keys_binds_all_of_it_and_changes_nothing_else(services: Services) -> None:
    assert not services.vault.binds
    before = list(replay(services))

    rotation.rotate(services, lambda _: None)

    with closing(build(services.settings)) as again:
        assert again.vault.binds
        assert rotation.status(again).to_do == 0
        assert [result for result in audit.verify(again) if result.flaw] == []
        assert list(replay(again)) == before
        assert _standings(again) == STOOD


def test_what_waited_and_what_was_parked_is_still_there(services: Services) -> None:
    with services.database.read() as conn:
        states = {state: len(inbox.listing(conn, state, None, 10)) for state in ("waiting", "parked")}
        todos = outbox.listing(conn, "todo", None)

    assert states == {"waiting": 1, "parked": 1}
    assert {row.kind for row in todos} == {"CancelSubscription"}


def test_a_payment_that_comes_after_the_upgrade_ends_the_hold(services: Services) -> None:
    buyer, at = a_buyer(2, began=BEGAN), MONDAY + DAY

    services.clock.set(at)
    deliver(
        services,
        subscription_payment_recovered(at=at, purchase=buyer, billing_reason="renewal", id=buyer.invoice + 1000),
        subscription_updated(at=at, purchase=buyer, status="active"),
    )
    settle(services)

    assert _standings(services)["org_2"] == ("professional", "full", "good")


def test_a_grace_that_began_before_the_upgrade_ends_after_it(services: Services) -> None:
    for day in range(1, 12):
        services.clock.set(MONDAY + day * DAY)
        settle(services)

    assert _standings(services)["org_12"] == ("free", "free", "on_hold")
    assert [finding for finding in replay(services) if finding.differs] == []


def test_a_case_that_other_rules_kept_from_a_hold_gets_a_whole_final_warning_after_the_upgrade(
    services: Services,
) -> None:
    for day in range(12):
        services.clock.set(MONDAY + day * DAY)
        settle(services)
        if "notice.grace_warning" in _rules(services, "org_12"):
            break
    assert _standings(services)["org_12"][2] == "grace"
    # As another version left it: warned, and past its deadline.
    with services.database.write() as tx:
        shared_values.put(tx, "form_of_books", 1)
    upgraded = MONDAY + 30 * DAY
    services.clock.set(upgraded)

    books.rebuild(services)
    seen = []

    for hours in (0, 1, 47, 49, 60):
        services.clock.set(upgraded + hours * HOUR)
        settle(services)
        seen.append(_standings(services)["org_12"][2])

    assert seen == ["grace", "grace", "grace", "on_hold", "on_hold"]
    assert [finding for finding in replay(services) if finding.differs] == []


def test_the_upgrade_itself_decides_nothing_and_watches_every_renewal(services: Services) -> None:
    with services.database.read() as conn:
        watched = {
            name for name in STOOD if any(row.kind == "renewal_overdue" for row in timers.of_account(conn, name))
        }
    # A case in dunning is looked after by itself.
    running = {name for name, (plan, _, standing) in STOOD.items() if (plan, standing) == ("professional", "good")}

    assert running <= watched
    assert books.rebuild(services) == 0


def test_the_upgrade_tells_who_was_joined_and_what_two_accounts_share(services: Services) -> None:
    _join_as_before(services, 123456, "org_3")

    found = ownership.report(services)

    kinds = {kind: {each.account for each in found.differences if each.kind == kind} for kind in ("joined", "shared")}
    assert kinds["shared"] == {"org_11", "org_11b"}
    assert kinds["joined"] == {"org_3"}
    assert found.changing == 2
    # What one of three customers of org_42 has not paid is no more than a claim now.
    judged = [(each.account, each.kind, each.of) for each in found.differences if each.kind not in kinds]
    assert judged == [("org_42", "standing", "on_hold -> good")]
    assert not ownership.exceeds_limit(services, found)


def test_a_later_unnamed_purchase_of_a_joined_customer_goes_where_the_customer_was_joined(services: Services) -> None:
    _join_as_before(services, 123456, "org_3")

    deliver(services, subscription_updated(at=MONDAY, account=None, customer=123456, subscription=77, order=78))
    settle(services)

    document = account_document(services, "lemonsqueezy-123456")
    assert document.account_id == "org_3"
    assert "77" in [sub.id for sub in document.subscriptions]


def test_a_purchase_that_two_accounts_shared_is_the_newest_name_s_alone_after_the_final_warning(
    services: Services,
) -> None:
    shared = next(each.of for each in ownership.report(services).differences if each.kind == "shared")
    number = int(shared.removeprefix("lemonsqueezy:"))
    buyer = replace(_buyer_of(services, "org_11", number), account="org_11b", subscription=number)

    deliver(services, subscription_updated(at=MONDAY, purchase=buyer, status="past_due"))
    _hours_go_by(services, 72)

    holders = [name for name in ("org_11", "org_11b") if _subscriptions(services, name) == [str(number)]]
    assert holders == ["org_11b"]
    differing = {found for finding in replay(services) for found in finding.differs}
    assert not [found for found in differing if found.startswith("owner of")]


def test_the_upgrade_takes_a_shared_purchase_from_nobody(sharing: Services) -> None:
    settle(sharing)
    _hours_go_by(sharing, 47)

    assert _given(sharing) == SHARING
    assert [result for result in audit.verify(sharing) if result.flaw] == []
    assert [finding for finding in replay(sharing, shuffle=Random(7)) if finding.differs] == []


def test_an_event_takes_no_shared_purchase_before_the_whole_final_warning_is_over(sharing: Services) -> None:
    buyer = replace(_shared_buyer(1), account="org_1")
    deliver(sharing, subscription_updated(at=MONDAY, purchase=buyer))
    settle(sharing)
    named_first = _given(sharing)
    deliver(sharing, subscription_updated(at=MONDAY + HOUR, purchase=replace(buyer, account="org_1b")))
    _hours_go_by(sharing, 47)

    assert named_first == _given(sharing) == SHARING


def test_a_shared_purchase_is_its_owner_s_alone_after_the_final_warning(sharing: Services) -> None:
    _hours_go_by(sharing, 49)

    given = _given(sharing)
    lost = sorted(SHARING - given)
    # The newest name is the owner's, and no more than two accounts lose something by themselves.
    assert len(lost) == 2
    assert set(lost) < {"org_1", "org_2", "org_3", "org_4", "org_5"}
    assert _breaker_is_on(sharing)
    assert {finding.account for finding in replay(sharing) if finding.differs} == set()


def test_the_accounts_that_the_limit_kept_from_losing_something_wait_for_an_operator(sharing: Services) -> None:
    _hours_go_by(sharing, 72)
    waiting = len(SHARING - _given(sharing))
    with sharing.database.write() as tx:
        now = sharing.clock.now(tx)
        circuit_breaker.release(tx, until=now + 2 * HOUR, actor="ada", reason="looked at", now=now)
    _hours_go_by(sharing, 74)

    assert waiting == 2
    assert SHARING - _given(sharing) == {"org_1", "org_2", "org_3", "org_4", "org_5"}
    assert _subscriptions(sharing, "org_1") == []
    assert _subscriptions(sharing, "org_1b") == ["101"]
    assert [finding for finding in replay(sharing, shuffle=Random(7)) if finding.differs] == []


def test_an_upgrade_that_would_change_more_accounts_than_the_limit_is_refused_until_accepted(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'kulanz.db'}")
    lay(database, "0.1.0-shared")
    environ = {"KULANZ_DATA_DIR": str(tmp_path), "ENCRYPTION_KEYS": base64.b64encode(b"k" * 32).decode()}
    out = StringIO()

    with _environ(environ), redirect_stdout(out):
        refused = run(("migrate",))
        left = migrate.current(database)
        accepted = run(("migrate", "--accept"))

    assert (refused, left, accepted) == (1, "0010", 0)
    assert all(name in out.getvalue() for name in SHARING - {"org_9"})
    assert migrate.current(database) == migrate.head()
    database.dispose()


def test_the_upgrade_takes_no_plan_that_the_rules_of_then_gave(unpaid: Services) -> None:
    settle(unpaid)
    _hours_go_by(unpaid, 47)

    assert _plans(unpaid) == UNPAID
    assert [result for result in audit.verify(unpaid) if result.flaw] == []
    assert [finding for finding in replay(unpaid, shuffle=Random(7)) if finding.differs] == []


def test_an_event_takes_no_plan_of_then_before_the_whole_final_warning_is_over(unpaid: Services) -> None:
    for number in range(1, 9):
        buyer = a_buyer(number, began=MONDAY - 60 * DAY)
        deliver(unpaid, license_key_created(at=MONDAY + HOUR, purchase=buyer))
    _hours_go_by(unpaid, 47)

    assert _plans(unpaid) == UNPAID


def test_a_plan_of_then_ends_after_the_final_warning_within_the_mass_action_limit(unpaid: Services) -> None:
    _hours_go_by(unpaid, 72)

    lost = {name for name, plan in _plans(unpaid).items() if plan != UNPAID[name]}
    assert len(lost) == 2
    assert all(_plans(unpaid)[name] == TODAY[name] for name in lost)
    assert all("plan.kept_end" in _rules(unpaid, name) for name in lost)
    assert _breaker_is_on(unpaid)
    assert [finding for finding in replay(unpaid, shuffle=Random(7)) if finding.differs] == []

    with unpaid.database.write() as tx:
        now = unpaid.clock.now(tx)
        circuit_breaker.release(tx, until=now + 2 * HOUR, actor="ada", reason="looked at", now=now)
    _hours_go_by(unpaid, 74)

    assert _plans(unpaid) == TODAY
    assert [finding for finding in replay(unpaid, shuffle=Random(7)) if finding.differs] == []


def test_an_event_after_the_final_warning_takes_no_more_than_the_limit(unpaid: Services) -> None:
    unpaid.clock.set(MONDAY + 49 * HOUR)

    for number in range(1, 7):
        buyer = a_buyer(number, began=MONDAY - 60 * DAY)
        deliver(unpaid, license_key_created(at=MONDAY + 49 * HOUR, purchase=buyer))
    settle(unpaid)

    assert len([name for name, plan in _plans(unpaid).items() if plan != UNPAID[name]]) == 2


def test_a_hold_that_began_after_the_upgrade_takes_what_is_kept(unpaid: Services) -> None:
    at = MONDAY + HOUR
    buyer = a_buyer(4, began=MONDAY - 60 * DAY)

    unpaid.clock.set(at)
    deliver(unpaid, order_refunded(at=at, purchase=buyer), dispute_created(at=at, purchase=buyer))
    settle(unpaid)

    assert _plans(unpaid)["org_4"] == "free"


def test_the_dry_run_lists_whose_plan_today_s_rules_do_not_give(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'kulanz.db'}")
    lay(database, "0.1.0-unpaid")
    plans = "lemonsqueezy:47001=professional,lemonsqueezy:47002=enterprise"
    key = base64.b64encode(b"k" * 32).decode()
    environ = {"KULANZ_DATA_DIR": str(tmp_path), "ENCRYPTION_KEYS": key, "KULANZ_PLANS": plans}
    out = StringIO()

    with _environ(environ), redirect_stdout(out):
        listed = run(("migrate", "--json", "--dry-run"))
        rows = json.loads(out.getvalue())["owners"]
        refused = run(("migrate",))

    differing = {(row["account"], row["of"]) for row in rows if row["difference"] == "plan"}
    assert differing == {(name, f"{plan} -> {TODAY[name]}") for name, plan in UNPAID.items() if plan != TODAY[name]}
    assert (listed, refused, migrate.current(database)) == (0, 1, "0010")
    database.dispose()


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_command_prints_the_report_before_the_upgrade(tmp_path: Path, *, dry_run: bool) -> None:
    database = Database(f"sqlite:///{tmp_path / 'kulanz.db'}")
    lay(database, "0.1.0")
    database.dispose()
    environ = {"KULANZ_DATA_DIR": str(tmp_path), "ENCRYPTION_KEYS": base64.b64encode(b"k" * 32).decode()}
    out = StringIO()

    with _environ(environ), redirect_stdout(out):
        code = run(("migrate", "--json", *(["--dry-run"] if dry_run else [])))

    document = json.loads(out.getvalue())
    assert code == 0
    assert {row["account"] for row in document["owners"] if row["difference"] == "shared"} == {"org_11", "org_11b"}
    again = Database(f"sqlite:///{tmp_path / 'kulanz.db'}")
    assert (migrate.current(again) == migrate.head()) is not dry_run
    again.dispose()


def _hours_go_by(services: Services, until: int) -> None:
    """Let the hours come up to one after the upgrade, and do in each all that follows."""
    with services.database.read() as conn:
        done = int((services.clock.now(conn) - MONDAY) / HOUR)
    for hour in range(done, until + 1):
        services.clock.set(MONDAY + hour * HOUR)
        settle(services)


def _plans(services: Services) -> dict[str, str]:
    return {name: plan for name, (plan, _, _) in _standings(services).items()}


def _given(services: Services) -> set[str]:
    """Return the accounts that have a paid plan."""
    return {name for name, (plan, _, _) in _standings(services).items() if plan == "professional"}


def _shared_buyer(number: int) -> Purchase:
    ids = {"customer": number * 100, "subscription": number * 100 + 1, "order": number * 100 + 2}
    return Purchase(email=f"buyer{number}@shop.example", began=MONDAY - 20 * DAY, **ids)


def _breaker_is_on(services: Services) -> bool:
    with services.database.read() as conn:
        return circuit_breaker.status(conn, services.clock.now(conn)).on_since is not None


def _join_as_before(services: Services, customer: int, account: str) -> None:
    """Let an account have a customer, and answer as its provisional account, as 0.1.0 joined them."""
    provisional = f"lemonsqueezy-{customer}"
    with services.database.write() as tx:
        accounts.lock(tx, [provisional], services.vault.new_data_key)
        make_alias(tx, provisional, account)
        bindings.bind(tx, {f"lemonsqueezy:customer:{customer}": account})


def _buyer_of(services: Services, name: str, number: int) -> Purchase:
    """Return a purchase whose customer is that of a subscription."""
    with services.database.read() as conn:
        facts = list(recorded(services, conn, name))
    seen = next(fact for fact in facts if isinstance(fact, SubscriptionSeen) and fact.key.endswith(f":{number}"))
    return Purchase(customer=int(seen.customer.rpartition(":")[2]), began=BEGAN)


def _subscriptions(services: Services, name: str) -> list[str]:
    return [sub.id for sub in account_document(services, name).subscriptions]


def _settings(folder: Path, url: str) -> Any:
    return settings_of(
        folder,
        url,
        test_clock=True,
        plans=(
            ("lemonsqueezy:47001", "professional"),
            ("lemonsqueezy:47002", "enterprise"),
            ("stripe:price_pro", "professional"),
            ("paddle:pri_pro", "professional"),
        ),
        stripe_webhook_secrets=(stripe.SECRET,),
        paddle_webhook_secrets=(paddle.SECRET,),
        standard_webhook_secrets=(standard.SECRET,),
    )


def _rules(services: Services, name: str) -> list[str]:
    with services.database.read() as conn:
        return [change["rule"] for row in ledger.of_account(conn, name, 0, 1000) for change in row.detail["changes"]]


def _standings(services: Services) -> dict[str, tuple[str, str, str]]:
    with services.database.read() as conn:
        rows = accounts.page(conn, None, None, None, 100)
    return {row.id: (row.plan, row.access, row.standing) for row in rows}
