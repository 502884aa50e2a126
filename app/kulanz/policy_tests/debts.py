"""Sentences of case tables about debts: transfers, letters, hand-overs, mandates, retention."""

from __future__ import annotations

import json
from typing import Any

from kulanz.commands import collections
from kulanz.commands.transfers import BankTransfer, recorded
from kulanz.policy.book.collections import Collection
from kulanz.policy.effects import DropFile, Effect, SendLetter, SendMail
from kulanz.policy.facts import OverrideKind
from kulanz.policy_tests.refunds import minor
from kulanz.policy_tests.story import Sentences, Story
from kulanz.policy_tests.told import DAY, an_override

WHO = {
    "birth_name": "Ada Byron",
    "postal_address": "Ring 1, 1010 Wien",
    "birth_date": "1990-05-17",
    "profession": "Mathematician",
    "phone": "+43 1 1",
    "passport_copy": "archive 7",
}
_NOT_FIELDS = {"reference", "handed_over_at", "statement_sha256", "reported_at"}


def _transfers(story: Story, amount: str, currency: str, other: str | None = None) -> None:
    stage = story.stage
    money = BankTransfer(
        id=f"pay_{len(stage.decisions)}",
        amount=minor(amount),
        currency=currency,
        received=None,
        reference=None,
        invoice=None,
        transaction=None,
        another_account=other,
    )
    story.hear(recorded(money, stage.account, stage.terms, "ada", stage.now))


def _who_owes(story: Story) -> None:
    story.hear(collections.told(story.stage.account, WHO, actor="ada", now=story.stage.now))


def _proposes(story: Story, name: str, *also: str) -> None:
    stage = story.stage
    story.hear(
        collections.proposed(
            stage.account,
            stage.terms,
            ident=f"col_{len(stage.account.book.collections) + 1}",
            case=None,
            reason="no answer",
            also=also,
            approves=True,
            actor=name,
            now=stage.now,
        ),
    )


def _last(story: Story) -> tuple[str, Collection]:
    return list(story.stage.account.book.collections.items())[-1]


def _approves(story: Story, name: str) -> None:
    stage = story.stage
    ident = next(iter(reversed([*stage.account.book.collections])), "col_0")
    story.hear(collections.approved(stage.account, stage.terms, ident=ident, actor=name, now=stage.now))


def _reports(story: Story, name: str) -> None:
    stage = story.stage
    ident = next(iter(reversed([*stage.account.book.collections])), "col_0")
    story.hear(collections.reported(stage.account, stage.terms, ident=ident, actor=name, now=stage.now))


def _recalls(story: Story) -> None:
    stage, ident = story.stage, _last(story)[0]
    story.hear(
        collections.recalled(stage.account, stage.terms, ident=ident, reason="our mistake", actor="ada", now=stage.now),
    )


def _chooses(story: Story, by: str) -> None:
    story.hear(collections.delivered_by(story.stage.account, by.removesuffix("s"), now=story.stage.now))


def _grants(story: Story, by: str) -> None:
    ident = f"man_{len(story.stage.account.book.mandates) + 1}"
    story.hear(collections.granted(ident=ident, by=by, reference=None, actor="ada", now=story.stage.now))


def _revokes(story: Story) -> None:
    ident = next(iter(story.stage.account.book.mandates), "man_0")
    story.hear(collections.revoked(story.stage.account, ident=ident, actor="ada", now=story.stage.now))


def _legal_hold(story: Story, days: str) -> None:
    now = story.stage.now
    story.stage.hear(an_override(OverrideKind.LEGAL_HOLD, now, now + int(days) * DAY))


def _waived(story: Story) -> None:
    story.stage.hear(an_override(OverrideKind.WAIVE, story.stage.now))


STEPS: Sentences = {
    r"transfers (\d+\.\d\d) (EUR|USD)": _transfers,
    r"transfers (\d+\.\d\d) (EUR) with a number of the account (\w+)": _transfers,
    r"we learn who owes": _who_owes,
    r"(ada|bob) proposes the hand-over": _proposes,
    r"(ada|bob) proposes the hand-over, as the (passport_copy) is needed": _proposes,
    r"(ada|bob) approves the hand-over": _approves,
    r"(ada|bob) approves the report": _reports,
    r"we recall the debt": _recalls,
    r"chooses (letters|mail)": _chooses,
    r"grants a mandate in the (portal)": _grants,
    r"grants a mandate through our (staff)": _grants,
    r"revokes the mandate": _revokes,
    r"the data are under a legal hold for (\d+) days": _legal_hold,
    r"we waive the debt": _waived,
}


def _sent(story: Story, kind: type[Effect], notice: str | None = "dunning_level") -> list[Any]:
    effects = [effect for _, effect in story.stage.done if isinstance(effect, kind)]
    return [effect for effect in effects if notice is None or getattr(effect, "notice", "") == notice]


def _letters(story: Story) -> list[str]:
    both = [effect for _, effect in story.stage.done if isinstance(effect, SendMail | SendLetter)]
    return [effect.data["letter"].replace("_", " ") for effect in both if effect.notice == "dunning_level"]


def _gets(story: Story, kind: str) -> set[str]:
    files = [effect for _, effect in story.stage.done if isinstance(effect, DropFile) and effect.kind == kind]
    return set(json.loads(files[-1].content)) - _NOT_FIELDS if files else set()


def _listed(names: str) -> set[str]:
    return set() if names == "nothing" else {name.strip().replace(" ", "_") for name in names.split(",")}


def _fees(story: Story) -> int:
    return sum(debt.fees for debt in story.stage.state.debts)


def _owed(story: Story) -> int:
    return sum(case.amount_due for case in story.stage.state.cases)


OUTCOMES: Sentences = {
    r"no letter": lambda story: _letters(story) == [],
    r"letters: (.+)": lambda story, names: _letters(story) == [one.strip() for one in names.split(",")],
    r"on paper: (\d+)": lambda story, number: len(_sent(story, SendLetter, None)) == int(number),
    r"by mail: (\d+)": lambda story, number: len(_sent(story, SendMail, None)) == int(number),
    r"(\d+\.\d\d) EUR is owed": lambda story, eur: _owed(story) == minor(eur),
    r"nothing is owed": lambda story: story.stage.state.cases == (),
    r"fees of (\d+\.\d\d) EUR": lambda story, eur: _fees(story) == minor(eur),
    r"(\d+\.\d\d) EUR was paid too much": lambda story, eur: (
        sum(one.unmatched for one in story.stage.account.book.transfers.values()) == minor(eur)
    ),
    r"the debt is (\w+)": lambda story, state: [str(case.state) for case in story.stage.state.cases] == [state],
    r"the hand-over is (\w+)": lambda story, state: _last(story)[1].state == state,
    r"nothing is proposed": lambda story: not story.stage.account.book.collections,
    r"the agency gets (.+)": lambda story, names: _gets(story, "handover") == _listed(names),
    r"the bureau gets (.+)": lambda story, names: _gets(story, "credit-report") == _listed(names),
    r"the recall is sent to the agency": lambda story: _gets(story, "recall") != set(),
    r"the mandate is (active|revoked)": lambda story, state: (
        [one.revoked is not None for one in story.stage.account.book.mandates.values()] == [state == "revoked"]
    ),
    r"operators see (\w+)": lambda story, topic: topic in story.stage.alerts,
    r"operators do not see (\w+)": lambda story, topic: topic not in story.stage.alerts,
}
