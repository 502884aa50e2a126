"""Sentences of case tables about mails and letters: which go out, on which day, and by which clause."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale

from kulanz.delivery.notices import Recipient, render
from kulanz.formats.bank_accounts import BankAccount
from kulanz.policy.effects import Effect, SendLetter, SendMail
from kulanz.policy.facts import Outcome
from kulanz.policy_tests.story import Sentences, Story

NAMED = {
    "case": "dunning.grace_started",
    "second failure": "dunning.failure_counted",
    "downgrade": "dunning.hold_placed",
    "notice of the downgrade": "notice.downgraded",
    "lower plan": "plan.downgrade_scheduled",
    "letter": "notice.dunning_level",
}


def _deliveries(story: Story, outcome: Outcome | None) -> None:
    story.stage.mail = outcome


def _arrive(story: Story) -> None:
    """Let every mail that is still on its way arrive now."""
    stage = story.stage
    waiting = [effect for _, effect in stage.done if isinstance(effect, SendMail)]
    stage.mail = Outcome.DONE
    stage.carry_out(waiting)


STEPS: Sentences = {
    r"no mail is delivered any more": lambda story: _deliveries(story, Outcome.FAILED),
    r"mails stay on their way": lambda story: _deliveries(story, None),
    r"the mails arrive": _arrive,
}


def _went_out(story: Story, kind: type[Effect]) -> list[tuple[str, datetime]]:
    matches = [(at, effect) for at, effect in story.stage.done if isinstance(effect, kind)]
    return [(str(getattr(effect, "notice", "")), at) for at, effect in matches]


def _listed(story: Story, text: str) -> list[tuple[str, datetime]]:
    each = (item.strip().partition(" on day ") for item in text.split(","))
    return [(notice, story.at(day)) for notice, _, day in each]


def _names(story: Story, what: str, clause: str) -> bool:
    return {change.clause for change in story.changes if change.rule == NAMED[what]} == {clause}


def _says(story: Story, language: str, notice: str, words: str) -> bool:
    """Whether the newest mail or letter of a kind says some words, as its reader sees them."""
    sent = [effect for _, effect in story.stage.done if isinstance(effect, SendMail | SendLetter)]
    effect = [effect for effect in sent if effect.notice == notice][-1]
    paper: dict[str, Any] = (
        {"to": ("Ada Byron", "Ring 1"), "from_lines": ("Shop GmbH", "Gasse 2")}
        if isinstance(effect, SendLetter)
        else {}
    )
    reader = Recipient(
        locale=Locale(language),
        zone=ZoneInfo("UTC"),
        account="org_42",
        sender="Shop",
        billing_url="https://shop.example/pay",
        bank=BankAccount.parse("Shop GmbH; AT61 1904 3002 3457 3201"),
        **paper,
    )
    written = render(effect.notice, effect.data, reader)
    return words in " ".join(re.sub(r"<[^>]+>", " ", written.html).split())


_CODES = {None: "de", "English": "en", "French": "fr"}
OUTCOMES: Sentences = {
    r"(?:mail|letter)(?: in (\w+))? (\w+) says (.+)": lambda s, language, *words: _says(s, _CODES[language], *words),
    r"(?:mail|letter)(?: in (\w+))? (\w+) does not say (.+)": lambda s, language, *words: (
        not _says(s, _CODES[language], *words)
    ),
    r"told by mail (\w+)": lambda story, notice: notice in story.stage.mails,
    r"not told by mail (\w+)": lambda story, notice: notice not in story.stage.mails,
    r"all mails: (.+)": lambda story, told: _went_out(story, SendMail) == _listed(story, told),
    r"all letters: (.+)": lambda story, told: _went_out(story, SendLetter) == _listed(story, told),
    r"letters are left for the print partner": lambda story: (
        {one.by for _, one in story.stage.done if isinstance(one, SendLetter)} == {"file"}
    ),
    r"(\d+) warnings went out": lambda story, number: story.stage.mails.count("grace_warning") == int(number),
    rf"the ({'|'.join(NAMED)}) names (\S+)": _names,
}
