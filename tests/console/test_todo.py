"""What waits for a person, at the console: all is well only where nothing does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from kulanz.queries import todo
from kulanz.runtime.clock import real_now
from kulanz.runtime.clock_guard import LAST_SEEN_KEY
from kulanz.runtime.notifier import QUEUES
from kulanz.services import Services
from kulanz.store import audit_log, shared_values, todos
from kulanz.store.todos import TodoRow
from kulanz.web.application import WebApp
from tests.console.operator import Operator
from tests.days import tell
from tests.lemonsqueezy import subscription_created, subscription_payment_refunded, subscription_payment_success


@pytest.fixture
def running(services: Services, redis_url: str) -> Iterator[None]:
    """A clock and a worker that live."""
    with services.database.write() as tx:
        shared_values.put(tx, LAST_SEEN_KEY, real_now().isoformat())
    with Redis.from_url(redis_url) as redis:
        worker = SimpleWorker(list(QUEUES), name=f"{QUEUES[0]}.1", connection=redis, serializer=JSONSerializer)
        worker.register_birth()
        yield
        worker.register_death()


@pytest.fixture
def refunded(services: Services, now: datetime) -> None:
    """A payment that went back in full, without a request here."""
    tell(
        services,
        subscription_created(at=now - timedelta(days=10)),
        subscription_payment_success(at=now - timedelta(days=10)),
        subscription_payment_refunded(at=now),
    )


@pytest.mark.usefixtures("running")
def test_all_is_well_is_said_where_nothing_waits(operator: Operator) -> None:
    page = operator.see("/ops/")

    assert "All is well" in page
    assert "Nothing waits for a person" in operator.see("/ops/todo")


@pytest.mark.usefixtures("running", "refunded")
def test_an_unrequested_refund_is_in_front_of_whoever_looks_and_all_is_not_well(operator: Operator) -> None:
    page = operator.see("/ops/")

    assert "All is well" not in page
    assert "1 thing waits</a>" in page.replace(" for a person", "")
    assert "without a request here" in page


def test_the_overview_says_how_many_more_things_wait_than_it_lists(operator: Operator, services: Services) -> None:
    with services.database.write() as tx:
        rows = [TodoRow(f"td_{n}", "org_1", "renewal_overdue", f"s{n}", real_now(), by_policy=False) for n in range(7)]
        todos.add(tx, rows)

    page = operator.see("/ops/")

    assert "7 things wait for a person" in page
    assert '<a href="/ops/todo">and 2 more</a>' in page


@pytest.mark.usefixtures("refunded")
def test_an_operator_takes_care_and_is_done_and_the_log_knows(operator: Operator, services: Services) -> None:
    (matter,) = todo.todo_list(services)
    page = operator.see("/ops/todo")

    taken = operator.post(f"/ops/todo/{matter.id}/assign", name="ops")
    mine = operator.see("/ops/todo")
    done = operator.post(f"/ops/todo/{matter.id}/acknowledge")

    assert "kulanz account" not in page
    assert f'<a href="{matter.link}">See the account and its reasons</a>' in page
    assert (taken.status_code, done.status_code) == (303, 303)
    assert "Give up" in mine
    assert "Nothing waits for a person" in operator.see("/ops/todo?done=done")
    with services.database.read() as conn:
        assert [(entry.actor, entry.act) for entry in audit_log.about(conn, "org_42")] == [
            ("ops", "acknowledged"),
            ("ops", "assigned"),
        ]
    assert operator.post(f"/ops/todo/{matter.id}/acknowledge").status_code == 404


@pytest.mark.usefixtures("refunded")
def test_a_reader_sees_what_waits_and_changes_nothing(reader: Operator, services: Services) -> None:
    (matter,) = todo.todo_list(services)
    page = reader.see("/ops/todo")

    assert "without a request here" in page
    assert "<button" not in page.partition("<main")[2]
    assert reader.post(f"/ops/todo/{matter.id}/acknowledge").status_code == 403
    assert todo.todo_list(services) == [matter]


@pytest.mark.usefixtures("refunded")
def test_every_link_of_the_list_leads_to_a_page(app: WebApp, services: Services) -> None:
    operator = Operator(app.test_client())
    operator.log_in("ops", "correct horse")

    for matter in todo.todo_list(services):
        operator.see(matter.link)
