"""A product that writes the mails itself, on a real callback receiver and beside a real mail server."""

from __future__ import annotations

from pathlib import Path

from kulanz.policy import document
from tests.days import DAY, days_go_by, happens, product, settings_of
from tests.fake_servers import a_callback_receiver, a_mailbox
from tests.lemonsqueezy import (
    MONDAY,
    subscription_created,
    subscription_payment_failed,
    subscription_updated,
)


def test_the_product_is_told_what_to_write_and_no_mail_leaves(tmp_path: Path, database_url: str) -> None:
    policy = tmp_path / "policy.toml"
    plexo = document.preset("plexo").replace('warn_by = "mail"', 'warn_by = "callback"')
    policy.write_text(f'mails = "off"\n{plexo}'.replace("sends_failure_mail = true", "sends_failure_mail = false"))
    with a_callback_receiver() as receiver, a_mailbox() as mailbox:
        told = {
            "policy": str(policy),
            "callback_url": receiver.url,
            "callback_secret": receiver.secret,
            "smtp_url": mailbox.url,
            "mail_from": "billing@shop.example",
            "test_clock": True,
        }
        with product(settings_of(tmp_path, database_url, **told), at=MONDAY - 40 * DAY) as services:
            happens(services, -30, subscription_created(at=MONDAY - 30 * DAY, began=MONDAY - 30 * DAY))
            happens(services, 0, subscription_updated(at=MONDAY, status="past_due"), subscription_payment_failed())
            days_go_by(services, 9)

        notices = [each["data"] for each in receiver.documents if each["type"] == "notice.due"]

    assert mailbox.accepted == []
    assert [each["notice"] for each in notices] == [
        "grace_started",
        "grace_reminder",
        "grace_reminder",
        "grace_warning",
        "downgraded",
    ]
    warning = notices[3]
    assert (warning["account_id"], warning["step"], warning["content"]["plan"]) == ("org_42", 1, "professional")
    assert warning["content"]["deadline"].startswith("2026-03-09T")
    assert "@" not in str(notices)
    assert receiver.types.count("account.downgraded") == 1
