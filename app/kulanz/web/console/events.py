"""The inbox: the groups that need attention, each event, and its retry."""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, redirect, render_template, url_for

from kulanz.errors import NotFoundError, RefusedError
from kulanz.formats.messages import message
from kulanz.processing import bulk_retry, circuit_breaker, unknown_words
from kulanz.queries import attention, waits
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log, inbox, pages
from kulanz.store.database import Connection
from kulanz.store.inbox import EVENT_STATES, Event, event_id, number_of
from kulanz.telemetry.logs import log
from kulanz.web.console import formatting, payloads, questions
from kulanz.web.console.questions import ROWS_PER_PAGE

RETRYABLE_STATES = bulk_retry.EVENT_STATES


class EventPages:
    """The pages about events."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/events", "events", self.list, methods=["GET"])
        blueprint.add_url_rule("/events/<event>", "event", self.show, methods=["GET"])
        blueprint.add_url_rule("/events/<event>/payload", "payload", self.reveal, methods=["POST"])
        blueprint.add_url_rule("/events/<event>/retry", "retry_event", self.retry, methods=["POST"])
        blueprint.add_url_rule("/events/<event>/skip", "skip_event", self.skip, methods=["POST"])

    def list(self) -> str:
        """Show the groups that need attention, then events, newest first; of one group with `like`."""
        state, account, before = (
            questions.word("state", EVENT_STATES),
            questions.text("account"),
            questions.number("before"),
        )
        like = questions.text("like")
        with self._services.database.read() as conn:
            reason = _reason(conn, like) if like else None
            rows = pages.events(
                conn, state=state, account=account, reason=reason, before=before, limit=ROWS_PER_PAGE + 1
            )
            groups = [] if state or account or before else attention.events(conn)
            now = self._services.clock.now(conn)
            unknown = [] if account else unknown_words.lately(self._services, conn)
        more = rows[ROWS_PER_PAGE - 1].id if len(rows) > ROWS_PER_PAGE else None
        return render_template(
            "ops/events.html",
            rows=rows[:ROWS_PER_PAGE],
            more=more,
            state=state,
            states=EVENT_STATES,
            account=account,
            now=now,
            unknown=unknown,
            groups=groups,
            like=like,
            reason=reason,
        )

    def show(self, event: str) -> str:
        """Show one event, personal data masked."""
        with self._services.database.read() as conn:
            stored_event = inbox.find(conn, event)
        return self._page(stored_event.id if stored_event is not None else number_of(event), plainly=False)

    def reveal(self, event: str) -> str:
        """Show one event as received; the access is recorded first."""
        number = number_of(event)
        self._note("looked at personal data", number)
        return self._page(number, plainly=True)

    def retry(self, event: str) -> Response:
        """Make one event due again."""
        number = number_of(event)
        with self._services.database.write() as tx:
            stored_event = inbox.get(tx, number)
            if stored_event is None:
                raise NotFoundError(message("There is no event {event}.", event=event))
            if stored_event.state not in RETRYABLE_STATES:
                raise RefusedError(
                    message(
                        "The state is “{state}”: there is nothing to try again.",
                        state=formatting.words(stored_event.state),
                    )
                )
            inbox.retry(tx, ids=[number])
            audit_log.record(tx, at=real_now(), actor=g.user.name, act="retried", subject=event_id(number))
        self._services.notifier.notify()
        return self._back(number, "retried")

    def skip(self, event: str) -> Response:
        """Ignore one event from now on."""
        number, reason = number_of(event), questions.reason()
        with self._services.database.write() as tx:
            if not inbox.skip(tx, number, f"{reason} ({g.user.name})"):
                raise RefusedError(
                    message("{event} is handled or gone: only what is not handled can be skipped.", event=event)
                )
            circuit_breaker.recheck_waiting(tx, self._services.clock.now(tx))
            audit_log.record(
                tx, at=real_now(), actor=g.user.name, act="skipped", subject=event_id(number), detail=reason
            )
        self._services.notifier.notify()
        return self._back(number, "skipped")

    def _page(self, number: int, *, plainly: bool) -> str:
        with self._services.database.read() as conn:
            event = _found(inbox.get(conn, number), number)
            payload = payloads.shown(self._services, conn, event, plainly=plainly)
            conditions = waits.of_event(conn, event)
            noted, now = audit_log.about(conn, event_id(number)), self._services.clock.now(conn)
        return render_template(
            "ops/event.html",
            event=event,
            payload=payload,
            plainly=plainly,
            waits=conditions,
            acts=noted,
            now=now,
            retryable=event.state in RETRYABLE_STATES,
            skippable=event.state not in {"handled", "ignored"},
            done=questions.word("done", ("retried", "skipped")),
        )

    def _note(self, act: str, number: int) -> None:
        with self._services.database.write() as tx:
            _found(inbox.get(tx, number), number)
            audit_log.record(tx, at=real_now(), actor=g.user.name, act=act, subject=event_id(number))
        log.info("ops.payload_shown", cause=f"evt_{number}", actor=g.user.name)

    @staticmethod
    def _back(number: int, done: str) -> Response:
        return make_response(redirect(url_for("ops.event", event=event_id(number), done=done), code=303))


def _reason(conn: Connection, event: str) -> str:
    """Return the reason of the group that an event stands for."""
    number = number_of(event)
    return _found(inbox.get(conn, number), number).reason or ""


def _found(event: Event | None, number: int) -> Event:
    if event is None:
        raise NotFoundError(message("There is no event {event}.", event=event_id(number)))
    return event
