"""The list of accounts: in the order of any column, those that a search finds, and the whole of it as CSV."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from kulanz.formats.messages import message
from kulanz.policy.state import Standing
from kulanz.queries import account_list, account_search
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log
from kulanz.store.account_list import AccountQuery, Sort
from kulanz.store.database import Connection
from kulanz.web.console import questions
from kulanz.web.console.questions import ROWS_PER_PAGE

HEADERS = (
    (Sort.ID, message("Account"), "", "ascending"),
    (Sort.STANDING, message("Standing"), "", "ascending"),
    (Sort.PLAN, message("Plan"), "wide", "ascending"),
    (Sort.AMOUNT, message("Owed"), "number", "descending"),
    (Sort.DEADLINE, message("Next deadline ({zone})"), "", "ascending"),
)
"""Column by column: its order, its name, its class, and how a screen reader calls the order."""
DUE_WITHIN = ("1", "7", "30")
"""Days."""
CSV_PARTS = 20
"""Times 500 accounts: the command line has all of them, however many there are."""


class AccountListPages:
    """The pages that list accounts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/accounts", "accounts", self.list, methods=["GET"])
        blueprint.add_url_rule("/accounts.csv", "accounts_csv", self.download, methods=["POST"])

    def list(self) -> Response:
        """Show accounts, or those that a search finds; the only one it finds is shown at once."""
        requested = questions.text("q")
        if requested is not None:
            return self._found(requested)
        with self._services.database.read() as conn:
            wanted = self._wanted(conn)
            page = account_list.page(
                self._services, conn, wanted, questions.text("after", 600), ROWS_PER_PAGE, masked=g.user.read_only
            )
            now = self._services.clock.now(conn)
        return make_response(
            render_template(
                "ops/accounts.html",
                rows=page.items,
                more=page.after,
                sort=wanted.sort,
                reverse=wanted.reverse,
                now=now,
                headers=HEADERS,
                standings=[*Standing],
                days=DUE_WITHIN,
                chosen=_chosen(),
            )
        )

    def download(self) -> Response:
        """Return the list as CSV: masked for read-only users, for others with an entry in the audit log."""
        with self._services.database.read() as conn:
            wanted = self._wanted(conn)
        masked = g.user.read_only
        parts = islice(account_list.as_csv(self._services, wanted, masked=masked), CSV_PARTS + 1)
        response = make_response("".join(parts))
        response.headers["Content-Type"] = "text/csv; charset=utf-8"
        response.headers["Content-Disposition"] = 'attachment; filename="accounts.csv"'
        if not masked:
            with self._services.database.write() as tx:
                audit_log.record(tx, at=real_now(), actor=g.user.name, act="downloaded", subject="accounts")
        return response

    def _found(self, requested: str) -> Response:
        names = account_search.search(self._services, requested, masked=g.user.read_only)
        if len(names) == 1 or requested in names:
            only = requested if requested in names else names[0]
            return make_response(redirect(url_for("ops.account", name=only), code=303))
        with self._services.database.read() as conn:
            rows = account_list.lines(self._services, conn, names, masked=g.user.read_only)
            now = self._services.clock.now(conn)
        return make_response(
            render_template("ops/accounts.html", asked=requested, rows=rows, headers=HEADERS, now=now, chosen={})
        )

    def _wanted(self, conn: Connection) -> AccountQuery:
        days = questions.word("due", DUE_WITHIN)
        return AccountQuery(
            sort=Sort(questions.word("sort", [*Sort]) or Sort.ID),
            reverse=questions.word("reverse", ("1",)) is not None,
            standing=questions.word("standing", [*Standing]),
            plan=questions.text("plan"),
            due_before=self._services.clock.now(conn) + timedelta(days=int(days)) if days else None,
        )


def _chosen() -> dict[str, str]:
    """Return the filters and the order as they were asked for: every link keeps them."""
    return {name: value for name in ("sort", "reverse", "standing", "plan", "due") if (value := request.args.get(name))}
