"""A dearer plan whose charge fails and is paid days later, event by event: nobody is dunned who is not in arrears."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.facts import ProviderFact
from kulanz.policy.state import Catalogue, State
from kulanz.providers import PROVIDERS, Naming
from kulanz.providers.stripe.vocabulary import OBJECTS
from kulanz_simulator import ApiVersion, LemonSqueezySimulator, Simulator, StripeSimulator
from kulanz_simulator.stripe.documents import Item
from tests.lemonsqueezy import MONDAY
from tests.policy.stories import terms
from tests.replacing import replace

DAY = timedelta(days=1)
PLANS = Catalogue.of(
    (
        ("stripe:price_pro", "professional"),
        ("stripe:price_ent", "enterprise"),
        ("lemonsqueezy:47001", "professional"),
        ("lemonsqueezy:47002", "enterprise"),
    )
)


def on_stripe(version: ApiVersion) -> Simulator:
    simulator = StripeSimulator(MONDAY, version=version)
    bought = simulator.sell(charges=[True, False, True])
    simulator.advance(10 * DAY)
    simulator.desk.change_items(bought.subscription, [Item(price="price_ent")], proration="always_invoice")
    simulator.advance(4 * DAY)
    return simulator


def on_lemonsqueezy() -> Simulator:
    simulator = LemonSqueezySimulator(MONDAY)
    bought = str(simulator.sell(variant=47001).subscription)
    simulator.advance(10 * DAY)
    simulator.desk.change_plan_unpaid(bought, 47002)
    simulator.advance(4 * DAY)
    simulator.desk.pay_change(bought)
    simulator.advance(DAY)
    return simulator


def told(simulator: Simulator) -> Iterator[tuple[datetime, str, tuple[ProviderFact, ...]]]:
    provider = PROVIDERS[simulator.provider]
    for name, payload in simulator.sender.told:
        if simulator.provider == "stripe" and name not in OBJECTS:
            continue
        facts = provider.translate(name, payload, str(name), Naming())
        at = payload.get("created") or payload["data"]["attributes"]["updated_at"]
        when = datetime.fromtimestamp(at, MONDAY.tzinfo) if isinstance(at, int) else datetime.fromisoformat(at)
        yield when, name, facts


@pytest.mark.parametrize(
    "played",
    [on_lemonsqueezy, *(lambda version=version: on_stripe(version) for version in ApiVersion)],
    ids=["lemonsqueezy", *ApiVersion],
)
@pytest.mark.parametrize("lost", [0, 1], ids=["all-told", "last-lost"])
def test_a_dearer_plan_that_is_paid_days_later_opens_no_case_at_any_event(
    played: Callable[[], Simulator], lost: int
) -> None:
    policies = replace(terms(), catalogue=PLANS)
    events = list(told(played()))
    book, states = Book(), list[State]()

    for at, _, facts in events[: len(events) - lost]:
        book = book.with_facts(facts)
        states.append(assess(book, policies, policies.timezone, at))
    later = assess(book, policies, policies.timezone, at + 5 * DAY)

    assert [state.cases for state in (*states, later)] == [()] * (len(states) + 1)
    assert "professional" in {state.plan for state in states}
    assert later.plan == "enterprise"
