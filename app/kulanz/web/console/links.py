"""Links of accounts at the console: first a preview of the move, then the link or its end."""

from __future__ import annotations

import secrets
from hashlib import sha256

import msgspec
from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from kulanz.commands import links
from kulanz.commands.links import Link, Linked
from kulanz.errors import RefusedError
from kulanz.formats.messages import Message, message
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import idempotency
from kulanz.store.database import Connection
from kulanz.web.api.form_fields import read
from kulanz.web.api.forms import LinkForm
from kulanz.web.console.orders import LINK, UNDO_LINK
from kulanz.web.problems import BadRequestError


class LinkPages:
    """The two steps of a link."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/accounts/<name>/link", "link_preview", self.preview, methods=["POST"])
        blueprint.add_url_rule("/accounts/<name>/links", "link", self.link, methods=["POST"])

    def preview(self, name: str) -> Response:
        """Show the objects to be moved; nothing is done."""
        return self._previewed(_wanted(name))

    def link(self, name: str) -> Response:
        """Make a previewed link once, unless other objects would move by now."""
        wanted, nonce = _wanted(name), request.form.get("nonce", "")
        if not nonce:
            raise BadRequestError(message("Look at what would follow first."))
        if _digest(self._tried(wanted)) != request.form.get("seen"):
            note = message("The accounts have changed since you looked: this is what would move now.")
            return self._previewed(wanted, note, 409)
        actor, request_digest = g.user.name, sha256(repr(wanted).encode()).digest()

        def once(tx: Connection, _: object) -> None:
            if idempotency.begin(tx, f"ops:{actor}", nonce[:64], request_digest, real_now()) is not None:
                raise RefusedError(message("This was done already: the form was sent twice."))
            idempotency.finish(tx, f"ops:{actor}", nonce[:64], idempotency.StoredResponse(status=200, document=b""))

        links.link(self._services, [wanted], actor, then=once)
        done = UNDO_LINK if wanted.undo else LINK
        return make_response(redirect(url_for("ops.account", name=wanted.target, done=done), code=303))

    def _tried(self, wanted: Link) -> Linked:
        return links.link(self._services, [wanted], g.user.name, dry_run=True)[0]

    def _previewed(self, wanted: Link, note: Message | None = None, status: int = 200) -> Response:
        linked = self._tried(wanted)
        page = render_template(
            "ops/link.html",
            link=wanted,
            linked=linked,
            fields={"to": wanted.target, "reason": wanted.reason, **({"undo": "yes"} if wanted.undo else {})},
            seen=_digest(linked),
            nonce=secrets.token_urlsafe(16),
            note=note,
        )
        return make_response(page, status)


def _wanted(name: str) -> Link:
    undo = request.form.get("undo") == "yes"
    form = {field: request.form.get(field, "").strip() for field in ("to", "reason")}
    checked = read(msgspec.json.encode(form), LinkForm)
    return Link(source=name, target=checked.to, reason=checked.reason, undo=undo)


def _digest(linked: Linked) -> str:
    return sha256(repr((linked.objects, sorted(linked.plans.items()))).encode()).hexdigest()
