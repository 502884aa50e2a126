"""A mail or letter in the console: what is known of it, and its words for whoever asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kulanz.config import OpsUser
from kulanz.services import Services
from kulanz.store import audit_log, outbox
from kulanz.web.application import WebApp
from tests.console.operator import Operator
from tests.days import days_go_by, product, settings_of
from tests.fake_servers import a_mailbox
from tests.lemonsqueezy import MONDAY
from tests.workers.instance import an_unpaid_account

LINK = re.compile(r'href="(/ops/effects/ef_[^"]+)"')


@pytest.fixture
def services(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Services]:
    """An account that was reminded on Thursday."""
    users = (
        OpsUser(name="ops", password="correct horse"),
        OpsUser(name="eve", password="battery staple", read_only=True),
    )
    with a_mailbox() as mailbox:
        settings = settings_of(
            tmp_path, database_url, redis_url=redis_url, ops_users=users, smtp_url=mailbox.url, test_clock=True
        )
        with product(settings, at=MONDAY) as services:
            an_unpaid_account(services, 1)
            days_go_by(services, 4)
            yield services


def somebody(app: WebApp, name: str, password: str) -> Operator:
    operator = Operator(app.test_client())
    operator.log_in(name, password)
    return operator


def test_a_mail_is_opened_from_the_list_and_its_words_are_shown_to_whom_asks(app: WebApp, services: Services) -> None:
    operator, reader = somebody(app, "ops", "correct horse"), somebody(app, "eve", "battery staple")
    (link,) = LINK.findall(operator.see("/ops/effects"))

    masked = operator.see(link)
    shown = operator.post(f"{link}/words").text

    assert "grace reminder" in masked
    assert "anne@bakery.example" not in masked
    assert "still open" not in masked
    assert "anne@bakery.example" in shown
    assert "Reminder: your payment is still open" in shown
    assert "Show personal data" not in reader.see(link)
    assert reader.post(f"{link}/words").status_code == 403
    with services.database.read() as conn:
        noted = audit_log.about(conn, link.rpartition("/")[2])
    assert [(act.actor, act.act) for act in noted] == [("ops", "looked at personal data")]


def test_what_is_no_mail_is_not_found(app: WebApp, services: Services) -> None:
    operator = somebody(app, "ops", "correct horse")
    with services.database.read() as conn:
        others = [row.id for row in outbox.of_account(conn, "org_1") if row.kind != "SendMail"]

    for ident in ("ef_none", *others):
        assert operator.client.get(f"/ops/effects/{ident}").status_code == 404
        assert operator.post(f"/ops/effects/{ident}/words").status_code == 404
