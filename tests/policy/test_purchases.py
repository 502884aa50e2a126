"""Which purchase a fact is about: every kind of fact has its answer."""

from __future__ import annotations

import pytest

from kulanz.policy.book import Book
from kulanz.policy.book.purchases import _ABOUT, Kind, Purchase, of_fact, purchase_of, subjects
from kulanz.policy.facts import FACT_KINDS, Fact, Outcome, RenewalStopped
from tests.lemonsqueezy import MONDAY

SUBSCRIPTION = Purchase(Kind.SUBSCRIPTION, "lemonsqueezy:1")


@pytest.mark.parametrize("kind", FACT_KINDS.values(), ids=FACT_KINDS)
def test_every_kind_of_fact_has_its_answer(kind: type[Fact]) -> None:
    assert kind in _ABOUT


@pytest.mark.parametrize("case", ["lemonsqueezy:1:77", "lemonsqueezy:1@1772460500"])
def test_a_dunning_case_is_found_by_the_subscription_that_its_key_begins_with(case: str) -> None:
    assert purchase_of(case, {"lemonsqueezy:1": SUBSCRIPTION}) == SUBSCRIPTION
    assert purchase_of(case, {"lemonsqueezy:1": Purchase(Kind.ORDER, "lemonsqueezy:1")}) is None


def test_what_was_asked_of_the_provider_is_about_its_subscription() -> None:
    fact = RenewalStopped(subscription="lemonsqueezy:1", cause="x", step=1, at=MONDAY, outcome=Outcome.ASKED)

    assert of_fact(fact, subjects(Book())) == SUBSCRIPTION
