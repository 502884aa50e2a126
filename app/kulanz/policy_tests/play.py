"""Plays the rows of case tables: each step and each outcome is a sentence with a known pattern."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from kulanz.commands import cancellations as cancelling
from kulanz.commands import migrations as moving
from kulanz.errors import InvalidInputError, KulanzError
from kulanz.policy import facts as f
from kulanz.policy.document import Policy
from kulanz.policy.facts import BillingReason
from kulanz.policy.state import Catalogue, Terms
from kulanz.policy_tests import add_ons, buying, contracts, debts, endings, notices, prepaid, refunds
from kulanz.policy_tests.stage import Stage
from kulanz.policy_tests.story import BOUGHT, Sentences, Story, variant
from kulanz.policy_tests.table import Case
from kulanz.policy_tests.told import DAY, MONDAY, SEATS, SUB, a_subscription, a_success


def terms_of(policy: Policy, plans: Iterable[str]) -> Terms:
    """Return terms by which one policy has always been in force."""
    listed = tuple((variant(place), plan) for place, plan in enumerate(plans))
    return Terms(policies=((BOUGHT - 365 * DAY, policy),), catalogue=Catalogue.of((*listed, (SEATS, "addon:seats"))))


def played(case: Case, policy: Policy) -> Story:
    """Play the steps of a row under a policy; raise InvalidInputError for a step that is impossible."""
    story = Story(stage=Stage(terms=terms_of(policy, case.plans), now=BOUGHT), plans=case.plans)
    story.hear(
        a_subscription(at=BOUGHT, created_at=BOUGHT, renews_at=MONDAY, **story.bought(case.plans[0])),
        a_success(BOUGHT, key=refunds.FIRST, reason=BillingReason.INITIAL, created_at=BOUGHT),
    )
    story.told = len(story.stage.decisions)
    for day, what in _steps(case):
        at = story.at(day)
        if at < story.stage.now:
            raise InvalidInputError(f"{case.place}: day {day} is past when it is told")
        story.stage.wait(at)
        try:
            _understood(STEPS, what, story)
        except KulanzError as error:
            story.refused = error.detail
        except (LookupError, ValueError) as error:
            raise InvalidInputError(f"{case.place}: {what!r} is about a thing that there is not") from error
    return story


def differences(case: Case, story: Story) -> list[str]:
    """Return the outcomes of a row that did not come true."""
    unmet = [f"not so: {said}" for said in case.outcomes if not _holds(said, story)]
    if story.refused and not any(said.startswith("refused:") for said in case.outcomes):
        unmet.append(f"refused: {story.refused}")
    if (case.clause in story.clauses) is not case.holds:
        unmet.append(
            f"by {case.clause}: no decision names it" if case.holds else f"by {case.clause}: a decision names it"
        )
    return unmet


def found(story: Story) -> str:
    """Return one line about the customer at the end of the story."""
    state = story.stage.state
    told = {
        "plan": state.plan,
        "access": state.access,
        "standing": state.standing,
        "by": ", ".join(sorted(story.clauses)) or "none",
        "mails": ", ".join(story.stage.mails) or "none",
    }
    return "; ".join(f"{name} {value}" for name, value in told.items())


def problems(case: Case) -> Iterator[str]:
    """Yield the sentences of a row with no known pattern, each with the nearest known one."""
    for day, what in _steps(case):
        if not re.fullmatch(r"\d{1,5}( at ([01]\d|2[0-3]):[0-5]\d)?", day):
            said = f"{day}: {what}".rstrip(": ")
            yield f"{case.place}: {said!r} does not begin with its day, such as `day 36:` or `day 36 at 09:30:`"
        elif not _knows(STEPS, what):
            yield f"{case.place}: no step: {what!r}{_meant(STEPS, what)}"
    yield from (
        f"{case.place}: no outcome: {said!r}{_meant(OUTCOMES, said)}"
        for said in case.outcomes
        if not _knows(OUTCOMES, said)
    )


def sentences() -> dict[str, list[str]]:
    """Return every known sentence, as a pattern with capitals for the filled-in parts."""
    return {"steps": [*map(_readable, STEPS)], "outcomes": [*map(_readable, OUTCOMES)]}


def _steps(case: Case) -> Iterator[tuple[str, str]]:
    for step in case.told.split(";"):
        day, _, what = step.strip().partition(": ")
        yield day.removeprefix("day "), what


def _understood(sentences: Sentences, said: str, story: Story) -> object:
    for pattern, tells in sentences.items():
        if match := re.fullmatch(pattern, said):
            return tells(story, *match.groups())
    raise RuntimeError(f"not understood: {said}")


def _holds(said: str, story: Story) -> bool:
    """Whether an outcome came true; an outcome about a missing thing did not."""
    try:
        return bool(_understood(OUTCOMES, said, story))
    except (LookupError, ValueError):
        return False


def _knows(sentences: Sentences, said: str) -> bool:
    return any(re.fullmatch(pattern, said) for pattern in sentences)


def _meant(sentences: Sentences, said: str) -> str:
    near = get_close_matches(said, [*map(_readable, sentences)], n=1, cutoff=0.5)
    return f" (perhaps: {near[0]})" if near else ""


def _readable(pattern: str) -> str:
    """Return a pattern as a person reads it."""
    for written, read in _PLACES:
        pattern = re.sub(written, read, pattern)
    return pattern.replace("\\", "")


def _moves(story: Story) -> None:
    stage, order = story.stage, moving.RecordMove(reason="moved")
    story.hear(moving.move(order, stage.account.book, stage.moment, ident="mv_1", actor="ada"))


def _gives_notice(story: Story) -> None:
    stage, order = story.stage, cancelling.NoteCancellation(reason="told a partner")
    story.hear(cancelling.note(order, stage.state, stage.account.book, stage.moment, ident="cn_1", actor="ada"))


def _is_known_as(story: Story, name: str) -> None:
    story.hear(f.AddressKnown(at=story.stage.now, organisation=name))


def _lives_in(story: Story, zone: str) -> None:
    story.hear(f.AddressKnown(at=story.stage.now, timezone=zone))


_PLACES = (
    (r"\(\?!.*?\)", ""),
    (r"\(\\d\+\\\.\\d\\d\)", "19.99"),
    (r"\(\\d\+\)|\(\\d\{4\}\)", "N"),
    (r"\(\[[^]]*\]\+\)|\(\\[wS]\+\)", "WORD"),
    (r"\(\.\+\)", "WORDS"),
    (r"\(\?:", "("),
    (r"\(([^()]*)\)\?", r"[\1]"),
    (r"(\w)\?", r"[\1]"),
)
"""The words that stand for the filled-in parts of a pattern."""
STEPS: Sentences = {
    r"waits": lambda _: None,
    r"lives in ([\w/+-]+)": _lives_in,
    r"is known as the organisation (.+)": _is_known_as,
    **add_ons.STEPS,
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
OUTCOMES: Sentences = {
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
    **add_ons.OUTCOMES,
    **buying.OUTCOMES,
    **prepaid.OUTCOMES,
    **refunds.OUTCOMES,
    **debts.OUTCOMES,
    **endings.OUTCOMES,
    **notices.OUTCOMES,
}
