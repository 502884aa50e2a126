"""Looking at a hold after the deed: was the promised notice given?"""

from datetime import datetime, timedelta

import pytest

from kulanz.policy import notice_audit
from kulanz.policy.book.own import NoticeLog
from kulanz.policy.facts import Outcome
from kulanz.policy.state import Decision
from tests.policy.stories import DAY, MONDAY, Stage, on_hold, plexo_but, terms
from tests.replacing import replace

END = MONDAY + 7 * DAY


def the_hold(account: Stage) -> Decision:
    return next(decision for decision in account.decisions if any(notice_audit.access_taken(decision)))


def but_delivered(decision: Decision, at: datetime, outcome: Outcome) -> Decision:
    """Return the decision as if its warnings had come to another end."""
    book = decision.account.book
    about = {
        subject: NoticeLog(
            sent={
                name: replace(request_log, outcome=outcome, outcome_at=at) for name, request_log in notices.sent.items()
            }
        )
        for subject, notices in book.notices.items()
    }
    return replace(decision, account=replace(decision.account, book=replace(book, notices=about)))


def test_a_hold_after_its_warning_is_fair() -> None:
    decision = the_hold(on_hold())

    (change,) = notice_audit.access_taken(decision)

    assert not notice_audit.is_unwarned(change, decision, "UTC")


@pytest.mark.parametrize(
    ("at", "outcome", "unwarned"),
    [
        (END - timedelta(hours=24), Outcome.DONE, False),
        (END - timedelta(hours=24) + timedelta(seconds=1), Outcome.DONE, True),
        (END - timedelta(hours=48), Outcome.UNKNOWN, True),
        (END - timedelta(hours=48), Outcome.FAILED, True),
    ],
)
def test_a_hold_without_a_timely_warning_is_found(at: datetime, outcome: Outcome, unwarned: bool) -> None:  # noqa: FBT001
    decision = but_delivered(the_hold(on_hold()), at, outcome)

    (change,) = notice_audit.access_taken(decision)

    assert notice_audit.is_unwarned(change, decision, "UTC") is unwarned


def test_where_no_grace_is_promised_no_warning_is_missed() -> None:
    account = on_hold(terms=terms(plexo_but(grace="0d")))
    decision = the_hold(account)

    (change,) = notice_audit.access_taken(decision)

    assert not notice_audit.is_unwarned(change, decision, "UTC")


def test_a_hold_that_runs_out_takes_nothing_a_second_time() -> None:
    account = on_hold()
    before = len(account.decisions)

    account.wait(END + 40 * DAY)

    assert [
        change.rule for decision in account.decisions[before:] for change in notice_audit.access_taken(decision)
    ] == []
