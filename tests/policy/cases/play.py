"""Plays the lines of the case tables: each step and each outcome is a sentence that is understood here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from app.errors import KulanzError
from app.policy import document
from app.policy.add_ons.booking import Booking
from app.policy.cancelling import ordering as cancelling
from app.policy.credit import ordering as credit
from app.policy.credit.pots import Pot, pots
from app.policy.facts import BillingReason, CreditEntry, DisputeStatus, Stamp, Status, TermsAgreed
from app.policy.model import Change, Terms
from app.policy.moving import ordering as moving
from app.policy.time import Span, months_after
from app.policy.versions.applying import applicable
from tests.policy import add_on_stories as add_ons
from tests.policy.cases import debts, refunds
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    MONDAY,
    OTHER,
    PRO,
    SUB,
    Stage,
    a_dispute,
    a_failure,
    a_subscription,
    a_success,
    terms,
)

FOLDER = Path(__file__).parent
BOUGHT = MONDAY - 30 * DAY
VARIANTS = {"professional": PRO, "enterprise": ENTERPRISE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of a table."""

    preset: str
    clause: str
    holds: bool
    told: str
    follows: str

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What follows, one by one."""
        return tuple(said for one in self.follows.split(";") if (said := one.strip()))

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

    def at(self, day: str) -> datetime:
        return BOUGHT + int(day) * DAY

    @property
    def bookings(self) -> list[Booking]:
        return sorted(self.stage.state.bookings, key=lambda one: one.id)

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
    story.told = len(story.stage.decisions)
    for step in case.told.split(";"):
        day, _, what = step.strip().partition(": ")
        story.stage.wait(story.at(day.removeprefix("day ")))
        _understood(STEPS, what, story)
    return story


def unmet(case: Case, story: Story) -> list[str]:
    """Return which outcomes of a line did not come true."""
    found = [said for said in case.outcomes if not _understood(OUTCOMES, said, story)]
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


def _pays_what_is_due(story: Story) -> None:
    at = story.stage.now
    story.stage.hear(a_success(at), a_subscription(Status.ACTIVE, at, stamp=Stamp(at, 3), renews_at=at + 30 * DAY))


def _change_fails(story: Story) -> None:
    at = story.stage.now
    story.stage.hear(a_failure(at, key="lemonsqueezy:1300001", reason=BillingReason.UPDATED, created_at=at))


def _buys(story: Story, plan: str, months: str) -> None:
    at = story.stage.now
    ends = months_after(at, int(months), "UTC")
    story.stage.hear(
        a_subscription(at=at, key=OTHER, variant=VARIANTS[plan], order=None, created_at=at, renews_at=ends),
        a_success(at, key="lemonsqueezy:1400000", subscription=OTHER, reason=BillingReason.INITIAL, created_at=at),
    )


def _lowers(story: Story, plan: str) -> None:
    at = story.stage.now
    ends = story.stage.account.book.subscriptions[OTHER].seen.renews_at
    story.stage.hear(a_subscription(at=at, key=OTHER, variant=VARIANTS[plan], created_at=at, renews_at=ends))


def _tries(story: Story, plan: str) -> None:
    at = story.stage.now
    told = {"key": OTHER, "variant": VARIANTS[plan], "created_at": at, "trial_ends_at": at + 14 * DAY}
    story.stage.hear(a_subscription(Status.ON_TRIAL, at, **told, renews_at=at + 14 * DAY))


def _cancels_trial(story: Story) -> None:
    ends = story.stage.account.book.subscriptions[OTHER].seen.trial_ends_at
    told = {"key": OTHER, "variant": VARIANTS["enterprise"], "trial_ends_at": ends, "ends_at": ends}
    story.stage.hear(a_subscription(Status.CANCELLED, story.stage.now, **told))


def _disputes(story: Story, status: DisputeStatus) -> None:
    story.disputed_at = story.disputed_at or story.stage.now
    story.stage.hear(a_dispute(status, story.stage.now, opened_at=story.disputed_at))


def _credit(story: Story, entry: CreditEntry, amount: str, use: str = "service", day: str | None = None) -> None:
    order = credit.MoveCredit(
        pot="telephony",
        entry=entry,
        amount=_minor(amount),
        currency="EUR",
        use=use,
        incurred_at=None if day is None else story.at(day),
    )
    stage, ident = story.stage, f"cr_{len(story.stage.decisions)}"
    book = stage.account.book

    def tell() -> None:
        stage.hear(credit.move(order, stage.state, book, add_ons.moment(stage), ident=ident, actor="ada"))

    _tried(story, tell)


def _number_ends(story: Story) -> None:
    stage, order = story.stage, credit.EndCredit(pot="telephony")
    stage.hear(credit.end(order, stage.state, stage.account.book, add_ons.moment(stage), actor="ada"))


def _pot(story: Story) -> Pot:
    (found,) = pots(story.stage.account.book, story.stage.state)
    return found


def _moves(story: Story) -> None:
    stage, order = story.stage, moving.RecordMove(reason="moved")
    book = stage.account.book

    def tell() -> None:
        stage.hear(moving.move(order, book, add_ons.moment(stage), ident="mv_1", actor="ada"))

    _tried(story, tell)


def _gives_notice(story: Story) -> None:
    stage, order = story.stage, cancelling.NoteCancellation(reason="told a partner")
    state, book = stage.state, stage.account.book
    stage.hear(cancelling.note(order, state, book, add_ons.moment(stage), ident="cn_1", actor="ada"))


def _agrees(story: Story, grace: str, days: str) -> None:
    stage, until = story.stage, story.stage.now + int(days) * DAY
    version = _known(story, grace)
    agreed = TermsAgreed(id="terms_1", version=version, at=stage.now, until=until, actor="ada", reason="a contract")
    stage.hear(agreed)


def _publishes(story: Story, grace: str) -> None:
    stage = story.stage
    version = _known(story, grace)
    line = (*stage.terms.policies, (stage.now, stage.terms.versions[version]))
    stage.terms = replace(stage.terms, policies=line)
    stage.hear()


def _is_applied(story: Story) -> None:
    stage = story.stage
    stage.hear(*applicable(stage.state, stage.terms.current, stage.now, "ada"))


def _known(story: Story, grace: str) -> int:
    """Let the terms know the policy with another grace period, and return its version."""
    stage, version = story.stage, 2
    policy = stage.terms.current
    other = replace(policy, version=version, dunning=replace(policy.dunning, grace=Span(days=int(grace))))
    stage.terms = replace(stage.terms, versions={policy.version: policy, version: other})
    return version


STEPS: dict[str, Callable[..., object]] = {
    r"waits": lambda _: None,
    r"books (\d+) (\w+)": _books,
    r"cancels add-on (\d+)": _cancels,
    r"pays the renewal": _renews,
    r"the renewal fails": _fails,
    r"cancels the subscription": _stops,
    r"changes the plan and pays the difference": _changes_plan,
    r"pays what is due": _pays_what_is_due,
    r"a charge for a change of plan fails": _change_fails,
    r"buys (\w+) for (\d+) months": _buys,
    r"lowers it to (\w+)": _lowers,
    r"starts a trial of (\w+)": _tries,
    r"cancels the trial": _cancels_trial,
    r"a chargeback is opened": lambda story: _disputes(story, DisputeStatus.OPENED),
    r"the chargeback is won": lambda story: _disputes(story, DisputeStatus.WON),
    r"buys ([\d.]+) EUR of credit": lambda story, eur: _credit(story, CreditEntry.BOUGHT, eur),
    r"spends ([\d.]+) EUR of it": lambda story, eur: _credit(story, CreditEntry.SPENT, eur),
    r"spends ([\d.]+) EUR of it on an? (\w+)": lambda story, eur, use: _credit(story, CreditEntry.SPENT, eur, use),
    r"owes ([\d.]+) EUR of day (\d+)": lambda s, eur, day: _credit(s, CreditEntry.SPENT, eur, "service", day),
    r"the number is ended": _number_ends,
    **refunds.STEPS,
    **debts.STEPS,
    r"the move to on-premise is recorded": _moves,
    r"gives notice to staff": _gives_notice,
    r"individual terms with (\d+) days of grace are agreed for (\d+) days": _agrees,
    r"a policy with (\d+) days of grace is published": _publishes,
    r"it is applied to what is open": _is_applied,
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
    r"the product is told ([\w.]+)": lambda story, kind: kind in story.stage.callbacks,
    r"the renewal is switched off": lambda story: story.stage.cancelled == [SUB],
    r"nothing is charged back": lambda story: all(
        invoice.refunded == 0 for one in story.stage.account.book.invoices.values() for invoice in one.known.values()
    ),
    r"paid for (\d+) months": lambda story, months: (
        int(months) in {change.detail.get("term_months") for change in story.changes}
    ),
    r"credit ([\d.]+) EUR (\w+)": lambda story, eur, status: (
        (_pot(story).balance, _pot(story).status) == (_minor(eur), status)
    ),
    r"([\d.]+) EUR stays due": lambda story, eur: _pot(story).due == _minor(eur),
    r"refused: (.+)": lambda story, word: word in story.refused,
    r"plan (\w+)": lambda story, plan: story.stage.state.plan == plan,
    r"access (\w+)": lambda story, access: story.stage.state.access == access,
    r"standing (\w+)": lambda story, standing: story.stage.state.standing == standing,
    **refunds.OUTCOMES,
    **debts.OUTCOMES,
}
