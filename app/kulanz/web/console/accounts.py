"""Accounts: finding one, its story, and orders about it: first what would follow, then the deed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from kulanz.commands import execute
from kulanz.commands.commands import Command
from kulanz.errors import KulanzError, RefusedError
from kulanz.formats.messages import Reader
from kulanz.policy.facts import Channel, Fact
from kulanz.policy.state import Decision, Standing
from kulanz.queries import account_page, exceptions, sentences
from kulanz.queries.accounts import read_by
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import codec, idempotency, pages
from kulanz.store.database import Connection
from kulanz.web.console import closing, formatting, orders, questions
from kulanz.web.console.questions import ROWS_PER_PAGE
from kulanz.web.languages import accepted
from kulanz.web.problems import BadRequestError

PROPOSED = timedelta(days=7)
"""How much later than the deadline a form proposes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an order would do."""

    changes: list[str]
    effects: list[str]
    before: tuple[str, str, str]
    """Standing, plan, access."""
    after: tuple[str, str, str]


class AccountPages:
    """The pages about accounts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/accounts", "accounts", self.list, methods=["GET"])
        blueprint.add_url_rule("/accounts/<name>", "account", self.show, methods=["GET"])
        blueprint.add_url_rule("/accounts/<name>/preview", "preview", self.preview, methods=["POST"])
        blueprint.add_url_rule("/accounts/<name>/orders", "order", self.order, methods=["POST"])

    def list(self) -> Response:
        """Show accounts, or those that a search finds; the only one it finds is shown at once."""
        requested, standing = questions.text("q"), questions.word("standing", [*Standing])
        if requested is not None:
            return self._found(requested)
        with self._services.database.read() as conn:
            rows = pages.accounts_page(conn, standing=standing, after=questions.text("after"), limit=ROWS_PER_PAGE + 1)
            now = self._services.clock.now(conn)
        more = rows[ROWS_PER_PAGE - 1].id if len(rows) > ROWS_PER_PAGE else None
        return make_response(
            render_template(
                "ops/accounts.html",
                rows=rows[:ROWS_PER_PAGE],
                more=more,
                standing=standing,
                standings=[*Standing],
                now=now,
            )
        )

    def show(self, name: str) -> str:
        """Show one account and its story."""
        return self._page(name)

    def preview(self, name: str) -> Response:
        """Show what an order would do; nothing is done."""
        fields = orders.given(request.form)
        try:
            return make_response(self._previewed(name, fields))
        except KulanzError as error:
            return self._refused(name, fields, error)

    def order(self, name: str) -> Response:
        """Carry out an order that was looked at before, once, unless the account has changed since."""
        fields = orders.given(request.form)
        seen, nonce = questions.whole("seen", request.form.get("seen", "")), request.form.get("nonce", "")
        if seen is None or not nonce:
            raise BadRequestError("Look at what would follow first.")
        try:
            command = orders.command(fields)
            if account_page.account_page(self._services, name).sequence != seen:
                note = "The account has changed since you looked: this is what would follow now."
                return make_response(self._previewed(name, fields, note), 409)
            self._carry_out(name, command, fields, nonce)
        except KulanzError as error:
            return self._refused(name, fields, error)
        return make_response(redirect(url_for("ops.account", name=name, done=fields["order"]), code=303))

    def _carry_out(self, name: str, command: Command, fields: dict[str, str], nonce: str) -> None:
        """Do it, and remember in the same transaction that this form was sent."""
        actor = g.user.name
        request_digest = sha256(repr((name, sorted(fields.items()))).encode()).digest()

        def once(tx: Connection, _: tuple[Fact, ...]) -> None:
            if idempotency.begin(tx, f"ops:{actor}", nonce[:64], request_digest, real_now()) is not None:
                raise RefusedError("This was done already: the form was sent twice.")
            idempotency.finish(tx, f"ops:{actor}", nonce[:64], idempotency.StoredResponse(status=200, document=b""))

        execute.command(self._services, name, command, actor, signed_in=True, then=once)

    def _found(self, requested: str) -> Response:
        rows = account_page.search(self._services, requested)
        names = [row.id for row in rows]
        if len(names) == 1 or requested in names:
            only = requested if requested in names else names[0]
            return make_response(redirect(url_for("ops.account", name=only), code=303))
        return make_response(render_template("ops/found.html", asked=requested, rows=rows))

    def _page(self, name: str, **more: object) -> str:
        stored_account_page = account_page.account_page(
            self._services, name, before=questions.number("before"), languages=accepted()
        )
        with self._services.database.read() as conn:
            now = self._services.clock.now(conn)
        ends = stored_account_page.account["grace_ends_at"]
        start = max(now, now if ends is None else now.fromisoformat(ends))
        return render_template(
            "ops/account.html",
            found=stored_account_page,
            account=stored_account_page.account,
            offers=orders.offers(stored_account_page.account),
            warned=orders.warned(stored_account_page.account),
            closable=orders.closable(stored_account_page.account),
            choices=closing.choices(stored_account_page.account),
            waiting=[*exceptions.waiting(stored_account_page.account)],
            outcomes=orders.FINAL,
            channels=[*Channel],
            proposed=f"{start + PROPOSED:%Y-%m-%dT%H:%M}",
            now=now,
            done=questions.word("done", [*orders.OFFERS, *orders.COMMAND_TITLES, "link", "undo_link"]),
            **more,
        )

    def _refused(self, name: str, fields: dict[str, str], error: KulanzError) -> Response:
        if error.retryable or error.status == 404:  # noqa: PLR2004
            raise error
        return make_response(self._page(name, refused=error.detail, filled=fields), error.status)

    def _previewed(self, name: str, fields: dict[str, str], note: str | None = None) -> str:
        sequence = account_page.account_page(self._services, name).sequence
        decision = execute.command(
            self._services, name, orders.command(fields), g.user.name, signed_in=True, dry_run=True
        )
        return render_template(
            "ops/preview.html",
            name=decision.account.id,
            title=_title(fields["order"]),
            fields=fields,
            preview=_preview(decision, self._reader(decision)),
            seen=sequence,
            nonce=secrets.token_urlsafe(16),
            note=note,
        )

    def _reader(self, decision: Decision) -> Reader:
        """Return the reader of sentences about a decision, in the account's zone."""
        zone = decision.account.book.word("timezone") or self._services.settings.timezone
        return read_by(accepted(), zone)


def _title(order: str) -> str:
    return orders.OFFERS[order].title if order in orders.OFFERS else orders.COMMAND_TITLES[order]


def _preview(decision: Decision, reader: Reader) -> Preview:
    before, after = decision.before, decision.state
    return Preview(
        changes=[sentences.sentence(codec.change_document(change), reader) for change in decision.changes],
        effects=[formatting.effect(effect) for effect in decision.effects],
        before=(str(before.standing), before.plan, str(before.access)) if before else ("none", "none", "none"),
        after=(str(after.standing), after.plan, str(after.access)),
    )
