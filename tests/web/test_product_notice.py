"""What a product shows its users: the words of the last mail, in the reader's language, and nothing that is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kulanz import documents
from kulanz.commands import execute
from kulanz.commands.commands import OpenDispute, SetOverride
from kulanz.config import ApiToken
from kulanz.ingest.receiver import Receiver
from kulanz.policy.facts import OverrideKind
from kulanz.queries import accounts
from kulanz.services import Services
from kulanz.web.application import assemble
from tests.days import DAY, days_go_by, happens, product, settings_of, settle, tell
from tests.lemonsqueezy import (
    MONDAY,
    account_signature,
    dispute_created,
    dispute_resolved,
    subscription_created,
    subscription_paused,
    subscription_payment_failed,
    subscription_payment_recovered,
    subscription_updated,
)

ORG = "org_42"
BILLING = "https://product.example.com/billing"
READER = {"Authorization": "Bearer r-secret"}


@pytest.fixture
def services(tmp_path: Path, database_url: str) -> Iterator[Services]:
    with a_product(tmp_path, database_url) as services:
        yield services


def a_product(folder: Path, database_url: str, **told: Any) -> Any:
    tokens = (ApiToken(name="reader", token="r-secret", read_only=True),)
    usual = {"api_tokens": tokens, "billing_url": BILLING, "test_clock": True}
    return product(settings_of(folder, database_url, **usual | told), at=MONDAY - 40 * DAY)


def unpaid(services: Services, **told: Any) -> None:
    """A subscription whose renewal fails on Monday."""
    happens(services, -30, subscription_created(at=MONDAY - 30 * DAY, began=MONDAY - 30 * DAY, **told))
    happens(
        services, 0, subscription_updated(at=MONDAY, status="past_due", **told), subscription_payment_failed(**told)
    )


def notice(services: Services, *languages: str) -> Any:
    return msgspec.to_builtins(accounts.entitlement(services, ORG, languages).notice)


def answered(services: Services, query: str = "", account: str = ORG, **headers: str) -> Any:
    receiver = Receiver(services)
    client = assemble(receiver, services, services.settings).test_client()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    answer = client.get(f"/v1/accounts/{account}/entitlement{query}", headers=READER | named)
    receiver.close()
    return answer


def last_subject(services: Services) -> str:
    newest = max((services.settings.data_dir / "mail").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    return str(message_from_bytes(newest.read_bytes(), policy=policy.default)["Subject"])


def test_an_account_in_good_standing_has_nothing_to_show(services: Services) -> None:
    happens(services, -30, subscription_created(at=MONDAY - 30 * DAY, began=MONDAY - 30 * DAY))

    document = accounts.entitlement(services, ORG)

    assert (document.notice, document.known) == (None, True)


def test_a_payer_is_shown_what_the_last_mail_said_until_it_is_paid(services: Services) -> None:
    unpaid(services)

    first, last = notice(services), {}
    for day in range(1, 7):
        happens(services, day)
        if any((services.settings.data_dir / "mail").glob("*.eml")):
            last[last_subject(services)] = notice(services)
    happens(services, 6.1, subscription_payment_recovered(at=MONDAY + timedelta(days=6.1)))

    assert [shown["text"] for shown in last.values()] == list(last)
    assert [shown["severity"] for shown in last.values()] == ["warning", "critical"]
    assert first == {
        "severity": "warning",
        "text": "Payment failed: please update your payment method by March 9, 2026",
        "deadline": "2026-03-09T14:08:20Z",
        "link": BILLING,
        "who": "payer",
    }
    assert notice(services) is None


@pytest.mark.parametrize(
    ("policy", "subjects", "afterwards"),
    [
        ("dunning-at", 6, "Last demand for payment of invoice 9900127"),
        ("cloudcrm", 4, None),
        ("bitrix24", 1, "Your access is blocked because of an open payment"),
    ],
)
def test_what_is_shown_follows_the_mails_of_every_policy(
    tmp_path: Path, sqlite_url: str, policy: str, subjects: int, afterwards: str | None
) -> None:
    told: dict[str, str] = {}
    with a_product(tmp_path, sqlite_url, policy=policy) as services:
        unpaid(services)
        for day in range(46):
            happens(services, day + 0.5)
            subject = last_subject(services)
            told.setdefault(subject, notice(services)["text"])
            if subject.startswith("Your a") and policy == "cloudcrm":
                break
        happens(services, 60)
        last = notice(services)

    assert told == {subject: subject for subject in told}
    assert len(told) == subjects
    assert (last and last["text"]) == afterwards


def test_a_deletion_that_was_announced_is_shown_with_its_day(services: Services) -> None:
    happens(services, -30, subscription_created(at=MONDAY - 30 * DAY, began=MONDAY - 30 * DAY))
    happens(services, 0, dispute_created(at=MONDAY))
    suspended = notice(services)
    happens(services, 1, dispute_resolved(at=MONDAY + DAY, status="lost"))
    for day in range(2, 32):
        happens(services, day)
        if "deleted" in last_subject(services):
            break

    shown = notice(services)

    assert (suspended["text"], suspended["deadline"]) == ("Your account has been suspended", "2026-04-01T14:08:20Z")
    assert shown["text"] == last_subject(services)
    assert shown["text"].startswith("Important: the data of your account may be deleted from ")
    assert shown["severity"] == "critical"


def test_a_strangers_unpaid_renewal_is_not_shown_where_it_claims_to_belong(tmp_path: Path, database_url: str) -> None:
    claimed = {"account": ORG, "subscription": 77, "customer": 78, "order": 79, "invoice": 80}
    with a_product(tmp_path, database_url, account_secret="s", require_signed_accounts=False) as services:
        own = {"account_id": ORG, "account_sig": account_signature(ORG, "s")}
        happens(services, -31, subscription_created(at=MONDAY - 31 * DAY, began=MONDAY - 31 * DAY, custom_data=own))
        happens(services, -30, subscription_created(at=MONDAY - 30 * DAY, began=MONDAY - 30 * DAY, **claimed))
        happens(services, 0, subscription_payment_failed(**claimed))
        cases = accounts.account_document(services, ORG).dunning_cases

        shown = notice(services)

    assert len(cases) == 1
    assert shown is None


def test_a_warning_of_a_deadline_that_was_moved_since_is_not_shown_as_the_last(services: Services) -> None:
    unpaid(services)
    for day in (3, 5, 6):
        happens(services, day)
    warned = notice(services)
    until = MONDAY + 20 * DAY
    execute.command(services, ORG, SetOverride(kind=OverrideKind.EXTEND_GRACE, until=until, reason="goodwill"), "anna")

    extended = notice(services)

    assert (warned["severity"], extended["severity"]) == ("critical", "warning")
    assert extended["deadline"] == "2026-03-22T14:08:20Z"


def test_a_paused_subscription_asks_for_nothing(services: Services) -> None:
    unpaid(services)
    before = notice(services)
    happens(services, 1, subscription_paused(at=MONDAY + DAY))

    assert (before is None, notice(services)) == (False, None)


def test_everyone_is_shown_what_was_taken(services: Services) -> None:
    unpaid(services)
    days_go_by(services, 9)

    shown = notice(services)

    assert shown["text"] == last_subject(services) == "Your account has moved to the free plan"
    assert (shown["severity"], shown["who"]) == ("critical", "everyone")


def test_a_suspension_is_shown_before_an_unpaid_renewal(services: Services) -> None:
    unpaid(services)
    execute.command(services, ORG, OpenDispute(amount=1999, currency="EUR", reason="fraud"), "anna")
    disputed = notice(services)
    until = services.clock.now() + 9 * DAY
    execute.command(services, ORG, SetOverride(kind=OverrideKind.SUSPEND, until=until, reason="abuse"), "anna")
    settle(services)

    assert disputed["text"] == notice(services)["text"] == "Your account has been suspended"
    assert (disputed["severity"], disputed["who"]) == ("critical", "everyone")


def test_a_lifted_hold_is_not_shown(services: Services) -> None:
    unpaid(services)
    days_go_by(services, 9)
    until = services.clock.now() + 9 * DAY
    execute.command(services, ORG, SetOverride(kind=OverrideKind.REINSTATE, until=until, reason="goodwill"), "anna")

    assert notice(services) is None


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", None, "de"),  # The account's own.
        ("", "*", "de"),
        ("", "it, en;q=0.8, de;q=0.5", "en"),
        ("", "en;q=0, de-CH", "de"),
        ("?locale=en", "de", "en"),
        ("?locale=it", "de", "de"),
        ("?locale=de-AT", "en", "de"),
    ],
)
def test_a_notice_is_in_the_readers_language(
    services: Services, query: str, accepted: str | None, language: str
) -> None:
    unpaid(services, custom_data={"account_id": ORG, "locale": "de"})
    headers = {} if accepted is None else {"Accept_Language": accepted}

    answer = answered(services, query, **headers)

    start = {"de": "Zahlung fehlgeschlagen: ", "en": "Payment failed: "}[language]
    assert answer.json["notice"]["text"].startswith(start)
    assert "Accept-Language" in answer.headers["Vary"]


@pytest.mark.parametrize("locale", ["", "d", "../en", "de%00", "english-please-and-more", "x" * 200])
def test_a_locale_that_is_no_language_tag_is_refused(services: Services, locale: str) -> None:
    assert answered(services, f"?locale={locale}").status_code == 400


def test_no_header_of_languages_keeps_the_answer_back(services: Services) -> None:
    unpaid(services)

    for accepted in (
        "../../etc",
        "x" * 5000,
        "de;q=nan",
        ",,,;;;",
        "en_US.UTF-8@x",
        "-",
        "\xff",
        ",".join(["zz"] * 999),
    ):
        answer = answered(services, Accept_Language=accepted)
        assert (answer.status_code, bool(answer.json["notice"]["text"])) == (200, True)


def test_what_is_shown_changes_the_etag(services: Services) -> None:
    unpaid(services)
    english, german = (answered(services, Accept_Language=language) for language in ("en", "de"))

    again = answered(services, Accept_Language="en", If_None_Match=english.headers["ETag"])
    other = answered(services, Accept_Language="de", If_None_Match=english.headers["ETag"])

    assert again.status_code == 304
    assert (other.status_code, other.headers["ETag"]) == (200, german.headers["ETag"])


def test_a_stranger_is_on_the_free_plan_where_the_settings_say_so(tmp_path: Path, database_url: str) -> None:
    with a_product(tmp_path, database_url, unknown_accounts="free") as services:
        happens(services, -30, subscription_created(at=MONDAY - 30 * DAY, began=MONDAY - 30 * DAY))
        stranger = answered(services, account="org_9")
        unusable = answered(services, account="a%20b")
        known = answered(services)

    assert stranger.status_code == 200
    assert stranger.json == {
        "account_id": "org_9",
        "plan": "free",
        "access": "free",
        "allows": ["login", "export", "explain", "use_free"],
        "add_ons": [],
        "version": 0,
        "known": False,
        "notice": None,
    }
    assert (known.json["known"], known.json["plan"]) == (True, "professional")
    assert unusable.status_code == 404


def test_a_stranger_is_not_found_by_default(services: Services) -> None:
    assert answered(services, account="org_9").status_code == 404


def test_what_is_possible_is_told_in_every_state(services: Services) -> None:
    always = ["login", "export", "explain"]
    tell(services, subscription_created(at=MONDAY - 30 * DAY, began=MONDAY - 30 * DAY))
    full = accounts.entitlement(services, ORG)
    unpaid(services)
    days_go_by(services, 9)
    free = accounts.entitlement(services, ORG)
    execute.command(services, ORG, OpenDispute(amount=1999, currency="EUR", reason="fraud"), "anna")
    none = accounts.entitlement(services, ORG)

    assert [(item.access, item.allows) for item in (full, free, none)] == [
        ("full", [*always, "use_free", "use_paid"]),
        ("free", [*always, "use_free"]),
        ("none", always),
    ]
    assert documents.Entitlement.__struct_fields__[-2:] == ("known", "notice")
