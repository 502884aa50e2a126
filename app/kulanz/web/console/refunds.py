"""Refund requests: open ones, late ones, and decisions about them."""

from __future__ import annotations

from flask import Blueprint, g, render_template

from kulanz.documents.purchases import RefundRequest
from kulanz.queries import refunds, sentences
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log, outbox
from kulanz.telemetry.logs import log
from kulanz.web.console import questions
from kulanz.web.console.questions import ROWS_PER_PAGE
from kulanz.web.console.reading import reading

REFUND_STATES = ("requested", "review", "approved", "sent", "paid", "failed", "denied")
UNDECIDED_STATES = frozenset({"requested", "review"})


class RefundPages:
    """The pages about requests; a decision is a command about the account, with a preview."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/refunds", "refunds", self.list, methods=["GET"])
        blueprint.add_url_rule("/refunds/<request_id>", "refund", self.show, methods=["GET"])
        blueprint.add_url_rule("/refunds/<request_id>/asked", "refund_asked", self.reveal, methods=["POST"])

    def list(self) -> str:
        """Show requests, newest first."""
        state, late = questions.word("state", REFUND_STATES), questions.word("late", ("yes",)) == "yes"
        page = refunds.refund_requests(
            self._services, state=state, late=True if late else None, after=questions.text("after"), limit=ROWS_PER_PAGE
        )
        return render_template(
            "ops/refunds.html", rows=page.items, more=page.after, state=state, late=late, states=REFUND_STATES
        )

    def show(self, request_id: str) -> str:
        """Show one request, without personal data."""
        return self._page(refunds.refund_request(self._services, request_id), plainly=False)

    def reveal(self, request_id: str) -> str:
        """Show one request with the customer's statements; the access is recorded first."""
        document = refunds.dossier_of_request(self._services, request_id)
        with self._services.database.write() as tx:
            audit_log.record(tx, at=real_now(), actor=g.user.name, act="looked at personal data", subject=request_id)
        log.info("ops.request_shown", request=request_id, actor=g.user.name)
        return self._page(document, plainly=True)

    def _page(self, matches: RefundRequest, *, plainly: bool) -> str:
        with self._services.database.read() as conn:
            now, noted = self._services.clock.now(conn), audit_log.about(conn, matches.id)
            stopped = outbox.stopped(conn, matches.account_id, matches.id)
        undecided = matches.state in UNDECIDED_STATES
        reader = reading().reader
        return render_template(
            "ops/refund.html",
            one=matches,
            verdict=[reader.read(each) for each in sentences.verdict(matches)],
            plainly=plainly,
            acts=noted,
            now=now,
            undecided=undecided,
            stopped=stopped,
        )
