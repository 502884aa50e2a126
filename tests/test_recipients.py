"""One notice a day for a mail address, whichever account writes, and never at the cost of a final warning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from kulanz.policy import document
from kulanz.processing.search_words import address_digest
from kulanz.services import Services
from kulanz.store import recipients
from tests.days import DAY, happens, product, settings_of
from tests.fake_servers import Mailbox, a_mailbox
from tests.lemonsqueezy import (
    MONDAY,
    Payload,
    subscription_created,
    subscription_payment_failed,
    subscription_updated,
)

ADDRESS = "shared@buyer.example"
FIRST = {"account": "org_1", "customer": 11, "subscription": 12, "order": 13, "invoice": 14}
SECOND = {"account": "org_2", "customer": 21, "subscription": 22, "order": 23, "invoice": 24}


@contextmanager
def two_accounts(folder: Path, url: str, *, one_a_day: bool = True) -> Iterator[tuple[Services, Mailbox]]:
    """Two accounts, whose policy sends reminders after two and four days; nothing is unpaid yet."""
    policy = folder / "policy.toml"
    rules = f'[notices]\nsend_between = "09:00-17:00"\none_a_day = {str(one_a_day).lower()}\n'
    plexo = document.preset("plexo").replace("sends_failure_mail = true", "sends_failure_mail = false")
    policy.write_text(f"{plexo}\n{rules}")
    with a_mailbox() as mailbox:
        told = {"policy": str(policy), "smtp_url": mailbox.url, "mail_from": "a@shop.example", "test_clock": True}
        with product(settings_of(folder, url, **told), at=MONDAY - 40 * DAY) as services:
            yield services, mailbox


def fail(services: Services, *owns: dict[str, Any]) -> None:
    """Let purchases be made, and their first renewal fail on Monday."""
    began = MONDAY - 30 * DAY
    happens(services, -30, *(subscription_created(at=began, began=began, **own) for own in owns))
    payloads: list[Payload] = []
    for own in owns:
        payloads += [subscription_updated(at=MONDAY, status="past_due", **own), subscription_payment_failed(**own)]
    happens(services, 0, *payloads)


def bought_by(email: str, own: dict[str, Any]) -> dict[str, Any]:
    return {**own, "email": email}


def days_pass(services: Services, mailbox: Mailbox, days: int) -> list[tuple[int, str, str]]:
    """Let days go by, a look each morning and afternoon, and tell each mail: its day, account and notice."""
    result = []
    midnight = MONDAY.replace(hour=0, minute=0, second=0)
    for day in range(1, days + 1):
        for hour in (9, 15):
            before = len(mailbox.accepted)
            happens(services, (midnight + timedelta(days=day, hours=hour) - MONDAY) / DAY)
            came = mailbox.accepted[before:]
            result += [(day, str(mail["X-Kulanz-Account"]), str(mail["X-Kulanz-Notice"])) for mail in came]
    return result


def of(kind: str, mails: list[tuple[int, str, str]]) -> list[tuple[int, str]]:
    return [(day, account) for day, account, notice in mails if notice == kind]


def test_two_accounts_of_one_address_get_one_reminder_a_day_and_every_warning(
    tmp_path: Path, database_url: str
) -> None:
    with two_accounts(tmp_path, database_url) as (services, mailbox):
        fail(services, bought_by(ADDRESS, FIRST), bought_by(ADDRESS.upper(), SECOND))

        mails = days_pass(services, mailbox, 7)

    reminders = of("grace_reminder", mails)
    assert [day for day, _ in reminders] == [2, 3, 4]
    assert {account for _, account in reminders} == {"org_1", "org_2"}
    assert sorted(of("grace_warning", mails)) == [(5, "org_1"), (5, "org_2")]


def test_reminders_to_two_addresses_do_not_wait_for_each_other(tmp_path: Path, sqlite_url: str) -> None:
    with two_accounts(tmp_path, sqlite_url) as (services, mailbox):
        fail(services, bought_by(ADDRESS, FIRST), bought_by("other@buyer.example", SECOND))

        mails = days_pass(services, mailbox, 5)

    assert sorted(of("grace_reminder", mails)) == [(2, "org_1"), (2, "org_2"), (4, "org_1"), (4, "org_2")]


def test_where_the_policy_does_not_ask_for_it_no_reminder_waits(tmp_path: Path, sqlite_url: str) -> None:
    with two_accounts(tmp_path, sqlite_url, one_a_day=False) as (services, mailbox):
        fail(services, bought_by(ADDRESS, FIRST), bought_by(ADDRESS, SECOND))

        mails = days_pass(services, mailbox, 3)

    assert sorted(of("grace_reminder", mails)) == [(2, "org_1"), (2, "org_2")]


def test_while_another_worker_decides_about_the_address_a_reminder_waits_for_a_minute(
    tmp_path: Path, postgresql_url: str
) -> None:
    with two_accounts(tmp_path, postgresql_url) as (services, mailbox):
        fail(services, bought_by(ADDRESS, FIRST))
        digest = address_digest(services.vault, ADDRESS)
        at = MONDAY.replace(hour=9, minute=0, second=0) + 3 * DAY

        with services.database.write() as other:
            assert recipients.take_turn(other, digest)
            happens(services, (at - MONDAY) / DAY)
            during = len(mailbox.accepted)
        happens(services, (at + timedelta(minutes=1) - MONDAY) / DAY)

    assert [str(mail["X-Kulanz-Notice"]) for mail in mailbox.accepted[during:]] == ["grace_reminder"]
