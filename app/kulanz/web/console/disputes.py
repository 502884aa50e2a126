"""Disputes of all accounts: which are to be answered by when, the evidence file of each, and what it lacks."""

from __future__ import annotations

from flask import Blueprint, Response, g, render_template, request

from kulanz.formats.wording import file_name
from kulanz.queries import accounts, disputes
from kulanz.queries.disputes import DisputeLine
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log, case_index
from kulanz.telemetry.logs import log
from kulanz.web.console import questions
from kulanz.web.console.questions import ROWS_PER_PAGE


class DisputePages:
    """The pages about disputes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/disputes", "disputes", self.list, methods=["GET"])
        blueprint.add_url_rule("/disputes/evidence", "evidence", self.evidence, methods=["POST"])

    def list(self) -> str:
        """Show the disputes that are not decided: those to be answered first, then the newest; or all; or warnings."""
        shown = questions.word("show", ("all", "warnings"))
        kind = case_index.WARNING if shown == "warnings" else case_index.DISPUTE
        at, account, key = questions.instant("at"), questions.text("account"), questions.text("key")
        after = (at, account, key) if at and account and key else None
        with self._services.database.read() as conn:
            rows = case_index.page(conn, kind, only_open=shown != "all", after=after, limit=ROWS_PER_PAGE + 1)
            more = rows[ROWS_PER_PAGE - 1] if len(rows) > ROWS_PER_PAGE else None
            due = [] if shown else case_index.soonest_due(conn, kind, ROWS_PER_PAGE)
            first = {(row.account, row.key) for row in due}
            rest = [row for row in rows[:ROWS_PER_PAGE] if (row.account, row.key) not in first]
            lines = (
                [DisputeLine(row, ()) for row in rest]
                if kind == case_index.WARNING
                else disputes.with_lacks(self._services, conn, [*([] if after else due), *rest])
            )
            now = self._services.clock.now(conn)
        return render_template("ops/disputes.html", lines=lines, more=more, shown=shown, now=now)

    def evidence(self) -> Response:
        """Answer an account's evidence file, to be handed in at the provider; who took it is noted first."""
        from kulanz.queries import evidence  # noqa: PLC0415 - it loads templates that no other page needs

        name = accounts.account_document(self._services, request.form.get("account", "")).account_id
        with self._services.database.write() as tx:
            audit_log.record(tx, at=real_now(), actor=g.user.name, act="took the evidence file", subject=name)
        log.info("ops.evidence_taken", actor=g.user.name)
        response = Response(evidence.of_account(self._services, name), content_type="text/html; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="{file_name(name)}"'
        return response
