"""The list of all that waits for a person: stuck work, open questions, alerts that hold, with a proposed act each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime
from urllib.parse import quote, urlencode

from kulanz.documents import standing as documents
from kulanz.errors import NotFoundError
from kulanz.formats.messages import Message, Money, counted, message
from kulanz.formats.wording import shell_word
from kulanz.ingest import secret_usage
from kulanz.policy.topics import ENDING_WHEN_SEEN, Severity, topic_of
from kulanz.processing import circuit_breaker, endpoints, facts_first
from kulanz.runtime import clock_guard
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import case_index, pages, todos
from kulanz.store.case_index import COLLECTION, DISPUTE, REFUND, WARNING, CaseRow
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
_WITH_STAKES = (DISPUTE, REFUND, WARNING, COLLECTION)
_BY_HAND = "todo_effects"
_COULD_BE_LINKED, _ENDPOINT = "account_could_be_linked", "endpoint_cannot_work"
_GRAVER_THAN_ASKED = ("refund_to_decide_again", "refund_answer_late", "dispute_answer_due")


@dataclass(frozen=True, slots=True)
class Todo:
    """An item of the to-do list."""

    topic: str
    subject: str
    since: datetime
    _: KW_ONLY
    account: str = ""
    """Empty: it is about no single account."""
    number: int = 1
    """Number of events or effects in the item."""
    detail: Message | str = ""
    act: str = ""
    """The command that is proposed; empty: that of the topic."""
    path: str = ""
    """Path of the console's page about it; empty: its account's page."""
    said: TodoMark | None = None
    due_at: datetime | None = None
    """The time by which a person has to act; None: no such time is known."""
    amount: int = 0
    """The money that it is about, in minor units; 0: none, or unknown."""
    currency: str | None = None

    @property
    def id(self) -> str:
        """Stable id of the item."""
        return todo_id(self.topic, self.account, self.subject)

    @property
    def severity(self) -> Severity:
        """Urgency of the item: calls to be made by hand are urgent where they pay money back."""
        if self.topic == _BY_HAND and self.subject != "refund":
            return Severity.NORMAL
        return topic_of(self.topic).severity

    @property
    def order(self) -> tuple[object, ...]:
        """Place in the list: the urgent first; of those the soonest due, then the most money, then the oldest."""
        due = (self.due_at is None, self.due_at or self.since)
        return (self.severity is not Severity.URGENT, *due, -self.amount, self.since, self.id)

    @property
    def ends_when_seen(self) -> bool:
        """Whether only a person's acknowledgement ends it."""
        return topic_of(self.topic).ends_when_seen

    @property
    def acknowledged_at(self) -> datetime | None:
        """Time at which a person marked it as seen, since it began."""
        at = self.said.acknowledged_at if self.said else None
        return at if at is not None and self.since <= at else None

    @property
    def acknowledged_by(self) -> str | None:
        """The person who marked it as seen, since it began."""
        return self.said.acknowledged_by if self.said and self.acknowledged_at is not None else None

    @property
    def assigned_to(self) -> str | None:
        """The assignee."""
        at = self.said.assigned_at if self.said else None
        return self.said.assigned_to if self.said and at is not None and self.since <= at else None

    @property
    def headline(self) -> str:
        """One sentence without names."""
        return str(self._headline)

    @property
    def what(self) -> str:
        """One sentence with the details."""
        return str(self.what_said)

    @property
    def what_said(self) -> Message:
        """The same, for a reader of any language."""
        text = "{headline} ({detail})" if self.detail else "{headline}"
        return Message(text=text, values={"headline": self._headline, "detail": self.detail})

    @property
    def _headline(self) -> Message:
        says = Message(text=topic_of(self.topic).says)
        return (
            Message(text="{number} {says}", values={"number": f"{self.number:,}", "says": says})
            if self.number > 1
            else says
        )

    @property
    def proposed(self) -> str:
        """The command that looks at it or settles it."""
        template = self.act or topic_of(self.topic).act
        return template.replace("{account}", shell_word(self.account)).replace("{subject}", shell_word(self.subject))

    @property
    def link(self) -> str:
        """Path of the console's page about it."""
        return self.path or (f"/ops/accounts/{quote(self.account, safe='')}" if self.account else "/ops/")


def todo_list(services: Services) -> list[Todo]:
    """Return the items in their order."""
    with services.database.read() as conn:
        return todo_list_in(services, conn)


def todo_list_in(services: Services, conn: Connection) -> list[Todo]:
    """Return the items as an open transaction sees them."""
    found = [*_told(services, conn), *_stuck(conn), *_of_the_house(services, conn)]
    graver = {(each.account, each.subject) for each in found if each.topic in _GRAVER_THAN_ASKED}
    found += [each for each in _questions(conn) if (each.account, each.subject) not in graver]
    stakes = {(row.account, row.key): row for kind in _WITH_STAKES for row in _open_rows(conn, kind)}
    found = [_with_stake(each, stakes.get((each.account, each.subject))) for each in found]
    said = todos.marks(conn, [each.id for each in found])
    known = [replace(each, said=said.get(each.id)) for each in found]
    waiting = [each for each in known if not each.ends_when_seen or each.acknowledged_at is None]
    return sorted(waiting, key=lambda each: each.order)


def _open_rows(conn: Connection, kind: str) -> list[CaseRow]:
    """Return the open matters of a kind: those due soonest, and the newest."""
    due = case_index.soonest_due(conn, kind, MOST)
    return [*due, *case_index.page(conn, kind, only_open=True, after=None, limit=MOST)]


def _with_stake(todo: Todo, row: CaseRow | None) -> Todo:
    if row is None:
        return todo
    return replace(todo, due_at=row.deadline, amount=row.amount, currency=row.currency)


def one(services: Services, conn: Connection, ident: str) -> Todo:
    """Return one open item; NotFoundError if there is none of this id."""
    for each in todo_list_in(services, conn):
        if each.id == ident:
            return each
    raise NotFoundError(f"nothing waits by the id {ident!r}")


def document(todo: Todo) -> documents.Todo:
    """Return an item's document in the API."""
    return documents.Todo.of(
        todo,
        account_id=todo.account or None,
        amount=todo.amount if todo.currency else None,
        act=todo.proposed,
        ends_when_acknowledged=todo.ends_when_seen,
    )


def _told(services: Services, conn: Connection) -> Iterator[Todo]:
    """Yield the alerts that still hold, and alerts sent once that are not over."""
    rows = todos.listing(conn, ENDING_WHEN_SEEN, MOST)
    unnamed = todos.with_purchases(conn, [row.subject for row in rows if row.topic == _COULD_BE_LINKED])
    problems = {f"{problem.provider}: {problem.problem}" for problem in endpoints.lately(services, conn)}
    still = {_COULD_BE_LINKED: unnamed, _ENDPOINT: problems}
    for row in rows:
        if row.topic not in still or row.subject in still[row.topic]:
            yield Todo(
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
            yield Todo(
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
        return Todo(f"{state}_effects", group.words, group.since, number=group.number, detail=group.words, path=path)
    row = pages.effect_at(conn, group.first)
    account = f" --account {shell_word(row.account)}" if row.account else ""
    path = f"/ops/effects?{urlencode({'state': state} | ({'account': row.account} if row.account else {}))}"
    return Todo(
        f"{state}_effects",
        group.words,
        group.since,
        detail=": ".join(part for part in (row.id, group.words, row.error) if part),
        act=f"kulanz effects done {row.id} --reason TEXT"
        if row.may_be_done_by_hand and state == "todo"
        else f"kulanz effects list --state {state}{account}",
        path=path,
    )


def _questions(conn: Connection) -> Iterator[Todo]:
    for kind, state, topic in _OPEN_QUESTIONS:
        for row in case_index.page(conn, kind, only_open=True, after=None, limit=MOST, state=state):
            path = _path_of(topic, row.key)
            amount = Money(row.amount, row.currency) if row.amount and row.currency else None
            due = message("answer by {deadline}", deadline=row.deadline) if kind == DISPUTE and row.deadline else None
            parts = [part for part in (row.key, amount, due) if part is not None]
            detail = Message(text="{parts}", values={"parts": parts})
            yield Todo(topic, row.key, row.opened_at, account=row.account, detail=detail, path=path)


def _of_the_house(services: Services, conn: Connection) -> Iterator[Todo]:
    """Yield items about no account: breaker, clock, receivers, secrets."""
    breaker = circuit_breaker.status(conn, services.clock.now(conn))
    if breaker.on_since is not None:
        wait = counted("{number} account waits", "{number} accounts wait", breaker.waiting)
        yield Todo("breaker_tripped", "breaker", breaker.on_since, detail=wait)
    jump = clock_guard.jump(conn)
    if jump is not None:
        at = datetime.fromisoformat(jump["found"])
        yield Todo("clock_jumped", "clock", at, detail=message("from {last_seen} to {found}", **jump))
    for row in facts_first.waited_for(conn):
        yield Todo("receiver_awaited", row.id, row.missed_since or row.seen_at)
    for use in secret_usage.status(services, conn):
        if use.place is None and use.last_used is not None and use.in_use(real_now()):
            yield Todo("webhook_secret_missing", f"{use.endpoint}:{use.fingerprint}", use.last_used)
