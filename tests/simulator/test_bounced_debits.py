"""A direct debit that the bank takes back days later, of each version of Stripe's API."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.facts import ProviderFact
from kulanz.policy.state import CaseState, Catalogue, Standing, State
from kulanz.providers import PROVIDERS, Naming
from kulanz.providers.stripe.vocabulary import OBJECTS
from kulanz_simulator import ApiVersion, StripeSimulator
from tests.lemonsqueezy import MONDAY
from tests.policy.stories import terms
from tests.replacing import replace

DAY = timedelta(days=1)
STRIPE = PROVIDERS["stripe"]
EVERY_VERSION = pytest.mark.parametrize("version", list(ApiVersion))


def state_of(simulator: StripeSimulator) -> State:
    """What follows from everything that was told."""
    facts: list[ProviderFact] = []
    for name, event in simulator.sender.told:
        if name in OBJECTS:
            facts.extend(STRIPE.translate(name, event, event["id"], Naming()))
    told = replace(terms(), catalogue=Catalogue.of((("stripe:price_pro", "professional"),)))
    return assess(Book().with_facts(facts), told, told.timezone, simulator.now)


def paid_renewal(version: ApiVersion) -> tuple[StripeSimulator, str, str]:
    simulator = StripeSimulator(MONDAY, version=version)
    bought = simulator.sell(debit=True)
    simulator.advance(37 * DAY)
    renewal = simulator.invoices(bought.subscription)[-1]
    assert (renewal["billing_reason"], renewal["status"]) == ("subscription_cycle", "paid")
    return simulator, bought.subscription, renewal["paid_with"]


@EVERY_VERSION
def test_a_renewal_whose_debit_comes_back_is_unpaid_with_the_whole_grace(version: ApiVersion) -> None:
    simulator, _, charge = paid_renewal(version)

    simulator.desk.bounce(charge)
    state = state_of(simulator)

    assert [(case.state, case.bounced) for case in state.cases] == [(CaseState.GRACE, True)]
    assert (state.standing, state.plan) == (Standing.GRACE, "professional")


@EVERY_VERSION
def test_a_debit_of_a_subscription_that_had_ended_is_owed_and_gives_nothing_back(version: ApiVersion) -> None:
    simulator, subscription, charge = paid_renewal(version)
    simulator.desk.cancel_now(subscription)
    simulator.advance(2 * DAY)

    simulator.desk.bounce(charge)
    state = state_of(simulator)

    assert [case.bounced for case in state.cases] == [True]
    assert state.plan == "free"
