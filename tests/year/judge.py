"""Whether a year ended well: every account as the provider's own truth gives it, and nobody downgraded unwarned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.facts import Fact, OwnFact, Provenance, ProviderFact
from kulanz.policy.state import CaseState, State
from kulanz.privacy import erasure
from kulanz.providers import PROVIDERS, Naming
from kulanz.providers.lemonsqueezy.answers import answered
from kulanz.providers.lemonsqueezy.client import ResourceKind
from kulanz.providers.lemonsqueezy.samples import Payload, Purchase, wire
from kulanz.queries.replay.replay import recorded
from kulanz.store import accounts, ledger
from kulanz.store.database import Connection
from tests.shop import Shop
from tests.year.play import Played
from tests.year.story import Story

LEMONSQUEEZY = PROVIDERS["lemonsqueezy"]
NOTICE = timedelta(hours=24)
UNPAID_RULES = frozenset({"dunning.hold_placed", "dunning.exhausted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found to be wrong, a line each, and how much there was to look at."""

    accounts: int
    losses: int
    """How often an account lost access."""
    by_dunning: int
    wrong: tuple[str, ...]
    unwarned: tuple[str, ...]


def judge(shop: Shop, played: Played) -> Verdict:
    """Compare every account with what all events of the provider give, had every one arrived once and in order."""
    stated = _by_customer(shop)
    wrong: list[str] = []
    losses: list[_Loss] = []
    with shop.services.database.read() as conn:
        for purchase in played.story.purchases:
            events = stated[purchase.customer]
            wrong.extend(_differences(shop, conn, purchase, events))
            losses.extend(_losses(conn, purchase, events))
    unwarned = [
        f"{loss.purchase.account} at {loss.at}: {loss.rule}" for loss in losses if not _fair(shop, played.story, loss)
    ]
    return Verdict(
        accounts=len(played.story.purchases),
        losses=len(losses),
        by_dunning=sum(loss.rule in UNPAID_RULES for loss in losses),
        wrong=tuple(wrong),
        unwarned=tuple(unwarned),
    )


@dataclass(frozen=True, slots=True)
class _Loss:
    purchase: Purchase
    at: datetime
    rule: str
    status: str
    """What the provider called the subscription then."""


def _by_customer(shop: Shop) -> dict[int, list[tuple[str, Payload]]]:
    matches: dict[int, list[tuple[str, Payload]]] = {}
    for name, payload in shop.simulator.sender.told:
        matches.setdefault(payload["data"]["attributes"]["customer_id"], []).append((name, payload))
    return matches


def _differences(shop: Shop, conn: Connection, purchase: Purchase, events: list[tuple[str, Payload]]) -> Iterator[str]:
    row = accounts.get(conn, str(purchase.account)) or accounts.get(conn, f"lemonsqueezy-{purchase.customer}")
    if row is None or row.book is None or row.key is None:
        yield f"{purchase.account}: unknown"
        return
    held = erasure.book_of(shop.services.vault, row)
    own = [fact for fact in recorded(shop.services, conn, row.id) if isinstance(fact, OwnFact)]
    truth = Book().with_facts([*_facts(events), *_objects(shop, purchase), *own])
    now, terms = shop.now, shop.services.terms(conn)
    ours, theirs = (_summary(assess(book, terms, terms.timezone, now), book) for book in (held, truth))
    yield from (
        f"{row.id}: {name}: ours {ours[name]}, the provider's {theirs[name]}"
        for name in ours
        if ours[name] != theirs[name]
    )
    stored = (row.standing, row.plan, row.access)
    if stored != (theirs["standing"], theirs["plan"], theirs["access"]):
        yield f"{row.id}: stored {stored}"
    yield from _against_objects(shop, purchase, held)


def _facts(events: list[tuple[str, Payload]]) -> Iterator[Fact]:
    for name, payload in events:
        body = wire(payload)
        digest = LEMONSQUEEZY.peek(body).content_key.hex()
        facts: tuple[ProviderFact, ...] = LEMONSQUEEZY.translate(name, LEMONSQUEEZY.decode(body), digest, Naming())
        yield from facts


def _objects(shop: Shop, purchase: Purchase) -> Iterator[Fact]:
    """What the provider holds at the end: not all that changes is told."""
    for kind in ResourceKind:
        for data in shop.simulator.store.objects.get(kind, {}).values():
            if data["attributes"]["customer_id"] == purchase.customer:
                yield answered(data, Provenance.RECONCILED, shop.now)


def _summary(state: State, book: Book) -> dict[str, Any]:
    return {
        "standing": str(state.standing),
        "plan": state.plan,
        "access": str(state.access),
        "holds": sorted((str(hold.owner), hold.scope, hold.subscriptions) for hold in state.holds),
        "cases": sorted(
            (case.subscription, str(case.state)) for case in state.cases if case.state is not CaseState.VOLUNTARY
        ),
        "subscriptions": sorted(
            (key, str(sub.seen.status), sub.seen.variant, sub.seen.ends_at, sub.seen.renews_at)
            for key, sub in book.subscriptions.items()
        ),
        "invoices": sorted(
            (key, item.paid, item.refunded) for several in book.invoices.values() for key, item in several.known.items()
        ),
        "orders": sorted((key, str(item.seen.status), item.refunded) for key, item in book.orders.items()),
        "licences": sorted((key, str(item.seen.status)) for key, item in book.licences.items()),
    }


def _against_objects(shop: Shop, purchase: Purchase, held: Book) -> Iterator[str]:
    """Compare with the objects themselves, not only with what was told of them."""
    document = shop.simulator.subscription(purchase.subscription)
    seen = held.subscriptions[f"lemonsqueezy:{purchase.subscription}"].seen
    if (document["status"], f"lemonsqueezy:{document['variant_id']}") != (str(seen.status), seen.variant):
        yield f"{purchase.account}: the provider holds {document['status']} {document['variant_id']}, we {seen.status}"
    for invoice in shop.simulator.invoices(purchase.subscription):
        existing_invoice = held.invoice(f"lemonsqueezy:{invoice['id']}")
        attributes = invoice["attributes"]
        if existing_invoice is None or existing_invoice.refunded != attributes["refunded_amount"]:
            yield f"{purchase.account}: invoice {invoice['id']} is {attributes['status']}, we know {existing_invoice}"


def _losses(conn: Connection, purchase: Purchase, events: list[tuple[str, Payload]]) -> Iterator[_Loss]:
    row = accounts.get(conn, str(purchase.account))
    for decision in ledger.of_account(conn, row.id, 0, 100_000) if row else []:
        if decision.before.get("access") == "full" and decision.after["access"] != "full":
            before = [payload["data"] for _, payload in events if _at(payload) <= decision.at]
            statuses = [data["attributes"]["status"] for data in before if data["type"] == "subscriptions"]
            yield _Loss(purchase, decision.at, decision.rule, statuses[-1] if statuses else "")


def _at(payload: Payload) -> datetime:
    return datetime.fromisoformat(payload["data"]["attributes"]["updated_at"])


def _fair(shop: Shop, story: Story, loss: _Loss) -> bool:
    """Whether access was lost for a reason that needs no warning, or after one that was delivered in time."""
    if loss.rule in UNPAID_RULES:
        return any(
            notice == "grace_warning" and to == loss.purchase.email and at + NOTICE <= loss.at < at + 30 * NOTICE
            for at, notice, to in shop.mailed
        )
    if loss.purchase.order in story.frauds:
        return True  # Suspended at once; what we stop meanwhile may be over before the bank clears the order.
    return loss.status == "paused" or loss.purchase.subscription in story.left
