"""`Idempotency-Key`: one request, one answer."""

from datetime import timedelta

import pytest

from kulanz.errors import InvalidInputError, RefusedError
from kulanz.store import idempotency
from kulanz.store.database import Database
from kulanz.store.idempotency import StoredResponse
from tests.store.rows import DAY, NOW, SECOND

REQUEST, OTHER = b"digest", b"another digest"
ANSWER = StoredResponse(201, b"sealed")


def begun(
    database: Database, request: bytes = REQUEST, token: str = "api", after: timedelta = 0 * SECOND
) -> StoredResponse | None:
    with database.write() as tx:
        return idempotency.begin(tx, token, "key", request, NOW + after)


def finished(database: Database) -> None:
    with database.write() as tx:
        idempotency.finish(tx, "api", "key", ANSWER)


def test_the_first_request_is_carried_out_and_a_repeat_gets_its_answer(database: Database) -> None:
    assert begun(database) is None
    finished(database)

    assert begun(database) == ANSWER


def test_a_repeat_is_refused_while_the_first_is_running(database: Database) -> None:
    begun(database)

    with pytest.raises(RefusedError):
        begun(database)


def test_another_request_under_the_same_key_is_refused(database: Database) -> None:
    begun(database)
    with pytest.raises(InvalidInputError):
        begun(database, OTHER)
    finished(database)

    with pytest.raises(InvalidInputError):
        begun(database, OTHER)


def test_two_tokens_may_use_the_same_key(database: Database) -> None:
    begun(database)

    assert begun(database, OTHER, token="other") is None


def test_an_answer_is_kept_for_seven_days(database: Database) -> None:
    begun(database)
    finished(database)

    assert begun(database, after=7 * DAY) == ANSWER
    assert begun(database, OTHER, after=7 * DAY + SECOND) is None


def test_a_request_whose_process_died_may_be_tried_again(database: Database) -> None:
    begun(database)

    assert begun(database, after=61 * SECOND) is None
    with pytest.raises(RefusedError):
        begun(database, after=62 * SECOND)


def test_a_request_that_came_to_nothing_may_be_tried_again(database: Database) -> None:
    begun(database)
    with database.write() as tx:
        idempotency.forget(tx, "api", "key")

    assert begun(database, OTHER) is None


def test_an_answer_that_was_kept_outlives_a_failure_that_came_after_it(database: Database) -> None:
    begun(database)
    finished(database)

    with database.write() as tx:
        idempotency.forget(tx, "api", "key")

    assert begun(database) == ANSWER
