"""Whether a year ended well: every account as the provider's own truth gives it, and nobody downgraded unwarned."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import CaseState, State
from kulanz.privacy import erasure
from kulanz.queries.replay.replay import recorded, replay
from kulanz.store import accounts, ledger
from kulanz.store.database import Connection
from tests.shop import Shop
from tests.year.customer import Customer
from tests.year.play import Played
from tests.year.truth import differences as differences_of_recovery

OWING = frozenset({"past_due", "unpaid", "canceled", "expired"})
"""What the provider calls a subscription that is owed for, or that it has ended for that."""
GONE = frozenset({"paused", "canceled", "expired"})
"""What the provider collects no more for, or has ended."""
NOTICE = timedelta(hours=24)
A_PERIOD = timedelta(days=31)
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
    customers = played.story.customers
    wrong: list[str] = []
    losses: list[_Loss] = []
    with shop.services.database.read() as conn:
        for customer in customers:
            wrong.extend(f"{customer.account}: {line}" for line in _differences(shop, conn, customer))
            losses.extend(_losses(conn, customer))
    if shop.simulator.provider == "lemonsqueezy":
        wrong.extend(differences_of_recovery(shop, played))
    shuffled = replay(shop.services, shuffle=random.Random(7))
    wrong.extend(f"{result.account}: replay finds otherwise {result.differs}" for result in shuffled if result.differs)
    unwarned = [
        f"{loss.account} at {loss.at}: {loss.rule}, the provider's {loss.status}"
        for loss in losses
        if not _fair(shop, loss)
    ]
    return Verdict(
        accounts=len(customers),
        losses=len(losses),
        by_dunning=sum(loss.rule in UNPAID_RULES for loss in losses),
        wrong=tuple(wrong),
        unwarned=tuple(unwarned),
    )


@dataclass(frozen=True, slots=True)
class _Loss:
    customer: Customer
    account: str
    at: datetime
    rule: str
    status: str
    """What the provider called the subscription then."""


def _differences(shop: Shop, conn: Connection, customer: Customer) -> Iterator[str]:
    for former in customer.former:
        old = accounts.get(conn, former)
        if old is not None and (old.plan, old.standing) != ("free", "good"):
            yield f"{former} still has {old.plan}, {old.standing}"
    row = accounts.get(conn, customer.account)
    if row is None or row.book is None or row.key is None:
        yield "unknown"
        return
    held = erasure.book_of(shop.services.vault, row)
    own = [fact for fact in recorded(shop.services, conn, row.id) if isinstance(fact, OwnFact)]
    truth = Book().with_facts([*customer.facts(), *own])
    now, terms = shop.now, shop.services.terms(conn)
    ours, theirs = (_summary(assess(book, terms, terms.timezone, now), book) for book in (held, truth))
    yield from (
        f"{name}: ours {ours[name]}, the provider's {theirs[name]}" for name in ours if ours[name] != theirs[name]
    )
    stored = (row.standing, row.plan, row.access)
    if stored != (theirs["standing"], theirs["plan"], theirs["access"]):
        yield f"stored {stored}"
    wanted, settled = customer.entitled(), customer.changed_at is None or customer.changed_at + A_PERIOD < now
    if wanted is not None and settled and not customer.accused and row.plan != wanted:
        yield f"the provider's objects give {wanted}, we {row.plan}"
    yield from customer.mismatches(held)


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
            (key, str(sub.seen.status), sub.seen.variant, sub.seen.quantity, sub.seen.ends_at, sub.seen.renews_at)
            for key, sub in book.subscriptions.items()
        ),
        "invoices": sorted(
            (key, item.paid, item.refunded) for several in book.invoices.values() for key, item in several.known.items()
        ),
        "orders": sorted((key, str(item.seen.status), item.refunded) for key, item in book.orders.items()),
        "licences": sorted((key, str(item.seen.status)) for key, item in book.licences.items()),
    }


def _losses(conn: Connection, customer: Customer) -> Iterator[_Loss]:
    """Yield where access was lost, from one moment to another: what is given and taken in one was never there."""
    for name in (*customer.former, customer.account):
        row = accounts.get(conn, name)
        decisions = ledger.of_account(conn, row.id, 0, 100_000) if row else []
        for at, several in groupby(decisions, key=lambda decision: decision.at):
            first, *_, last = (several := list(several)) * 2
            if first.before.get("access") == "full" and last.after["access"] != "full":
                taking = next(each for each in several if each.after["access"] != "full")
                yield _Loss(customer, name, at, taking.rule, customer.status_at(at))


def _fair(shop: Shop, loss: _Loss) -> bool:
    """Whether access was lost for a reason that needs no warning, or after one that was delivered in time."""
    customer = loss.customer
    if loss.rule in UNPAID_RULES:
        owes = loss.status in OWING or customer.bounced
        return owes and any(
            notice == "grace_warning" and to == customer.email and at + NOTICE <= loss.at < at + 30 * NOTICE
            for at, notice, to in shop.mailed
        )
    if customer.accused:
        return True  # Suspended at once; what we stop meanwhile may be over before the bank clears the order.
    return loss.status in GONE or customer.left or loss.account in customer.former
