"""Sentences of case tables about chargebacks, closed organisations, and the retention of their records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kulanz.commands import contacts
from kulanz.policy import facts as f
from kulanz.policy.areas.closure import retention
from kulanz.policy.facts import DisputeStatus
from kulanz.policy_tests.refunds import FIRST, SALE, minor
from kulanz.policy_tests.story import Sentences, Story
from kulanz.policy_tests.told import SUB, a_dispute

DISPUTE = "lemonsqueezy:d1"
CLASSES = {"settlements": "settlements", "dunning cases": "dunning", "interactions": "interactions"}


def _disputes(story: Story, status: DisputeStatus, **told: Any) -> None:
    story.disputed_at = story.disputed_at or story.stage.now
    story.dispute |= told
    story.stage.hear(a_dispute(status, story.stage.now, opened_at=story.disputed_at, **story.dispute))


def _asks_to_be_deleted(story: Story) -> None:
    story.stage.hear(f.ClosureRequested(id="cl_1", at=story.stage.now, actor="ada", reason="we are closing down"))


def _stays(story: Story) -> None:
    story.stage.hear(f.ClosureWithdrawn(id="cl_1", at=story.stage.now, actor="ada"))


def _approves(story: Story) -> None:
    story.stage.hear(f.DeletionApproved(subject=DISPUTE, at=story.stage.now, actor="bob"))


def _gets_in_touch(story: Story, payment: str | None, about: str | None = None, day: str | None = None) -> None:
    stage, on = story.stage, story.at(day).date() if day else None
    order = contacts.NoteContact(channel=f.Channel.MAIL, reason=about or "a question", contacted_on=on, payment=payment)
    book = stage.account.book
    stage.hear(contacts.note(order, book, stage.moment, ident="ct_1", actor="ada"))


STEPS: Sentences = {
    r"a chargeback is opened": lambda story: _disputes(story, DisputeStatus.OPENED),
    r"a chargeback of (\d+\.\d\d) EUR is opened": lambda s, eur: _disputes(s, DisputeStatus.OPENED, amount=minor(eur)),
    r"a chargeback with a fee of (\d+\.\d\d) EUR is opened": lambda story, eur: _disputes(
        story, DisputeStatus.OPENED, fee=minor(eur), fee_currency="EUR"
    ),
    r"a chargeback of the first payment is opened": lambda story: _disputes(
        story, DisputeStatus.OPENED, payment=FIRST, subscription=SUB
    ),
    r"the bank returns the first payment": lambda story: _disputes(
        story, DisputeStatus.LOST, payment=FIRST, subscription=SUB, reason="insufficient_funds"
    ),
    r"the chargeback is won": lambda story: _disputes(story, DisputeStatus.WON),
    r"the chargeback is lost": lambda story: _disputes(story, DisputeStatus.LOST),
    r"the chargeback is partially lost": lambda story: _disputes(story, DisputeStatus.PARTIALLY_LOST),
    r"writes to support": lambda story: _gets_in_touch(story, None),
    r"writes to support about the first payment": lambda story: _gets_in_touch(story, FIRST),
    r"writes to support about the sale": lambda story: _gets_in_touch(story, SALE),
    r"staff recall a mail of day (\d+)": lambda story, day: _gets_in_touch(story, None, day=day),
    r"asks to be deleted": _asks_to_be_deleted,
    r"stays after all": _stays,
    r"we approve the deletion": _approves,
}


def _may_go(story: Story, day: str) -> bool:
    return [chargeback.deletion_eligible_at for chargeback in story.stage.state.chargebacks] == [story.at(day)]


def _kept(story: Story, kind: str, year: str, basis: str) -> bool:
    stage, until = story.stage, datetime(int(year) + 1, 1, 1, tzinfo=UTC)
    retained_recordses = retention.retained(stage.account.book, stage.terms.current.retention, "UTC", stage.now)
    mine = [
        (retained_records.until, retained_records.basis)
        for retained_records in retained_recordses
        if retained_records.kind == CLASSES[kind]
    ]
    return mine[-1:] == [(until, basis)]


def _fee(story: Story, eur: str) -> bool:
    return [chargeback.fee for chargeback in story.stage.state.chargebacks] == [minor(eur)]


OUTCOMES: Sentences = {
    r"data may be deleted from day (\d+)": _may_go,
    r"a chargeback fee of (\d+\.\d\d) EUR is recorded": _fee,
    r"the records are destroyed": lambda story: story.stage.state.closed_at is not None,
    r"the records are kept": lambda story: story.stage.state.closed_at is None,
    r"the data are deleted": lambda story: story.stage.state.closed_at is not None,
    r"the data are kept": lambda story: story.stage.state.closed_at is None,
    rf"({'|'.join(CLASSES)}) are kept to the end of (\d{{4}}) by (.+)": _kept,
}
