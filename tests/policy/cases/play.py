"""Plays the lines of the case tables: each step and each outcome is a sentence that is understood here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from kulanz.commands import cancellations as cancelling
from kulanz.commands import migrations as moving
from kulanz.policy import document
from kulanz.policy.facts import BillingReason
from kulanz.policy.state import Change, Terms
from kulanz.policy.state.bookings import Booking
from tests.policy import add_on_stories as add_ons
from tests.policy.cases import buying, contracts, debts, endings, notices, prepaid, refunds
from tests.policy.cases.buying import BOUGHT
from tests.policy.stories import (
    DAY,
    MONDAY,
    SUB,
    Stage,
    a_subscription,
    a_success,
    terms,
)

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of a table."""

    preset: str
    clause: str
    """Empty: what the source does not speak of."""
    holds: bool
    told: str
    follows: str

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What follows, one by one."""
        return tuple(said for item in self.follows.split(";") if (said := item.strip()))

    def __str__(self) -> str:
        return f"{self.preset} {self.clause} {'' if self.holds else 'not '}{self.told}"


@dataclass(kw_only=True)
class Story:
    """The customer of one line."""

    stage: Stage
    told: int = 0
    """How many decisions there were before the first step."""
    refused: str = ""
    renewals: int = 0
    disputed_at: datetime | None = None
    dispute: dict[str, Any] = field(default_factory=dict)
    """What is told of the chargeback each time."""

    def at(self, day: str) -> datetime:
        """Return the instant of `36`, which is at nine o'clock, or of `36 at 09:30`."""
        number, _, clock = day.partition(" at ")
        hours, _, minutes = (clock or "09:00").partition(":")
        return BOUGHT + timedelta(days=int(number), hours=int(hours) - 9, minutes=int(minutes))

    @property
    def bookings(self) -> list[Booking]:
        return sorted(self.stage.state.bookings, key=lambda booking: booking.id)

    @property
    def clauses(self) -> set[str]:
        return {change.clause for change in self.changes if change.clause}

    @property
    def changes(self) -> list[Change]:
        return [change for decision in self.stage.decisions[self.told :] for change in decision.changes]


def cases(preset: str) -> Iterator[Case]:
    """Read the table of a preset."""
    for line in (FOLDER / f"{preset}.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[0] not in {"by", "---"}:
            clause, holds, text, follows = cells
            applies = {"yes": True, "no": False}[holds]
            clause = "" if clause == "none" else clause
            for each in _one_by_one(text):
                yield Case(preset=preset, clause=clause, holds=applies, told=each, follows=follows)


def played(case: Case, existing_terms: Terms | None = None) -> Story:
    """Let everything happen that a line tells, under its preset or under other terms."""
    story = Story(stage=Stage(terms=existing_terms or _terms(case.preset), now=BOUGHT))
    story.stage.hear(
        a_subscription(at=BOUGHT, created_at=BOUGHT, renews_at=MONDAY),
        a_success(BOUGHT, key="lemonsqueezy:1100000", reason=BillingReason.INITIAL, created_at=BOUGHT),
    )
    story.told = len(story.stage.decisions)
    for step in case.told.split(";"):
        day, _, what = step.strip().partition(": ")
        story.stage.wait(story.at(day.removeprefix("day ")))
        _understood(STEPS, what, story)
    return story


def unmet(case: Case, story: Story) -> list[str]:
    """Return which outcomes of a line did not come true."""
    matches = [said for said in case.outcomes if not _understood(OUTCOMES, said, story)]
    named = case.clause in story.clauses
    return [*matches, *([] if named is case.holds else [f"clauses: {sorted(story.clauses)}"])]


def _one_by_one(text: str) -> list[str]:
    """Return the stories of a line: one for each word of a list `[this, that]`."""
    listed = re.search(r"\[([^]]+)\]", text)
    if listed is None:
        return [text]
    return [text.replace(listed[0], word.strip()) for word in listed[1].split(",")]


def _understood(sentences: dict[str, Callable[..., object]], said: str, story: Story) -> object:
    for pattern, channels in sentences.items():
        if match := re.fullmatch(pattern, said):
            return channels(story, *match.groups())
    raise AssertionError(f"nobody understands: {said}")


@cache
def _terms(preset: str) -> Terms:
    return terms(document.parse(document.preset(preset), version=1))


def _books(story: Story, quantity: str, kind: str) -> None:
    number = len(story.bookings) + 1
    now = story.stage.now
    renews = story.stage.account.book.subscriptions[SUB].seen.renews_at
    by_the_year = renews is not None and renews > now + 40 * DAY
    ends = renews if by_the_year else BOUGHT + ((now - BOUGHT) // (30 * DAY) + 1) * 30 * DAY
    refunds.tried(
        story,
        lambda: add_ons.book(story.stage, int(quantity), kind=kind, ident=f"ao_{number}", period_ends_at=ends),
    )


def _cancels(story: Story, number: str, pieces: str | None = None) -> None:
    quantity, part = int(pieces) if pieces else None, f"ao_{len(story.bookings) + 1}"
    refunds.tried(story, lambda: add_ons.cancel(story.stage, f"ao_{number}", quantity=quantity, part=part))


def _moves(story: Story) -> None:
    stage, order = story.stage, moving.RecordMove(reason="moved")
    book = stage.account.book

    def tell() -> None:
        stage.hear(moving.move(order, book, add_ons.moment(stage), ident="mv_1", actor="ada"))

    refunds.tried(story, tell)


def _gives_notice(story: Story) -> None:
    stage, order = story.stage, cancelling.NoteCancellation(reason="told a partner")
    state, book = stage.state, stage.account.book
    stage.hear(cancelling.note(order, state, book, add_ons.moment(stage), ident="cn_1", actor="ada"))


STEPS: dict[str, Callable[..., object]] = {
    r"waits": lambda _: None,
    r"books (\d+) (\w+)": _books,
    r"cancels add-on (\d+)": _cancels,
    r"cancels (\d+) pieces? of add-on (\d+)": lambda story, pieces, number: _cancels(story, number, pieces),
    **buying.STEPS,
    **prepaid.STEPS,
    **contracts.STEPS,
    **refunds.STEPS,
    **debts.STEPS,
    **endings.STEPS,
    **notices.STEPS,
    r"the move to on-premise is recorded": _moves,
    r"gives notice to staff": _gives_notice,
}


def _minor(amount: str) -> int:
    return int(amount.replace(".", ""))


OUTCOMES: dict[str, Callable[..., object]] = {
    r"(users|storage): (\d+)": lambda story, kind, many: dict(story.stage.state.quantities).get(kind) == int(many),
    r"no add-ons": lambda story: story.stage.state.add_ons == (),
    r"nothing booked": lambda story: story.bookings == [],
    r"add-on (\d+) is (\w+)": lambda story, number, status: story.bookings[int(number) - 1].status == status,
    r"add-on (\d+) has (\d+) pieces?": lambda s, number, many: s.bookings[int(number) - 1].quantity == int(many),
    r"add-on (\d+) ends day (\d+)": lambda s, number, day: s.bookings[int(number) - 1].ends_at == s.at(day),
    r"add-on (\d+) went out with the renewal": lambda s, number: s.bookings[int(number) - 1].invoice is not None,
    r"billed until day (\d+)": lambda story, day: story.bookings[0].billed_until == story.at(day),
    r"draft (\d+) is ([\d.]+) EUR": lambda s, number, eur: s.bookings[int(number) - 1].draft_amount == _minor(eur),
    r"([\d.]+) EUR is to be refunded": lambda story, eur: sum(b.refund_due for b in story.bookings) == _minor(eur),
    r"the product is told ([\w.]+)": lambda story, kind: kind in story.stage.callbacks,
    r"the renewal is switched off": lambda story: story.stage.cancelled == [SUB],
    r"we cancel nothing": lambda story: story.stage.cancelled == [],
    r"nothing is charged back": lambda story: all(
        invoice.refunded == 0 for one in story.stage.account.book.invoices.values() for invoice in one.known.values()
    ),
    r"paid for (\d+) months": lambda story, months: (
        int(months) in {change.detail.get("term_months") for change in story.changes}
    ),
    r"refused: (.+)": lambda story, word: word in story.refused,
    r"plan (\w+)": lambda story, plan: story.stage.state.plan == plan,
    r"access (\w+)": lambda story, access: story.stage.state.access == access,
    r"standing (\w+)": lambda story, standing: story.stage.state.standing == standing,
    **buying.OUTCOMES,
    **prepaid.OUTCOMES,
    **refunds.OUTCOMES,
    **debts.OUTCOMES,
    **endings.OUTCOMES,
    **notices.OUTCOMES,
}
