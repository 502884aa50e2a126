"""Timers: exactly those that a decision wants, due in the order of their times."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kulanz.store import timers
from kulanz.store.database import Database
from kulanz.store.timers import TimerRow
from tests.store.rows import DAY, HOUR, NOW, SECOND


def a_timer(account: str = "org_1", kind: str = "grace_end", subject: str = "case", **hours: int) -> TimerRow:
    return TimerRow(account, kind, subject, NOW + hours.get("hours", 0) * HOUR)


def test_the_timers_of_an_account_become_exactly_those_wanted(database: Database) -> None:
    with database.write() as tx:
        timers.replace(tx, {"org_1": [a_timer(), a_timer(kind="grace_warning")], "org_2": [a_timer("org_2")]})
        timers.replace(tx, {"org_1": [a_timer(hours=1), a_timer(kind="grace_reminder", hours=2)]})
        timers.replace(tx, {})

        assert timers.of_account(tx, "org_1") == [a_timer(hours=1), a_timer(kind="grace_reminder", hours=2)]
        assert timers.of_account(tx, "org_2") == [a_timer("org_2")]


def test_no_wanted_timers_leave_none(database: Database) -> None:
    with database.write() as tx:
        timers.replace(tx, {"org_1": [a_timer()]})
        timers.replace(tx, {"org_1": []})

        assert timers.of_account(tx, "org_1") == []
        assert timers.next_due(tx) is None


def test_timers_are_due_oldest_first_with_no_look_back(database: Database) -> None:
    old, now, later = a_timer("a", hours=-24 * 365), a_timer("b"), a_timer("c", hours=1)
    with database.write() as tx:
        timers.replace(tx, {"c": [later], "b": [now], "a": [old]})

        assert timers.due(tx, NOW, 10) == [old, now]
        assert timers.due(tx, NOW - SECOND, 10) == [old]
        assert timers.due(tx, NOW + DAY, 2) == [old, now]


def test_what_was_due_at_a_mark_leaves_out_accounts_with_a_timer_that_is_due_since(database: Database) -> None:
    old, other = TimerRow("org_1", "grace_end", "a", NOW), TimerRow("org_2", "grace_end", "a", NOW)
    since, ahead = TimerRow("org_2", "grace_end", "b", NOW + SECOND), TimerRow("org_1", "grace_end", "b", NOW + DAY)
    with database.write() as tx:
        timers.replace(tx, {"org_1": [old, ahead], "org_2": [other, since]})

        assert timers.due(tx, NOW + SECOND, 10, until=NOW) == [old]
        assert timers.due(tx, NOW + SECOND, 10) == [old, other, since]
        assert timers.next_due(tx) == old.due_at


_WANTED = st.dictionaries(
    st.sampled_from(["a", "b"]),
    st.dictionaries(st.tuples(st.sampled_from("xyz"), st.sampled_from("12")), st.integers(-3, 3), max_size=4),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_WANTED, max_size=4))
def test_whatever_was_there_the_last_wish_counts(
    database: Database, wishes: list[dict[str, dict[tuple[str, str], int]]]
) -> None:
    with database.write() as tx:
        timers.replace(tx, {"a": [], "b": []})
        expected: dict[str, list[TimerRow]] = {}
        for wish in wishes:
            rows = {
                account: [a_timer(account, kind, subject, hours=hours) for (kind, subject), hours in wanted.items()]
                for account, wanted in wish.items()
            }
            timers.replace(tx, rows)
            expected |= rows

        for account, rows_of_account in expected.items():
            assert set(timers.of_account(tx, account)) == set(rows_of_account)
