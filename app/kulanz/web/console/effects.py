"""Outgoing actions (notifications, mails, provider calls): list, details, and retry."""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from kulanz.commands import by_hand
from kulanz.commands.by_hand import DoneByHand
from kulanz.errors import NotFoundError, RefusedError
from kulanz.formats.messages import message
from kulanz.queries import attention, sent_notices, waits
from kulanz.runtime.clock import real_now
from kulanz.runtime.notifier import EFFECTS_QUEUE
from kulanz.services import Services
from kulanz.store import account_list, audit_log, outbox, pages
from kulanz.store.database import Connection
from kulanz.store.outbox import EFFECT_STATES, EffectRow
from kulanz.web.console import formatting, previews, questions
from kulanz.web.console.payloads import MASK
from kulanz.web.console.questions import ROWS_PER_PAGE
from kulanz.web.console.reading import reading

STUCK_STATES = ("parked", "todo", "unknown", "pending")


class EffectPages:
    """The pages about effects."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/effects", "effects", self.list, methods=["GET"])
        blueprint.add_url_rule("/effects/retry", "retry_effect", self.retry, methods=["POST"])
        blueprint.add_url_rule("/effects/<effect>", "notice", self.show, methods=["GET"])
        blueprint.add_url_rule("/effects/<effect>/act", "act_on_effect", self.consider, methods=["GET"])
        blueprint.add_url_rule("/effects/<effect>/done", "effect_done", self.record_done, methods=["POST"])
        blueprint.add_url_rule("/effects/<effect>/words", "words", self.reveal, methods=["POST"])

    def list(self) -> str:
        """Show the groups that need attention, then effects, newest first; of one group with `like`."""
        state, account, before = (
            questions.word("state", EFFECT_STATES),
            questions.text("account"),
            questions.text("before"),
        )
        like = questions.text("like")
        with self._services.database.read() as conn:
            alike = _alike(conn, like) if like else None
            rows = pages.effects_page(
                conn, state=state, account=account, alike=alike, before=before, limit=ROWS_PER_PAGE + 1
            )
            groups = [] if state or account or before else attention.effects(conn)
            now = self._services.clock.now(conn)
        more = rows[ROWS_PER_PAGE - 1].id if len(rows) > ROWS_PER_PAGE else None
        return render_template(
            "ops/effects.html",
            rows=rows[:ROWS_PER_PAGE],
            more=more,
            state=state,
            states=EFFECT_STATES,
            account=account,
            stuck=STUCK_STATES,
            waits=waits.of_effect,
            groups=groups,
            like=like,
            alike=alike,
            now=now,
            done=questions.word("done", ("retried", "by_hand")),
        )

    def show(self, effect: str) -> str:
        """Show one notice to a customer, personal data masked."""
        return self._page(effect, plainly=False)

    def reveal(self, effect: str) -> str:
        """Show one notice with its recipient and text; the access is recorded first."""
        with self._services.database.write() as tx:
            _notice_row(tx, effect)
            audit_log.record(tx, at=real_now(), actor=g.user.name, act="looked at personal data", subject=effect)
        return self._page(effect, plainly=True)

    def _page(self, effect: str, *, plainly: bool) -> str:
        with self._services.database.read() as conn:
            row = _notice_row(conn, effect)
            notice = sent_notices.notice(self._services, conn, row)
        return render_template("ops/notice.html", row=row, notice=notice, plainly=plainly, mask=MASK)

    def consider(self, effect: str) -> str:
        """Show a stuck outgoing action, and the consequences of each possible act; nothing is done."""
        with self._services.database.read() as conn:
            row = outbox.get(conn, effect)
            if row is None:
                raise NotFoundError(message("There is no such outgoing action."))
            lines = account_list.lines(conn, [row.account])
        told, preview = None, None
        if row.may_be_done_by_hand and not g.user.read_only:
            word = DoneByHand(effect=effect, reason="")
            recorded = by_hand.record(self._services, word, g.user.name, dry_run=True)
            told = formatting.effect(recorded.effect)
            preview = previews.preview(recorded.decision, lines[row.account].deadline, reading().reader)
        return render_template(
            "ops/effect.html",
            row=row,
            waits=waits.of_effect(row),
            stuck=row.state in STUCK_STATES,
            told=told,
            preview=preview,
        )

    def record_done(self, effect: str) -> Response:
        """Record that a person made a call at the provider."""
        word = DoneByHand(effect=effect, reason=questions.reason())
        row = by_hand.record(self._services, word, g.user.name).row
        return make_response(redirect(url_for("ops.effects", account=row.account, done="by_hand"), code=303))

    def retry(self) -> Response:
        """Retry one outgoing action now; a completed one is never repeated."""
        ident = request.form.get("effect", "")
        with self._services.database.write() as tx:
            row = outbox.get(tx, ident)
            if row is None:
                raise NotFoundError(message("There is no such outgoing action."))
            if row.state not in STUCK_STATES:
                raise RefusedError(
                    message("The state is “{state}”: there is nothing to try again.", state=formatting.words(row.state))
                )
            outbox.retry(tx, [ident], real_now())
            audit_log.record(tx, at=real_now(), actor=g.user.name, act="retried", subject=ident)
        self._services.notifier.notify(EFFECTS_QUEUE)
        return make_response(redirect(url_for("ops.effects", account=row.account or None, done="retried"), code=303))


def _alike(conn: Connection, effect: str) -> tuple[str, str]:
    """Return the type and the error of the group that an outgoing action stands for."""
    row = outbox.get(conn, effect)
    if row is None:
        raise NotFoundError(message("There is no such outgoing action."))
    return row.type, row.error or ""


def _notice_row(conn: Connection, effect: str) -> EffectRow:
    row = outbox.get(conn, effect)
    if row is None or row.kind not in {"SendMail", "SendLetter"}:
        raise NotFoundError(message("There is no such mail or letter."))
    return row
