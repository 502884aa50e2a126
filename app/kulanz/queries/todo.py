"""The list of all that waits for a person: stuck work, open questions, alerts that hold, with a proposed act each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote, urlencode

from msgspec.structs import replace

from kulanz.documents.standing import Todo
from kulanz.errors import NotFoundError
from kulanz.formats.wording import how_many, shell_word
from kulanz.ingest import secret_usage
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.topics import ENDING_WHEN_SEEN, Severity, topic_of
from kulanz.processing import circuit_breaker, endpoints, facts_first
from kulanz.runtime import clock_guard
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import case_index, pages, todos
from kulanz.store.case_index import COLLECTION, DISPUTE, REFUND
from kulanz.store.database import Connection
from kulanz.store.inbox.events import event_id
from kulanz.store.todos import TodoMark, todo_id

MOST = 500
"""Items from one source."""
_OPEN_QUESTIONS = (
    (REFUND, "requested", "refund_to_decide"),
    (REFUND, "review", "refund_to_decide"),
    (DISPUTE, "opened", "dispute_to_answer"),
    (DISPUTE, "inquiry", "dispute_to_answer"),
    (COLLECTION, "proposed", "collection_to_approve"),
)
_COULD_BE_LINKED, _ENDPOINT = "account_could_be_linked", "endpoint_cannot_work"
_GRAVER_THAN_ASKED = ("refund_to_decide_again", "refund_answer_late", "dispute_answer_due")


def todo_list(services: Services) -> list[Todo]:
    """Return the items, urgent ones first, then by age."""
    with services.database.read() as conn:
        return todo_list_in(services, conn)


def todo_list_in(services: Services, conn: Connection) -> list[Todo]:
    """Return the items as an open transaction sees them."""
    found = [*_told(services, conn), *_stuck(conn), *_of_the_house(services, conn)]
    graver = {(each.account_id, each.subject) for each in found if each.topic in _GRAVER_THAN_ASKED}
    found += [each for each in _questions(conn) if (each.account_id, each.subject) not in graver]
    marks = todos.marks(conn, [each.id for each in found])
    known = [marked(each, marks.get(each.id)) for each in found]
    waiting = [each for each in known if not each.ends_when_acknowledged or each.acknowledged_at is None]
    return sorted(waiting, key=lambda each: (each.severity is not Severity.URGENT, each.since, each.id))


def one(services: Services, conn: Connection, ident: str) -> Todo:
    """Return one open item; NotFoundError if there is none of this id."""
    for each in todo_list_in(services, conn):
        if each.id == ident:
            return each
    raise NotFoundError(f"nothing waits by the id {ident!r}")


def marked(todo: Todo, mark: TodoMark | None) -> Todo:
    """Return an item with the words that persons have left about it since it began."""
    if mark is None:
        return todo
    seen = mark.acknowledged_at is not None and todo.since <= mark.acknowledged_at
    assigned = mark.assigned_at is not None and todo.since <= mark.assigned_at
    return replace(
        todo,
        acknowledged_by=mark.acknowledged_by if seen else None,
        acknowledged_at=mark.acknowledged_at if seen else None,
        assigned_to=mark.assigned_to if assigned else None,
    )


def headline(topic: str, number: int) -> str:
    """Return the sentence about a topic, without names."""
    says = topic_of(topic).says
    return f"{number:,} {says}" if number > 1 else says


def _item(
    name: str,
    subject: str,
    since: datetime,
    *,
    account: str = "",
    number: int = 1,
    detail: str = "",
    act: str = "",
    path: str = "",
) -> Todo:
    """Return an item; its command and its page are those of the topic and the account, unless others are named."""
    topic, command = topic_of(name), act or topic_of(name).act
    return Todo(
        id=todo_id(name, account, subject),
        topic=name,
        severity=topic.severity,
        subject=subject,
        account_id=account or None,
        since=since,
        number=number,
        what=f"{headline(name, number)}{f' ({detail})' if detail else ''}",
        act=command.replace("{account}", shell_word(account)).replace("{subject}", shell_word(subject)),
        link=path or (f"/ops/accounts/{quote(account, safe='')}" if account else "/ops/"),
        ends_when_acknowledged=topic.ends_when_seen,
        acknowledged_by=None,
        acknowledged_at=None,
        assigned_to=None,
    )


def _told(services: Services, conn: Connection) -> Iterator[Todo]:
    """Yield the alerts that still hold, and alerts sent once that are not over."""
    rows = todos.listing(conn, ENDING_WHEN_SEEN, MOST)
    unnamed = todos.with_purchases(conn, [row.subject for row in rows if row.topic == _COULD_BE_LINKED])
    problems = {f"{problem.provider}: {problem.problem}" for problem in endpoints.lately(services, conn)}
    still = {_COULD_BE_LINKED: unnamed, _ENDPOINT: problems}
    for row in rows:
        if row.topic not in still or row.subject in still[row.topic]:
            yield _item(
                row.topic,
                row.subject,
                row.since,
                account=row.account,
                detail="" if row.subject == row.account else row.subject,
                path=_path_of(row.topic, row.subject),
            )


def _path_of(topic: str, subject: str) -> str:
    if subject.startswith("evt_"):
        return f"/ops/events/{quote(subject, safe='')}"
    return f"/ops/refunds/{quote(subject, safe='')}" if topic.startswith("refund_") else ""


def _stuck(conn: Connection) -> Iterator[Todo]:
    for state in ("parked", "quarantined"):
        for group in pages.events_alike(conn, state, MOST):
            event = event_id(group.first)
            alone = group.number == 1
            yield _item(
                f"{state}_events",
                group.words,
                group.since,
                number=group.number,
                detail=f"{event}: {group.words}" if alone else group.words,
                act=f"kulanz events show {event}" if alone else "",
                path=f"/ops/events/{event}" if alone else f"/ops/events?state={state}&like={event}",
            )
    for state in ("parked", "todo", "unknown"):
        for group in pages.effects_alike(conn, state, MOST):
            yield _of_effects(conn, state, group)


def _of_effects(conn: Connection, state: str, group: pages.Group) -> Todo:
    if group.number > 1:
        path = f"/ops/effects?{urlencode({'state': state})}"
        return _item(f"{state}_effects", group.words, group.since, number=group.number, detail=group.words, path=path)
    row = pages.effect_at(conn, group.first)
    account = f" --account {shell_word(row.account)}" if row.account else ""
    path = f"/ops/effects?{urlencode({'state': state} | ({'account': row.account} if row.account else {}))}"
    return _item(
        f"{state}_effects",
        group.words,
        group.since,
        detail=": ".join(part for part in (row.id, group.words, row.error) if part),
        act=f"kulanz effects list --state {state}{account}",
        path=path,
    )


def _questions(conn: Connection) -> Iterator[Todo]:
    for kind, state, topic in _OPEN_QUESTIONS:
        for row in case_index.page(conn, kind, only_open=True, after=None, limit=MOST, state=state):
            path = _path_of(topic, row.key)
            due = f", answer by {rfc3339(row.deadline)}" if kind == DISPUTE and row.deadline else ""
            yield _item(topic, row.key, row.opened_at, account=row.account, detail=f"{row.key}{due}", path=path)


def _of_the_house(services: Services, conn: Connection) -> Iterator[Todo]:
    """Yield items about no account: breaker, clock, receivers, secrets."""
    breaker = circuit_breaker.status(conn, services.clock.now(conn))
    if breaker.on_since is not None:
        wait = how_many(breaker.waiting, "account waits", "accounts wait")
        yield _item("breaker_tripped", "breaker", breaker.on_since, detail=wait)
    jump = clock_guard.jump(conn)
    if jump is not None:
        at = datetime.fromisoformat(jump["found"])
        yield _item("clock_jumped", "clock", at, detail=f"from {jump['last_seen']} to {jump['found']}")
    for row in facts_first.waited_for(conn):
        yield _item("receiver_awaited", row.id, row.missed_since or row.seen_at)
    for use in secret_usage.status(services, conn):
        if use.place is None and use.last_used is not None and use.in_use(real_now()):
            yield _item("webhook_secret_missing", f"{use.endpoint}:{use.fingerprint}", use.last_used)
