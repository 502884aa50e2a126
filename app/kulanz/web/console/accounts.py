"""The page of one account: its story, and commands about it: first a preview, then the command itself."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from kulanz.commands import execute
from kulanz.commands.commands import Command
from kulanz.documents import Step
from kulanz.errors import KulanzError, RefusedError
from kulanz.formats.messages import Message, message
from kulanz.policy.facts import Channel, Fact
from kulanz.queries import account_page
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import account_list, idempotency
from kulanz.store.database import Connection
from kulanz.web.console import closing, orders, previews, questions
from kulanz.web.console.reading import reading
from kulanz.web.problems import BadRequestError

PROPOSED = timedelta(days=7)
"""Time after the deadline that a form proposes."""


class AccountPages:
    """The pages about one account."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/accounts/<name>", "account", self.show, methods=["GET"])
        blueprint.add_url_rule("/accounts/<name>/preview", "preview", self.preview, methods=["POST"])
        blueprint.add_url_rule("/accounts/<name>/orders", "order", self.order, methods=["POST"])

    def show(self, name: str) -> str:
        """Show one account and its story."""
        return self._page(name)

    def preview(self, name: str) -> Response:
        """Show a command's effect; nothing is done."""
        fields = orders.given(request.form)
        try:
            return make_response(self._previewed(name, fields))
        except KulanzError as error:
            return self._refused(name, fields, error)

    def order(self, name: str) -> Response:
        """Execute a previewed command once, unless the account has changed since."""
        fields = orders.given(request.form)
        seen, nonce = questions.whole("seen", request.form.get("seen", "")), request.form.get("nonce", "")
        if seen is None or not nonce:
            raise BadRequestError(message("Look at what would follow first."))
        try:
            command = orders.command(fields)
            if account_page.account_page(self._services, name).sequence != seen:
                note = message("The account has changed since you looked: this is what would follow now.")
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
                raise RefusedError(message("This was done already: the form was sent twice."))
            idempotency.finish(tx, f"ops:{actor}", nonce[:64], idempotency.StoredResponse(status=200, document=b""))

        silent = request.form.get("tells_customer") == "no"
        execute.command(self._services, name, command, actor, signed_in=True, silent=silent, then=once)

    def _page(self, name: str, **more: object) -> str:
        stored_account_page = account_page.account_page(
            self._services,
            name,
            before=questions.number("before"),
            masked=g.user.read_only,
            reader=reading().reader,
        )
        with self._services.database.read() as conn:
            now = self._services.clock.now(conn)
        done = questions.word("done", [*orders.OFFERS, *orders.COMMAND_TITLES])
        offers = orders.offers(stored_account_page.account)
        start = max(now, stored_account_page.account.grace_ends_at or now)
        return render_template(
            "ops/account.html",
            found=stored_account_page,
            account=stored_account_page.account,
            offers=[offer for offer in offers if offer.order not in orders.DANGEROUS],
            dangers=[offer for offer in offers if offer.order in orders.DANGEROUS],
            dangerous=orders.DANGEROUS,
            closable=orders.closable(stored_account_page.account),
            choices=closing.choices(stored_account_page.account),
            waiting=[each for each in stored_account_page.account.overrides if each.state == "awaiting_approval"],
            outcomes=orders.FINAL,
            channels=[*Channel],
            proposed=reading().field(start + PROPOSED),
            now=now,
            is_record=_is_record,
            done=_title(done) if done else None,
            **more,
        )

    def _refused(self, name: str, fields: dict[str, str], error: KulanzError) -> Response:
        if error.retryable or error.status == 404:  # noqa: PLR2004
            raise error
        return make_response(self._page(name, refused=error.said, filled=fields), error.status)

    def _previewed(self, name: str, fields: dict[str, str], note: Message | None = None) -> str:
        sequence = account_page.account_page(self._services, name).sequence
        decision = execute.command(
            self._services, name, orders.command(fields), g.user.name, signed_in=True, dry_run=True
        )
        with self._services.database.read() as conn:
            deadline = account_list.lines(conn, [decision.account.id])[decision.account.id].deadline
        return render_template(
            "ops/preview.html",
            name=decision.account.id,
            title=_title(fields["order"]),
            fields=fields,
            preview=previews.preview(decision, deadline, reading().reader),
            seen=sequence,
            nonce=secrets.token_urlsafe(16),
            note=note,
            dangerous=fields["order"] in orders.DANGEROUS,
        )


def _title(order: str) -> Message:
    return orders.OFFERS[order].title if order in orders.OFFERS else orders.COMMAND_TITLES[order]


def _is_record(step: Step) -> bool:
    """Return whether a step only records the words of mails that arrived: their sending is a step before it."""
    return all(
        change["rule"] == "notice.recorded" and change["detail"]["outcome"] == "done" for change in step.changes
    ) and bool(step.changes)
