"""Events that a merchant may show to somebody: nothing personal is in them, and they lead to the same states."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kulanz import pipeline
from kulanz.ingest.receiver import Receiver
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.state import Catalogue, State
from kulanz.privacy.anonymising import EXPORT_SIGNER, Anonymiser
from kulanz.providers import Naming
from kulanz.queries import account_documents, exports
from kulanz.queries.views import of_row
from kulanz.services import Services
from kulanz.store import accounts, inbox
from tests import lemonsqueezy as ls
from tests import paddle, standard, stripe
from tests.adapters.payload_source import BOUGHT_AT, MONDAY, Payload, PayloadSource, StoryEvent
from tests.adapters.payloads import PAYLOAD_SOURCES
from tests.days import DAY, product, settings_of
from tests.policy.stories import terms
from tests.replacing import replace

SECRET = "the-merchants-own"
PERSONAL: dict[str, Any] = {
    "user_name": "Ada Lovelace",
    "name": "Ada Lovelace",
    "phone_number": "+43 664 1234567",
    "phone": 436641234567,
    "tax_id": "ATU12345678",
    "credit_card_number": "4242424242424242",
    "ip_address": "203.0.113.77",
    "reason": "Ada does not like it",
    "birthday": "1990-01-31T00:00:00Z",
    "address": {"line1": "Hauptplatz 1", "city": "Graz", "postal_code": "8010"},
    "invoice_url": "https://shop.example/invoices/ada-lovelace?signature=feedface",
}
"""What no export may hold, under names that are known here and under others."""


def strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from strings(inner)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def with_personal(payload: Payload) -> Payload:
    """Return an event that has personal values beside the object's own, and in its custom data."""
    changed = deepcopy(payload)
    place = changed["data"].get("attributes") or changed["data"].get("object") or changed["data"]
    place["customer_details"] = PERSONAL
    for custom in (changed.get("meta", {}).get("custom_data"), place.get("metadata"), place.get("custom_data")):
        if isinstance(custom, dict):
            custom |= {"Ada Lovelace": "Ada Lovelace", "born": "1990-01-31T00:00:00Z", "notes": ["Ada Lovelace", 8010]}
    return changed


def shape(value: object) -> object:
    """How a document is built: its lists, its objects, the kinds of its values, and how long they are."""
    if isinstance(value, dict):
        return sorted((len(key), repr(shape(inner))) for key, inner in value.items())
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__, len(str(value))


@pytest.mark.parametrize("source", PAYLOAD_SOURCES, ids=lambda source: source.name)
def test_no_personal_value_survives_and_the_shape_does(source: PayloadSource) -> None:
    forbidden = {*strings(PERSONAL.copy())} - {*PERSONAL, "line1", "city", "postal_code"}
    forbidden |= {"Anne", "ada@shop.example", "org_42", *(ls.Purchase().email, stripe.BOUGHT.email)}
    forbidden |= {stripe.BOUGHT.customer, paddle.BOUGHT.customer, standard.BOUGHT.customer, standard.POLAR.customer}
    forbidden |= {stripe.BOUGHT.subscription, paddle.BOUGHT.subscription, str(ls.Purchase().customer)}

    for tell in source.events.values():
        for payload in map(with_personal, tell(MONDAY)):
            document = json.loads(source.wire(payload))
            exported = Anonymiser(Naming()).payload(document)

            assert {value for value in strings(exported) if any(_says(value, word) for word in forbidden)} == set()
            assert shape(exported) == shape(document)


def _says(value: str, word: str) -> bool:
    """Whether a value is a personal one, or holds it where that is no accident."""
    return value == word or (len(word) > 6 and word in value)


def told(state: State) -> object:
    """What a state says, without the names of anything."""
    return (
        (state.plan, state.access, state.standing, state.add_ons),
        [(case.state, case.opened_at, case.deadline, case.failures, case.amount_due) for case in state.cases],
        [(each.status, each.holds, each.whole, each.claim, each.amount, each.reason) for each in state.chargebacks],
        [(hold.owner, hold.scope, hold.since, len(hold.subscriptions)) for hold in state.holds],
        sorted((timer.kind, timer.due_at) for timer in state.timers),
    )


@pytest.mark.parametrize("source", PAYLOAD_SOURCES, ids=lambda source: source.name)
@pytest.mark.parametrize("last", [*StoryEvent])
def test_an_export_leads_to_the_same_state(source: PayloadSource, last: StoryEvent) -> None:
    story = [StoryEvent.BUYS, StoryEvent.FAILS, last]
    payloads = [
        json.loads(source.wire(payload))
        for number, each in enumerate(story)
        if each in source.events
        for payload in source.tell(each, BOUGHT_AT if each is StoryEvent.BUYS else MONDAY + number * DAY)
    ]
    anonymiser = Anonymiser(Naming())
    catalogue = Catalogue.of(((source.variant, "professional"),))

    states = []
    for each in (payloads, [anonymiser.payload(payload) for payload in payloads]):
        book = Book().with_facts(fact for payload in each for fact in source.facts(payload))
        states.append(told(assess(book, replace(terms(), catalogue=catalogue), "UTC", MONDAY + 3 * DAY)))

    assert states[0] == states[1]


def standings(services: Services) -> list[str]:
    """Return how every account stands, without ids."""
    with services.database.read() as conn:
        rows = accounts.page(conn, None, None, None, 100)
        documents = [
            msgspec.json.decode(msgspec.json.encode(account_documents.account(of_row(services, conn, row))))
            for row in rows
        ]
    names = {"account_id", "id", "subscription_id", "invoice_id", "payment_id", "source", "subscriptions", "policy"}
    return sorted(json.dumps(_nameless(document, names), sort_keys=True) for document in documents)


def _nameless(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _nameless(inner, names) for key, inner in value.items() if key not in names}
    if isinstance(value, list):  # Its order is that of the ids.
        return sorted((_nameless(item, names) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def delivered(services: Services, bodies: list[Payload]) -> None:
    receiver = Receiver(services)
    for payload in bodies:
        body = ls.wire(payload)
        assert receiver.accept("lemonsqueezy", {"X-Signature": ls.sign(body)}, body).status == 200
    receiver.close()
    while pipeline.process(services).moved:
        pass


def test_an_export_of_accounts_replays_to_the_same_accounts_signatures_and_all(
    tmp_path: Path, database_url: str, request: pytest.FixtureRequest
) -> None:
    """Whatever database it comes from, it goes into a new one."""
    other = tmp_path / "other.db"
    other.write_bytes(request.getfixturevalue("_sqlite_template").read_bytes())
    signed = ls.a_buyer(1, began=MONDAY - 30 * DAY)
    purchases = [
        ls.Purchase(**{name: getattr(signed, name) for name in ("customer", "subscription", "order", "invoice")}),
        ls.a_buyer(2, began=MONDAY - 30 * DAY, account="org_1"),
    ]
    story = [
        event
        for number, purchase in enumerate(purchases)
        for event in (
            ls.subscription_created(at=MONDAY - 30 * DAY, purchase=purchase, account="org_1", account_secret=SECRET)
            if number == 0
            else ls.subscription_created(at=MONDAY - 30 * DAY, purchase=purchase),
            ls.subscription_payment_failed(at=MONDAY, purchase=purchase, account="org_1"),
        )
    ]
    story.append(ls.dispute_created(at=MONDAY, purchase=purchases[1], account="org_1"))
    settings = {"test_clock": True, "account_secret": SECRET}
    with product(settings_of(tmp_path / "a", database_url, **settings), at=MONDAY) as services:
        delivered(services, story)
        with services.database.read() as conn:
            events = inbox.listing(conn, None, None, 100)
        exported = exports.anonymised(services, events)
        before = standings(services)
    settings["account_secret"] = EXPORT_SIGNER
    with product(settings_of(tmp_path / "b", f"sqlite:///{other}", **settings), at=MONDAY) as services:
        delivered(services, [json.loads(body) for _, body in sorted(exported.files.items())])

        after = standings(services)
    assert [json.loads(one) for one in after] == [json.loads(one) for one in before]
    assert exported.left_out == 0
