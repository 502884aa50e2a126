"""Refunds where no API key is set, and by the command line: what a person does, and what Kulanz makes of it."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests

from kulanz.cli import run
from kulanz.services import build
from kulanz.store import audit_log, outbox
from kulanz.store.outbox import EffectRow
from tests.refunds.conftest import DAY, Support, everywhere
from tests.shop import PLANS, TOKEN, Shop, a_shop

BASE = 4900 - 817
DISPUTE = {"amount": 4900, "currency": "EUR", "reason": "the bank wrote"}


@contextmanager
def without_a_key(support: Support) -> Iterator[Shop]:
    """The same shop, whose workers hold no key of the provider's."""
    services = support.shop.services
    settings = replace(services.settings, lemonsqueezy_api_key=None)
    keyless = build(settings)
    keyless_services, support.shop.services = services, keyless
    try:
        yield support.shop
    finally:
        support.shop.services = keyless_services
        keyless.close()


@everywhere
def test_without_an_api_key_a_refund_is_a_to_do_which_the_providers_event_takes_back(support: Support) -> None:
    bought = support.sold()
    request = support.asked(bought)

    with without_a_key(support) as shop:
        support.approve(request)
        shop.settle()
        waiting, approved = effects(shop, "todo"), support.now(request)
        shop.simulator.desk.refund_order(str(bought.order), BASE)
        shop.advance(DAY / 24)
        left, paid = effects(shop, "todo"), support.now(request)

    assert (waiting, approved["state"]) == (["refund"], "approved")
    assert ("refund" in left, paid["state"], paid["refunded_amount"]) == (False, "paid", BASE)
    topics = [
        document["data"].get("topic")
        for document in support.shop.callbacks.documents
        if document["type"] == "ops.alert"
    ]
    assert "effect_to_do" in topics


@everywhere
def test_a_refund_that_a_person_made_is_recorded_once_and_the_providers_event_closes_it(support: Support) -> None:
    bought = support.sold()
    request = support.asked(bought)

    with without_a_key(support) as shop:
        support.approve(request)
        shop.settle()
        (waiting,) = rows(shop, "todo")
        path, form = f"/v1/effects/{waiting.id}/done", {"reason": "refunded in the dashboard"}
        recorded = support.post(path, form, **{"Idempotency-Key": "1"})
        repeated = support.post(path, form, **{"Idempotency-Key": "1"})
        again, sent = support.post(path, form), support.now(request)
    shop.settle()
    untouched = support.now(request)
    shop.simulator.desk.refund_order(str(bought.order), BASE)
    shop.advance(DAY / 24)
    paid = support.now(request)

    assert (recorded.status_code, recorded.json()["state"], recorded.json()["type"]) == (200, "done", "refund")
    assert repeated.json() == recorded.json()
    assert (again.status_code, sent["state"], effects(shop, "todo")) == (409, "sent", [])
    assert (untouched["state"], untouched["refunded_amount"]) == ("sent", 0)
    assert (paid["state"], paid["refunded_amount"]) == ("paid", BASE)
    with shop.services.database.read() as conn:
        (noted,) = [row for row in audit_log.about(conn, str(bought.account)) if row.act == "done by hand"]
    assert noted.detail == f"refund {waiting.id}: refunded in the dashboard"


@everywhere
def test_an_approved_refund_that_a_chargeback_overtakes_is_approved_again_once_the_bank_has_decided(
    support: Support,
) -> None:
    bought = support.sold()
    request = support.asked(bought)

    with without_a_key(support) as shop:
        support.approve(request)
        shop.settle()
        opened = support.post(f"/v1/accounts/{bought.account}/disputes", {**DISPUTE, "payment_id": str(bought.order)})
        overtaken, left, refused = support.now(request), effects(shop, "todo"), support.approve(request)
        support.post(f"/v1/disputes/{opened.json()['id']}/close", {"outcome": "won"})
        free, again = support.now(request), support.approve(request)
        shop.settle()
        waiting = effects(shop, "todo")
        shop.simulator.desk.refund_order(str(bought.order), BASE)
        shop.advance(DAY / 24)
        paid = support.now(request)

    assert (overtaken["state"], overtaken["verdict"], "refund" in left) == ("review", "review", False)
    assert (refused.status_code, again.status_code) == (409, 200)
    assert (free["state"], free["verdict"], free["clause"]) == ("review", "eligible", "3.1")
    assert ("refund" in waiting, paid["state"], paid["refunded_amount"]) == (True, "paid", BASE)


def effects(shop: Shop, state: str) -> list[str]:
    return [row.type for row in rows(shop, state)]


def rows(shop: Shop, state: str) -> list[EffectRow]:
    with shop.services.database.read() as conn:
        return outbox.listing(conn, state)


@pytest.fixture
def command(support: Support, tmp_path: Path) -> Command:
    settings = support.shop.services.settings
    environ = {
        "KULANZ_DATA_DIR": str(tmp_path),
        "DATABASE_URL": settings.database_url,
        "ENCRYPTION_KEYS": ",".join(b64encode(key).decode() for key in settings.encryption_keys),
        "KULANZ_TEST_CLOCK": "1",
        "LEMONSQUEEZY_MODE": "any",
        "KULANZ_PLANS": ",".join(f"{variant}={plan}" for variant, plan in PLANS["lemonsqueezy"]),
    }
    return Command(environ)


class Command:
    """`kulanz refund …`, or another group, against the shop's database."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def __call__(self, *arguments: str) -> dict[str, Any]:
        code, out, err = self.ended(*arguments, "--json")
        assert code == 0, err
        document: dict[str, Any] = json.loads(out)
        return document

    def ended(self, *arguments: str, group: str = "refund") -> tuple[int, str, str]:
        out, err = StringIO(), StringIO()
        before = dict(os.environ)
        os.environ.update(self._environ)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = run([group, *arguments])
        finally:
            os.environ.clear()
            os.environ.update(before)
        return code, out.getvalue(), err.getvalue()


@everywhere
@pytest.mark.parametrize("by_hand", [True, False], ids=["command line", "API"])
def test_a_chargeback_whose_payment_is_mistyped_takes_nothing_from_who_had_made_contact(
    support: Support, command: Command, *, by_hand: bool
) -> None:
    bought = support.sold()
    support.asked(bought)

    if by_hand:
        stated = ("--amount", "4900", "--currency", "EUR", "--reason", "the bank wrote", "--payment", "99999")
        opened = command.ended("open", str(bought.account), *stated, group="dispute")[0]
    else:
        told_by_api = {**DISPUTE, "payment_id": "99999"}
        opened = support.post(f"/v1/accounts/{bought.account}/disputes", told_by_api).status_code
    account = support.get(f"/v1/accounts/{bought.account}")

    assert opened == (0 if by_hand else 201)
    assert (account["standing"], account["holds"]) == ("good", [])
    assert [item["payment_id"] for item in account["disputes"]] == ["99999"]


@everywhere
def test_a_request_by_the_command_line_is_decided_there_too(support: Support, command: Command) -> None:
    bought = support.sold()
    who = ("--contact-email", "anne@bakery.example", "--organisation", "Bakery", "--reason", "not what we need")
    asking = ("request", str(bought.account), "--payment", str(bought.order), *who)

    tried = command(*asking, "--dry-run")
    params = command(*asking)
    again = command(*asking)
    listed = command("list", "--in-time")["refund_requests"]
    would = command("approve", params["id"], "--dry-run")
    approved = command("approve", params["id"], "--actor", "ada")
    shown = command("show", params["id"])

    assert (tried["verdict"], tried["dry_run"], tried["refundable_amount"]) == ("eligible", True, BASE)
    assert again["id"] == params["id"] == listed[0]["id"]
    assert len(listed) == 1
    assert (would["state"], would["dry_run"], approved["state"], approved["decided_by"]) == (
        *("approved", True),
        *("approved", "ada"),
    )
    stated = ("reason", "contact_email", "organisation")
    assert [shown[key] for key in stated] == ["not what we need", "anne@bakery.example", "Bakery"]
    assert support.now(params)["state"] == "paid"


def test_what_cannot_be_is_one_line_on_standard_error(support: Support, command: Command) -> None:
    bought = support.sold()
    who = ("--contact-email", "a@b.c", "--organisation", "Bakery")

    nobody = command.ended("request", "nobody", "--payment", "1", *who)
    too_much = command.ended("request", str(bought.account), "--payment", str(bought.order), "--amount", "99999", *who)
    no_request = command.ended("approve", "rr_none")
    usage = command.ended("request", str(bought.account), "--payment", str(bought.order))

    assert [ended[0] for ended in (nobody, too_much, no_request, usage)] == [1, 1, 1, 2]
    assert all(ended[2].count("\n") == 1 for ended in (nobody, too_much, no_request, usage))
    assert "more than can be refunded" in too_much[2]


def test_a_list_reads_as_a_table(support: Support, command: Command) -> None:
    request = support.asked(support.sold())

    code, out, _ = command.ended("list")
    late = command.ended("list", "--late")

    assert (code, request["id"] in out, "eligible" in out) == (0, True, True)
    assert late[1].strip() == "none"


def test_a_shop_by_another_token_is_closed(tmp_path: Path, sqlite_url: str) -> None:
    with a_shop(tmp_path, sqlite_url) as shop, requests.Session() as session:
        answers = [
            session.get(Support(shop, session).url + "/v1/refund-requests", headers=headers, timeout=10).status_code
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {TOKEN}"})
        ]

    assert answers == [401, 401, 200]
