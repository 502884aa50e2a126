"""Accounts are found by what is at hand: parts of ids, words of names and addresses, the provider's own numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kulanz.commands import books, execute, links
from kulanz.commands.commands import EraseAccount, RequestRefund
from kulanz.processing.search_words import words
from kulanz.queries.account_search import search
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import case_index, shared_values
from tests import paddle, standard
from tests.adapters.payload_source import BOUGHT_AT, PayloadSource, StoryEvent
from tests.adapters.payloads import PAYLOAD_SOURCES
from tests.days import product, settings_of, tell
from tests.lemonsqueezy import dispute_created, order_created, subscription_created, subscription_payment_success

LEMONSQUEEZY, STRIPE, PADDLE, DODO, POLAR = PAYLOAD_SOURCES
NOW = real_now().replace(microsecond=0)
ADA: dict[str, Any] = {
    "account": "org_cobalt_7",
    "buyer": "Ada Müller-Lüdenscheidt",
    "email": "ada.lovelace+bills@difference-engines.example",
    "customer": 1,
    "subscription": 2,
    "order": 30003,
}
BOB: dict[str, Any] = {"account": "org_8", "buyer": "Bob", "email": "bob@engines.example", "customer": 4}


@pytest.fixture
def services(tmp_path: Path, database_url: str) -> Iterator[Services]:
    with product(settings_of(tmp_path, database_url)) as services:
        bought = NOW - timedelta(days=9)
        tell(
            services,
            subscription_created(at=bought, began=bought, **ADA),
            subscription_payment_success(at=bought, began=bought, **ADA, invoice=77001),
            subscription_created(at=bought, began=bought, **BOB, subscription=5, order=6),
        )
        yield services


def test_an_account_is_found_by_whatever_part_of_it_is_at_hand(services: Services) -> None:
    for at_hand in (
        *("org_cobalt_7", "org_c", "cobalt", "OBAL", "lemonsqueezy:2", "77001", "lemonsqueezy:77001"),
        *("ADA.lovelace+bills@Difference-Engines.example", "ada", "lovel", "bills", "difference", "lovelace ada"),
        *("müller", "MULLER", "ludensch", "ada@difference"),
        *("@difference-engines.ex", "difference-engines.example", "bills@difference-engines.e"),
        *("30003", "lemonsqueezy:30003"),
    ):
        assert search(services, at_hand) == ["org_cobalt_7"], at_hand
    assert search(services, "engines") == ["org_8", "org_cobalt_7"]


def test_an_account_is_found_by_its_disputes_and_requests_for_refunds(services: Services) -> None:
    tell(services, dispute_created(at=NOW, **ADA, dispute=3030))
    asked = RequestRefund(payment="lemonsqueezy:6000", contact_email="bob@engines.example", organisation="Bakery")
    tell(services, order_created(at=NOW, account="org_8", customer=4, subscription=5, order=6000))
    execute.command(services, "org_8", asked, "ops")
    with services.database.read() as conn:
        (request,) = [key for kind, key, _ in case_index.of_account(conn, "org_8") if kind == case_index.REFUND]

    assert search(services, "3030") == search(services, "lemonsqueezy:3030") == ["org_cobalt_7"]
    assert search(services, request) == ["org_8"]


def test_nothing_is_found_by_what_is_too_short_or_says_nothing_or_does_not_fit_together(services: Services) -> None:
    for at_hand in (
        "lo",
        "example",
        "ada bob",
        "velace",
        "7700",
        "",
        "  ",
        "@",
        "%%%",
        "____",
        ".example",
        "@.example",
    ):
        assert search(services, at_hand) == [], at_hand


def test_none_of_the_words_by_which_it_is_found_is_in_the_database(services: Services, tmp_path: Path) -> None:
    with services.database.read() as conn:
        digests = conn.execute(text("SELECT digest FROM lookups")).scalars().all()

    assert {len(digest) for digest in digests} == {16, 32}
    for path in tmp_path.glob("kulanz.db*"):
        assert not any(word in path.read_bytes().lower() for word in (b"lovelace", b"difference", b"ludens"))


def test_an_erased_account_is_found_by_its_id_alone(services: Services) -> None:
    execute.command(services, "org_cobalt_7", EraseAccount(reason="Art. 17"), "ops")

    assert search(services, "lovelace") == search(services, "77001") == search(services, "muller") == []
    assert search(services, "cobalt") == ["org_cobalt_7"]


def test_what_moved_to_another_account_is_found_there_alone(services: Services) -> None:
    wanted = links.Link(source="org_cobalt_7", target="org_9", reason="one company", undo=False)
    links.link(services, [wanted], "ops", dry_run=False)

    assert search(services, "lovelace") == search(services, "77001") == ["org_9"]


def test_an_installation_of_before_is_brought_to_find_its_accounts_by_words(services: Services) -> None:
    with services.database.write() as tx:
        tx.execute(text("DELETE FROM lookups"))
        shared_values.put(tx, "form_of_books", 4)
    assert search(services, "lovelace") == []

    books.rebuild(services)

    assert search(services, "lovelace") == search(services, "ludenscheidt") == ["org_cobalt_7"]
    assert books.rebuild(services) == 0


@pytest.mark.parametrize(
    ("source", "payloads"),
    [
        (LEMONSQUEEZY, LEMONSQUEEZY.events[StoryEvent.BUYS](BOUGHT_AT)),
        (STRIPE, STRIPE.events[StoryEvent.BUYS](BOUGHT_AT)),
        (PADDLE, [paddle.customer("updated", at=BOUGHT_AT)]),
        (DODO, DODO.events[StoryEvent.BUYS](BOUGHT_AT)),
        (POLAR, POLAR.events[StoryEvent.BUYS](BOUGHT_AT)),
        (POLAR, [standard.polar("customer.updated", {"id": "c", "name": "Anne"}, at=BOUGHT_AT)]),
    ],
    ids=lambda each: each.name if isinstance(each, PayloadSource) else "",
)
def test_every_provider_tells_the_customers_name(source: PayloadSource, payloads: Sequence[dict[str, Any]]) -> None:
    facts = [fact for payload in payloads for fact in source.facts(payload)]
    names = {name for fact in facts if (name := getattr(fact, "name", None))}

    assert names
    assert all("anne" in words(name) for name in names)
