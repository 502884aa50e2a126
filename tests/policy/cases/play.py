"""Plays the lines of the case tables: each step and each outcome is a sentence that is understood here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from app.errors import KulanzError
from app.policy import document
from app.policy.add_ons.booking import Booking
from app.policy.facts import BillingReason, Stamp, Status
from app.policy.model import Terms
from tests.policy import add_on_stories as add_ons
from tests.policy.stories import DAY, MONDAY, PRO, Stage, a_failure, a_subscription, a_success, terms

FOLDER = Path(__file__).parent
BOUGHT = MONDAY - 30 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of a table."""

    preset: str
    clause: str
    holds: bool
    told: str
    follows: str

    def __str__(self) -> str:
        return f"{self.preset} {self.clause} {'' if self.holds else 'not '}{self.told}"


@dataclass(kw_only=True)
class Story:
    """The customer of one line."""

    stage: Stage
    refused: str = ""
    renewals: int = 0

    def at(self, day: str) -> datetime:
        return BOUGHT + int(day) * DAY

    @property
    def bookings(self) -> list[Booking]:
        return sorted(self.stage.state.bookings, key=lambda one: one.id)

    @property
    def clauses(self) -> set[str]:
        return {clause for _, clause in self.stage.rules if clause}


def cases(preset: str) -> Iterator[Case]:
    """Read the table of a preset."""
    for line in (FOLDER / f"{preset}.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[0] not in {"by", "---"}:
            clause, holds, told, follows = cells
            applies = {"yes": True, "no": False}[holds]
            yield Case(preset=preset, clause=clause, holds=applies, told=told, follows=follows)


def played(case: Case) -> Story:
    """Let everything happen that a line tells."""
    story = Story(stage=Stage(terms=_terms(case.preset), now=BOUGHT))
    story.stage.hear(
        a_subscription(at=BOUGHT, created_at=BOUGHT, renews_at=MONDAY),
        a_success(BOUGHT, key="lemonsqueezy:1100000", reason=BillingReason.INITIAL, created_at=BOUGHT),
    )
    for step in case.told.split(";"):
        day, _, what = step.strip().partition(": ")
        story.stage.wait(story.at(day.removeprefix("day ")))
        _understood(STEPS, what, story)
    return story


def unmet(case: Case, story: Story) -> list[str]:
    """Return which outcomes of a line did not come true."""
    found = [
        one.strip() for one in case.follows.split(";") if one.strip() and not _understood(OUTCOMES, one.strip(), story)
    ]
    named = case.clause in story.clauses
    return [*found, *([] if named is case.holds else [f"clauses: {sorted(story.clauses)}"])]


def _understood(sentences: dict[str, Callable[..., object]], said: str, story: Story) -> object:
    for pattern, means in sentences.items():
        if match := re.fullmatch(pattern, said):
            return means(story, *match.groups())
    raise AssertionError(f"nobody understands: {said}")


@cache
def _terms(preset: str) -> Terms:
    return terms(document.parse(document.preset(preset), version=1))


def _books(story: Story, quantity: str, kind: str) -> None:
    number = len(story.bookings) + 1
    now = story.stage.now
    ends = BOUGHT + ((now - BOUGHT) // (30 * DAY) + 1) * 30 * DAY
    _tried(
        story,
        lambda: add_ons.book(story.stage, int(quantity), kind=kind, ident=f"ao_{number}", period_ends_at=ends),
    )


def _cancels(story: Story, number: str) -> None:
    _tried(story, lambda: add_ons.cancel(story.stage, f"ao_{number}"))


def _tried(story: Story, order: Callable[[], object]) -> None:
    try:
        order()
    except KulanzError as error:
        story.refused = error.detail


def _renews(story: Story) -> None:
    story.renewals += 1
    add_ons.renew(story.stage, story.stage.now, story.renewals)


def _fails(story: Story) -> None:
    at = story.stage.now
    story.stage.hear(a_failure(at, created_at=at))
    story.stage.hear(a_subscription(Status.PAST_DUE, at, stamp=Stamp(at, 2)))


def _stops(story: Story) -> None:
    ends = BOUGHT + (story.renewals + 1) * 30 * DAY
    story.stage.hear(a_subscription(Status.CANCELLED, story.stage.now, ends_at=ends))


def _changes_plan(story: Story) -> None:
    at = story.stage.now
    story.stage.hear(a_success(at, key="lemonsqueezy:1300000", reason=BillingReason.UPDATED, created_at=at))
    story.stage.hear(a_subscription(at=at, variant=PRO, renews_at=MONDAY))


STEPS: dict[str, Callable[..., object]] = {
    r"waits": lambda _: None,
    r"books (\d+) (\w+)": _books,
    r"cancels add-on (\d+)": _cancels,
    r"pays the renewal": _renews,
    r"the renewal fails": _fails,
    r"cancels the subscription": _stops,
    r"changes the plan and pays the difference": _changes_plan,
}


def _minor(amount: str) -> int:
    return int(amount.replace(".", ""))


OUTCOMES: dict[str, Callable[..., object]] = {
    r"(users|storage): (\d+)": lambda story, kind, many: dict(story.stage.state.quantities).get(kind) == int(many),
    r"no add-ons": lambda story: story.stage.state.add_ons == (),
    r"nothing booked": lambda story: story.bookings == [],
    r"add-on (\d+) is (\w+)": lambda story, number, status: story.bookings[int(number) - 1].status == status,
    r"add-on (\d+) ends day (\d+)": lambda s, number, day: s.bookings[int(number) - 1].ends_at == s.at(day),
    r"add-on (\d+) went out with the renewal": lambda s, number: s.bookings[int(number) - 1].invoice is not None,
    r"billed until day (\d+)": lambda story, day: story.bookings[0].billed_until == story.at(day),
    r"draft (\d+) is ([\d.]+) EUR": lambda s, number, eur: s.bookings[int(number) - 1].draft_amount == _minor(eur),
    r"([\d.]+) EUR is to be refunded": lambda story, eur: sum(b.refund_due for b in story.bookings) == _minor(eur),
    r"told by mail (\w+)": lambda story, notice: notice in story.stage.mails,
    r"refused: (.+)": lambda story, word: word in story.refused,
    r"plan (\w+)": lambda story, plan: story.stage.state.plan == plan,
    r"access (\w+)": lambda story, access: story.stage.state.access == access,
    r"standing (\w+)": lambda story, standing: story.stage.state.standing == standing,
}
