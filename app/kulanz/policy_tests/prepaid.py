"""Sentences of case tables about prepaid credit."""

from __future__ import annotations

from kulanz.commands import credit
from kulanz.policy.areas.credit.pots import Pot, pots
from kulanz.policy.facts import CreditEntry
from kulanz.policy_tests.refunds import minor
from kulanz.policy_tests.story import Sentences, Story


def _credit(story: Story, entry: CreditEntry, amount: str, use: str = "service", day: str | None = None) -> None:
    order = credit.MoveCredit(
        pot="telephony",
        entry=entry,
        amount=minor(amount),
        currency="EUR",
        use=use,
        incurred_at=None if day is None else story.at(day),
    )
    stage, ident = story.stage, f"cr_{len(story.stage.decisions)}"
    book = stage.account.book

    stage.hear(credit.move(order, stage.state, book, stage.moment, ident=ident, actor="ada"))


def _number_ends(story: Story) -> None:
    stage, order = story.stage, credit.EndCredit(pot="telephony")
    stage.hear(credit.end(order, stage.state, stage.account.book, stage.moment, actor="ada"))


def _pot(story: Story) -> Pot:
    (pot,) = pots(story.stage.account.book, story.stage.state)
    return pot


STEPS: Sentences = {
    r"buys (\d+\.\d\d) EUR of credit": lambda story, eur: _credit(story, CreditEntry.BOUGHT, eur),
    r"spends (\d+\.\d\d) EUR of it": lambda story, eur: _credit(story, CreditEntry.SPENT, eur),
    r"spends (\d+\.\d\d) EUR of it on an? (\w+)": lambda story, eur, use: _credit(story, CreditEntry.SPENT, eur, use),
    r"spends (\d+\.\d\d) EUR of it on another service": lambda s, eur: _credit(
        s, CreditEntry.SPENT, eur, "other_service"
    ),
    r"owes (\d+\.\d\d) EUR of day (\d+)": lambda s, eur, day: _credit(s, CreditEntry.SPENT, eur, "service", day),
    r"the number is ended": _number_ends,
}
OUTCOMES: Sentences = {
    r"credit (\d+\.\d\d) EUR (\w+)": lambda story, eur, status: (
        (_pot(story).balance, _pot(story).status) == (minor(eur), status)
    ),
    r"(\d+\.\d\d) EUR stays due": lambda story, eur: _pot(story).due == minor(eur),
}
