"""Random stories of a debt under the Austrian preset: what never happens to it, and a broken rule for each."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from kulanz.commands import collections
from kulanz.commands.transfers import BankTransfer, recorded
from kulanz.errors import KulanzError
from kulanz.policy import facts as f
from kulanz.policy.book import Book
from kulanz.policy.decide import decide
from kulanz.policy.effects import DropFile, SendLetter, SendMail
from kulanz.policy.facts import DisputeStatus, Fact, Outcome, OverrideKind
from kulanz.policy.state import CaseState, Decision, State
from tests.policy.stories import (
    DAY,
    MONDAY,
    Decide,
    Stage,
    a_dispute,
    a_failure,
    a_paying_account,
    a_success,
    an_override,
    terms,
)
from tests.policy.test_collections import DUNNING_AT, WHO
from tests.properties.breaking import hearing
from tests.replacing import replace

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
OURS = {"reference", "handed_over_at", "reported_at", "statement_sha256"}
APART = timedelta(hours=1)


@dataclass(kw_only=True)
class Observer(Stage):
    """Sees every decision about one debt, and says what should never have been."""

    heard: list[Fact] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)
    names: dict[str, set[str]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    notices: set[tuple[str, str, int]] = field(default_factory=set)
    dispute: f.DisputeSeen | None = None
    """The newest word of it: within one second of the provider's clock an outcome is newer than the opening."""
    letters: dict[str, list[datetime]] = field(default_factory=dict)
    """When letters went out, by the case that they are about: each debt is asked for by itself."""

    def _decided(self, facts: Iterable[Fact]) -> Decision:
        facts = tuple(facts)
        before = self.last
        for fact in facts:
            self._note(fact)
        decision = super()._decided(facts)
        self.heard.extend((*facts, *decision.facts))
        self.broken.update(self._violations(before, decision))
        self.reached.update(change.rule for change in decision.changes)
        return decision

    def _attempt(self, effect):  # What is broken may never come to rest.
        return () if self.broken else super()._attempt(effect)

    def _note(self, fact: Fact) -> None:
        match fact:
            case f.CollectionProposed(approves=True) | f.CollectionApproved():
                self.names.setdefault(fact.id, set()).add(fact.actor)
            case f.CreditReportApproved():
                self.names.setdefault(f"report of {fact.id}", set()).add(fact.actor)
            case f.DisputeSeen() if self.dispute is None or fact.stamp >= self.dispute.stamp:
                self.dispute = fact

    def _violations(self, before: State | None, decision: Decision) -> Iterator[str]:
        away = {case.key for case in decision.state.cases if case.state is CaseState.IN_COLLECTIONS}
        was_away = {case.key for case in before.cases if case.state is CaseState.IN_COLLECTIONS} if before else set()
        if away and self.dispute is not None and self.dispute.status is DisputeStatus.OPENED:
            yield "a disputed debt is with the agency"
        for effect in decision.effects:
            match effect:
                case DropFile():
                    yield from self._of_file(effect)
                case SendMail() | SendLetter() if effect.notice != "recovered":
                    if effect.subject in away & was_away:
                        yield "a debt with the agency is asked for"
                    yield from self._of_notice(effect)

    def _of_file(self, effect: DropFile) -> Iterator[str]:
        if effect.id in self.files:
            yield "a file goes twice"
        self.files.add(effect.id)
        who = effect.subject if effect.kind == "handover" else f"report of {effect.subject}"
        if effect.kind != "recall" and len(self.names.get(who, ())) < 2:
            yield "one name was enough"
        rules = DUNNING_AT.collections
        named = rules.fields if effect.kind == "handover" else rules.credit_report.fields
        if effect.kind != "recall" and not json.loads(effect.content).keys() <= {*named, *OURS}:
            yield "more goes than the policy names"

    def _of_notice(self, effect: SendMail | SendLetter) -> Iterator[str]:
        key = (effect.subject, effect.notice, effect.step)
        if key in self.notices:
            yield "a notice goes twice"
        self.notices.add(key)
        if effect.notice == "dunning_level":
            sent = self.letters.setdefault(effect.subject, [])
            if any(self.now - at < APART for at in sent):
                yield "two letters within an hour"
            sent.append(self.now)


Act = Callable[[Observer], None]


def _heard(made: Callable[[Observer], Fact]) -> Act:
    def act(stage: Observer) -> None:
        with suppress(KulanzError):
            stage.hear(made(stage))

    return act


def _ident(stage: Observer, *, new: bool = False) -> str:
    return f"col_{len(stage.account.book.collections) + new}"


def _propose(name: str) -> Act:
    return _heard(
        lambda stage: collections.proposed(
            stage.account,
            stage.terms,
            ident=_ident(stage, new=True),
            case=None,
            reason="r",
            also=(),
            approves=True,
            actor=name,
            now=stage.now,
        )
    )


def _approve(name: str) -> Act:
    return _heard(
        lambda stage: collections.approved(stage.account, stage.terms, ident=_ident(stage), actor=name, now=stage.now)
    )


def _report(name: str) -> Act:
    return _heard(
        lambda stage: collections.reported(stage.account, stage.terms, ident=_ident(stage), actor=name, now=stage.now)
    )


def _recall(stage: Observer) -> None:
    _heard(
        lambda stage: collections.recalled(
            stage.account, stage.terms, ident=_ident(stage), reason="r", actor="ada", now=stage.now
        )
    )(stage)


def _transfer(amount: int) -> Act:
    def made(stage: Observer) -> Fact:
        ident = f"pay_{len(stage.account.book.transfers)}"
        money = BankTransfer(
            id=ident, amount=amount, currency="EUR", received=None, reference=None, invoice=None, transaction=None
        )
        return recorded(money, stage.account, stage.terms, "ada", stage.now)

    return _heard(made)


def _disputed(status: DisputeStatus) -> Act:
    return lambda stage: stage.hear(a_dispute(status, stage.now)) and None


def _wait(days: int) -> Act:
    return lambda stage: stage.wait(stage.now + days * DAY)


def _jump(days: int) -> Act:
    return lambda stage: stage.jump(stage.now + days * DAY) and None


def _told(stage: Observer) -> None:
    stage.hear(collections.told(stage.account, WHO, actor="ada", now=stage.now))


def _chooses(by: str) -> Act:
    return lambda stage: stage.hear(collections.delivered_by(stage.account, by, now=stage.now)) and None


def _waive(stage: Observer) -> None:
    stage.hear(an_override(OverrideKind.WAIVE, stage.now, id=f"ov{len(stage.decisions)}"))


def _fails(number: int) -> Act:
    return lambda stage: stage.hear(a_failure(stage.now, key=f"lemonsqueezy:9{number}", created_at=stage.now)) and None


def _fate(outcome: Outcome) -> Act:
    return lambda stage: setattr(stage, "mail", outcome) or setattr(stage, "letter", outcome)


_NAMES = st.sampled_from(["ada", "ada", "bob"])
_ACTS: st.SearchStrategy[tuple[str, Act]] = st.one_of(
    st.sampled_from([1, 7, 14, 14, 30]).map(lambda days: (f"wait {days}", _wait(days))),
    st.sampled_from([3, 40, 90]).map(lambda days: (f"jump {days}", _jump(days))),
    _NAMES.map(lambda name: (f"{name} proposes", _propose(name))),
    _NAMES.map(lambda name: (f"{name} approves", _approve(name))),
    _NAMES.map(lambda name: (f"{name} reports", _report(name))),
    st.sampled_from([100, 1999, 3499]).map(lambda cents: (f"transfer {cents}", _transfer(cents))),
    st.sampled_from(
        [
            ("recall", _recall),
            ("told", _told),
            ("waive", _waive),
            ("letters", _chooses("letter")),
            ("mail", _chooses("mail")),
            ("opened", _disputed(DisputeStatus.OPENED)),
            ("won", _disputed(DisputeStatus.WON)),
            ("charged", lambda stage: stage.hear(a_success(stage.now)) and None),
            ("fails again", _fails(1)),
            ("undelivered", _fate(Outcome.FAILED)),
            ("delivered", _fate(Outcome.DONE)),
        ]
    ),
)
_BEGINNINGS = st.sampled_from(
    [
        (),
        (("wait 57", _wait(57)),),
        (("wait 57", _wait(57)), ("told", _told), ("ada proposes", _propose("ada"))),
        (("wait 57", _wait(57)), ("ada proposes", _propose("ada")), ("bob approves", _approve("bob"))),
        (
            ("wait 57", _wait(57)),
            ("ada proposes", _propose("ada")),
            ("bob approves", _approve("bob")),
            ("ada reports", _report("ada")),
        ),
    ]
)
STORIES = st.tuples(_BEGINNINGS, st.lists(_ACTS, min_size=2, max_size=20)).map(lambda both: (*both[0], *both[1]))
Story = tuple[tuple[str, Act], ...]


def observed(story: Story, rule: Decide = decide) -> Observer:
    stage = Observer(terms=terms(DUNNING_AT), now=MONDAY, decide=rule)
    stage.account = a_paying_account(terms=stage.terms).account
    stage.hear(a_failure())
    for _, act in story:
        act(stage)
    return stage


@QUICK
@given(STORIES)
def test_no_story_of_a_debt_breaks_a_rule(story: Story) -> None:
    assert observed(story).broken == set(), [name for name, _ in story]


@QUICK
@given(STORIES, st.randoms(use_true_random=False))
def test_what_was_heard_of_a_debt_gives_the_same_book_in_any_order_i1(story: Story, chance: random.Random) -> None:
    stage = observed(story)
    facts = [*stage.heard, *stage.heard[::2]]
    chance.shuffle(facts)
    parts = [Book().with_facts(facts[part::3]) for part in range(3)]

    assert parts[2].join(parts[0].join(parts[1])) == Book().with_facts(stage.heard)


HANDED_OVER: Story = (("wait 57", _wait(57)), ("ada proposes", _propose("ada")), ("bob approves", _approve("bob")))
WON, OPENED = ("won", _disputed(DisputeStatus.WON)), ("opened", _disputed(DisputeStatus.OPENED))


def test_a_dispute_that_a_later_word_opens_again_takes_the_debt_back_from_the_agency() -> None:
    stage = observed((*HANDED_OVER, WON, ("wait 1", _wait(1)), OPENED))

    assert stage.broken == set()
    assert stage.account.book.collections["col_1"].state == "recalled"


def test_an_opening_that_arrives_after_the_outcome_of_the_same_second_leaves_the_debt_with_the_agency() -> None:
    stage = observed((*HANDED_OVER, WON, OPENED))

    assert stage.broken == set()
    assert stage.account.book.collections["col_1"].state == "handed_over"


def test_each_of_two_debts_is_asked_for_by_its_own_letters() -> None:
    twice = (("fails again", _fails(1)), ("jump 90", _jump(90)), ("fails again", _fails(1)), ("wait 7", _wait(7)))

    stage = observed((*twice, ("transfer 100", _transfer(100))))

    assert stage.broken == set()
    assert len(stage.letters) == 2


def test_the_stories_reach_what_matters() -> None:
    reached: set[str] = set()

    @settings(QUICK, max_examples=150, derandomize=True, database=None, phases=[Phase.generate])
    @given(STORIES)
    def tell(story: Story) -> None:
        reached.update(observed(story).reached)

    tell()

    steps = {"proposed", "approved", "handed_over", "recalled", "withdrawn", "report_approved", "reported"}
    assert {f"collections.{step}" for step in steps} | {"payment.recorded", "delivery.chosen"} <= reached


def one_name_for_two(fact: Fact) -> Iterable[Fact]:
    is_proposed = isinstance(fact, f.CollectionProposed)
    yield replace(fact, actor=f"{fact.actor} again", approves=True) if is_proposed else fact


def deaf_to_disputes(fact: Fact) -> Iterable[Fact]:
    if not isinstance(fact, f.DisputeSeen):
        yield fact


def forgetful(account, facts, rules, now, situation) -> Decision:
    decision = decide(account, facts, rules, now, situation)
    book = decision.account.book
    collections = {key: replace(collection, handed=None) for key, collection in book.collections.items()}
    return replace(decision, account=replace(decision.account, book=replace(book, collections=collections)))


def without_memory_of_letters(account, facts, rules, now, situation) -> Decision:
    decision = decide(account, facts, rules, now, situation)
    return replace(decision, account=replace(decision.account, book=replace(decision.account.book, notices={})))


BROKEN = {
    "a disputed debt is with the agency": hearing(deaf_to_disputes),
    "a file goes twice": forgetful,
    "a notice goes twice": without_memory_of_letters,
}


@pytest.mark.parametrize("violation", BROKEN)
def test_a_broken_rule_is_caught(violation: str) -> None:
    matches = find(
        STORIES,
        lambda story: violation in observed(story, BROKEN[violation]).broken,
        settings=settings(QUICK, max_examples=400, phases=[Phase.generate], derandomize=True),
    )

    assert matches


def test_a_rule_that_takes_one_name_for_two_is_caught() -> None:
    story: Story = (
        ("", _wait(57)),
        ("", _propose("ada")),
        ("", _heard(lambda stage: f.CollectionApproved(id=_ident(stage), at=stage.now, actor="ada"))),
    )

    assert observed(story).broken == set()
    assert observed(story, hearing(one_name_for_two)).broken == {"one name was enough"}
