"""A household of accounts, customers and purchases: any order and repetition of its events gives the same owners."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kulanz.commands.links import Link, link
from kulanz.errors import KulanzError
from kulanz.ingest.receiver import Receiver
from kulanz.providers.signing import account_signature
from kulanz.queries.accounts import account_document
from kulanz.queries.replay.replay import replay
from kulanz.services import Services
from kulanz.store import accounts, bindings, migrate
from kulanz.store.database import Database
from tests import stripe
from tests.days import product, settings_of, tell
from tests.lemonsqueezy import (
    MONDAY,
    Payload,
    Purchase,
    delivery,
    dispute_created,
    dispute_resolved,
    license_key_created,
    license_key_updated,
    order_created,
    order_refunded,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_refunded,
    subscription_payment_success,
    subscription_updated,
)
from tests.servers import PostgreSQL

HOUR = timedelta(hours=1)
SECRET = "the-account-secret-of-the-shop"
ACCOUNTS = ("org_1", "org_2", "org_3")
Delivery = tuple[str, tuple[bytes, dict[str, str]]]
"""An endpoint, and a body with its headers."""
STATUSES = ("active", "past_due")


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event of one of a few purchases of two customers, by whatever name at whatever time."""

    kind: str
    number: int
    hour: int
    named: str | None
    signed: bool
    status: str
    other: bool
    """Whether it is of the purchase's second invoice, or by the other address of the customer."""

    @property
    def at(self) -> datetime:
        return MONDAY + self.hour * HOUR

    @property
    def claim(self) -> dict[str, str]:
        if self.named is None:
            return {}
        signature = {"account_sig": account_signature(self.named, SECRET)} if self.signed else {}
        return {"account_id": self.named, **signature}


class AtLemonSqueezy(Told):
    """An event of Lemon Squeezy's."""

    def delivery(self) -> Delivery:
        """The endpoint, the body and its headers."""
        number = self.number
        bought = Purchase(
            customer=700 + number // 2,
            subscription=800 + number,
            order=900 + number,
            invoice=1000 + 10 * number + self.other,
            licence=1100 + number,
            dispute=1200 + number,
            email=("anne" if self.other else "ben") + "@bakery.example",
            account=self.named,
        )
        told: dict[str, Any] = {"custom_data": self.claim} if self.signed and self.claim else {}
        if self.kind == "subscription_updated":
            told["status"] = self.status
        return "lemonsqueezy", delivery(LEMONSQUEEZY[self.kind](purchase=bought, at=self.at, **told))


LEMONSQUEEZY: dict[str, Callable[..., Payload]] = {
    "subscription_created": subscription_created,
    "subscription_updated": subscription_updated,
    "subscription_payment_failed": subscription_payment_failed,
    "subscription_payment_success": subscription_payment_success,
    "subscription_payment_refunded": subscription_payment_refunded,
    "order_created": order_created,
    "order_refunded": order_refunded,
    "dispute_created": dispute_created,
    "dispute_resolved": dispute_resolved,
    "license_key_created": license_key_created,
    "license_key_updated": license_key_updated,
}


class AtStripe(Told):
    """An event of Stripe's; metadata may change."""

    def delivery(self) -> Delivery:
        """The endpoint, the body and its headers."""
        number, intent = self.number % 3, {"payment_intent": f"pi_{self.number % 3}"}
        ids = {kind: f"{kind}_{number}" for kind in ("subscription", "invoice", "charge", "dispute")}
        bought = stripe.Purchase(customer=f"cus_{number // 2}", account=None, began=MONDAY, **ids)
        build, more = STRIPE[self.kind]
        told: dict[str, Any] = more | (intent if self.kind not in BARE else {})
        if self.kind not in {"failed", "linked", "paid"}:
            told["metadata"] = self.claim
        if self.kind == "updated":
            told["status"] = self.status
        return "stripe", stripe.delivery(build(at=self.at, purchase=bought, **told))


BARE = frozenset({"created", "updated", "failed", "checkout", "customer"})
STRIPE: dict[str, tuple[Callable[..., Payload], dict[str, Any]]] = {
    "created": (partial(stripe.subscription, "created"), {}),
    "updated": (partial(stripe.subscription, "updated"), {}),
    "paid": (partial(stripe.invoice, "paid"), {}),
    "failed": (partial(stripe.invoice, "payment_failed"), {}),
    "linked": (stripe.invoice_payment, {}),
    "charged": (partial(stripe.charge, "succeeded"), {}),
    "refunded": (partial(stripe.charge, "refunded"), {}),
    "disputed": (partial(stripe.dispute, "created"), {}),
    "closed": (partial(stripe.dispute, "closed"), {}),
    "checkout": (stripe.checkout, {}),
    "payment": (stripe.checkout, {"subscription": None, "mode": "payment"}),
    "customer": (partial(stripe.customer, "updated"), {}),
}


def told(provider: type[Told], kinds: Iterable[str]) -> st.SearchStrategy[Told]:
    """Return events of a provider."""
    return st.builds(
        provider,
        kind=st.sampled_from(sorted(kinds)),
        number=st.integers(0, 3),
        hour=st.integers(0, 5),
        named=st.sampled_from((None, *ACCOUNTS)),
        signed=st.booleans(),
        status=st.sampled_from(STATUSES),
        other=st.booleans(),
    )


an_event = st.one_of(told(AtLemonSqueezy, LEMONSQUEEZY), told(AtStripe, STRIPE))
Names = tuple[str, str]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database that is only copied."""
    path = tmp_path_factory.mktemp("household") / "template.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    database.dispose()
    return path


@contextmanager
def a_household(template: Path | PostgreSQL, **told: Any) -> Iterator[Services]:
    """Give the services of a product that knows nothing yet."""
    plans = (("lemonsqueezy:47001", "professional"), ("stripe:price_pro", "professional"))
    told = {"test_clock": True, "account_secret": SECRET, "stripe_webhook_secrets": (stripe.SECRET,), **told}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if isinstance(template, Path):
            shutil.copyfile(template, folder / "kulanz.db")
            url = f"sqlite:///{folder}/kulanz.db"
        else:
            url = stack.enter_context(template.a_database())
            database = Database(url)
            migrate.upgrade(database)
            database.dispose()
        yield stack.enter_context(product(settings_of(folder, url, plans=plans, **told), at=MONDAY))


def hear(services: Services, *events: Told) -> None:
    """Let deliveries arrive and apply them; effects wait."""
    receiver = Receiver(services)
    for event in events:
        endpoint, (body, headers) = event.delivery()
        assert receiver.accept(endpoint, headers, body).status == 200
    receiver.close()
    tell(services)


def owners(services: Services) -> dict[str, str]:
    """Return the owner of every purchase, with its payments."""
    with services.database.read() as conn:
        rows = bindings.page(conn, "", 1000)
    return {row.key: row.account for row in rows if row.claims is not None and ":customer:" not in row.key}


def states(services: Services) -> dict[str, tuple[str, ...]]:
    """Return how every account stands that owns anything; a deadline that was promised on the way is a fact too."""
    names = set(owners(services).values())
    with services.database.read() as conn:
        rows = [row for row in accounts.page(conn, None, None, None, 1000) if row.id in names]
    return {row.id: (row.standing, row.plan, row.access) for row in rows}


def linked(services: Services, names: Names | None) -> object:
    """Link one account to another as an operator, and return what moved; None where that is refused."""
    if names is None:
        return None
    try:
        done = link(services, [Link(source=names[0], target=names[1], reason="they wrote")], "ada")
    except KulanzError:
        return None
    return [(each.objects, each.plans) for each in done]


def left_by(
    template: Path | PostgreSQL,
    before: Sequence[Sequence[Told]],
    names: Names | None = None,
    after: Sequence[Sequence[Told]] = (),
    **told: Any,
) -> tuple[Any, ...]:
    """Return owners, states, and what a replay finds different, after batches of deliveries with a link between."""
    with a_household(template, **told) as services:
        for batch in before:
            hear(services, *batch)
        moved = linked(services, names)
        for batch in after:
            hear(services, *batch)
        differing = [result for result in replay(services, shuffle=random.Random(7)) if result.differs]
        return moved, owners(services), states(services), differing


def one_by_one(data: st.DataObject, events: Sequence[Told], *again: Told) -> list[list[Told]]:
    """Return events in another order, some of them twice, each in a batch of its own."""
    twice = data.draw(st.lists(st.sampled_from(events), max_size=3)) if events else []
    return [[event] for event in data.draw(st.permutations([*events, *twice, *again]))]


@settings(max_examples=12)
@given(st.data(), st.lists(an_event, min_size=2, max_size=7))
def test_any_order_of_the_same_events_gives_the_same_owners_and_states(
    template: Path, data: st.DataObject, events: list[Told]
) -> None:
    join = data.draw(st.booleans())
    at_once = left_by(template, [events], join_by_customer=join)

    otherwise = left_by(template, one_by_one(data, events), join_by_customer=join)

    assert otherwise == at_once
    assert at_once[3] == []


LINKS = st.tuples(
    st.sampled_from(("lemonsqueezy-700", "lemonsqueezy-701", "stripe-cus_0", *ACCOUNTS)), st.sampled_from(ACCOUNTS)
)


@settings(max_examples=8)
@given(
    st.data(),
    st.lists(an_event, min_size=2, max_size=6),
    LINKS,
    st.lists(an_event, max_size=4),
)
def test_a_link_counts_the_same_whatever_order_the_events_before_and_after_it_came_in(
    template: Path, data: st.DataObject, before: list[Told], names: Names, after: list[Told]
) -> None:
    at_once = left_by(template, [before], names, [after])

    otherwise = left_by(
        template, one_by_one(data, before), names, one_by_one(data, after, data.draw(st.sampled_from(before)))
    )

    assert otherwise == at_once
    assert at_once[3] == []


@settings(max_examples=3)
@given(st.data(), st.lists(an_event, min_size=3, max_size=7), LINKS)
def test_postgresql_finds_the_same_owners_and_states(
    template: Path, postgresql: PostgreSQL, data: st.DataObject, events: list[Told], names: Names
) -> None:
    assert left_by(postgresql, one_by_one(data, events), names) == left_by(template, [events], names)


@settings(max_examples=8)
@given(st.lists(an_event, min_size=2, max_size=6))
def test_every_purchase_stands_in_one_account_and_nowhere_else(template: Path, events: list[Told]) -> None:
    with a_household(template) as services:
        for event in events:
            hear(services, event)

        documents = [account_document(services, name) for name in sorted(set(owners(services).values()))]

    subscribed = [(sub.provider, sub.id) for document in documents for sub in document.subscriptions]
    assert len(subscribed) == len(set(subscribed))


def test_the_newest_of_two_names_counts_in_either_order(template: Path) -> None:
    told: dict[str, Any] = {"kind": "updated", "number": 0, "signed": False, "status": "active", "other": False}
    newer, older = AtStripe(hour=3, named="org_1", **told), AtStripe(hour=1, named="org_2", **told)

    outcomes = [left_by(template, [[first], [second]]) for first, second in ((newer, older), (older, newer))]

    assert outcomes[0] == outcomes[1]
    assert outcomes[0][1]["stripe:subscription:subscription_0"] == "org_1"


def test_a_charge_goes_with_the_invoice_that_turns_out_to_be_paid_with_it_and_takes_its_dispute_along(
    template: Path,
) -> None:
    def at_stripe(kind: str, named: str | None = None) -> AtStripe:
        return AtStripe(kind=kind, number=0, hour=2, named=named, signed=False, status="active", other=False)

    known = [at_stripe("created"), at_stripe("failed"), at_stripe("linked")]
    charged = [at_stripe("charged", "org_1"), at_stripe("closed")]

    outcomes = [left_by(template, [[event] for event in order]) for order in ([*known, *charged], [*charged, *known])]

    assert outcomes[0] == outcomes[1]
    assert set(outcomes[0][1].values()) == {"stripe-cus_0"}


def test_a_replay_finds_an_owner_that_is_another(template: Path) -> None:
    with a_household(template) as services:
        tell(services, subscription_created(account="org_1", subscription=801, customer=700))
        with services.database.write() as tx:
            bindings.rebind(tx, ["lemonsqueezy:subscription:801"], "org_2")

        differing = [(result.account, result.differs) for result in replay(services) if result.differs]

    assert differing == [("org_2", ("owner of lemonsqueezy:subscription:801",))]
