"""Changes between two assessments, each with its rule, clause and policy version (I7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace as evolve

from kulanz.policy import facts as f
from kulanz.policy.areas import LINES, areas_for
from kulanz.policy.areas.area import Line
from kulanz.policy.areas.collections import levels
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Case, Change, Transition


def changes(step: Transition, acts: Sequence[OwnFact]) -> Iterator[Change]:
    """Yield every difference, in any order."""
    for area in areas_for(step.new, "changes"):
        yield from area.changes(step, acts)
    yield from of_own_facts(step, acts)
    if step.before is not None and not step.account.was_told(step.before):
        yield step.of_act("entitlement.recomputed", 1, step.account.id)


def of_own_facts(step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
    """Name our own steps, so that each step of a story has its line."""
    for act in acts:
        line = _LINES.get(type(act))
        if line is not None:
            yield line(act, step)


def notice_clause(case: Case, notice: f.NoticeReported) -> str:
    """Return the clause for a notice about a case: a dunning letter has its level's own."""
    rules = levels.level(case, notice.step) if notice.kind == levels.NOTICE else None
    if rules is not None:
        return rules.clause
    dunning = case.policy.dunning
    return dunning.hold_clause if notice.kind == "downgraded" else dunning.grace_clause


def of_words(step: Transition, facts: Iterable[f.Fact]) -> Iterator[Change]:
    """Name the words of each notice that was handed over, by their hash."""
    for fact in facts:
        if isinstance(fact, f.NoticeReported) and fact.words is not None:
            detail = {"notice": fact.kind, "step": fact.step, "outcome": str(fact.outcome), "sha256": fact.words}
            yield evolve(_of_notice(fact, step), rule="notice.recorded", rank=0, detail=detail)


def _of_alert(alert: f.OperatorsAlerted, step: Transition) -> Change:
    return step.of_act(f"alert.{alert.topic}", 2, alert.subject)


def _of_notice(notice: f.NoticeReported, step: Transition) -> Change:
    case = step.after.case(notice.subject)
    return Change(
        rule=f"notice.{notice.kind}",
        clause=notice_clause(case, notice) if case else "",
        policy=case.policy if case else step.terms.current,
        subject=notice.subject,
        rank=5,
        detail={"step": notice.step},
    )


_LINES: Mapping[type[OwnFact], Line] = {**LINES, f.NoticeReported: _of_notice, f.OperatorsAlerted: _of_alert}
