"""Assembles the console: the pages under `/ops`, their style sheet, and an error page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from kulanz.errors import KulanzError, NotFoundError
from kulanz.formats.messages import Message, message
from kulanz.services import Services
from kulanz.store.inbox.events import event_id
from kulanz.web.console import formatting
from kulanz.web.console.access import AccessControl
from kulanz.web.console.account_list import AccountListPages
from kulanz.web.console.accounts import AccountPages
from kulanz.web.console.bulk_retries import BulkRetryPages
from kulanz.web.console.disputes import DisputePages
from kulanz.web.console.effects import EffectPages
from kulanz.web.console.events import EventPages
from kulanz.web.console.links import LinkPages
from kulanz.web.console.login import LoginPages
from kulanz.web.console.mails import MailPages
from kulanz.web.console.overview import OverviewPage
from kulanz.web.console.policy_trials import PolicyTrialPages
from kulanz.web.console.preferences import PreferencesPage
from kulanz.web.console.queues import QueuePages
from kulanz.web.console.reading import reading
from kulanz.web.console.records import RecordPages
from kulanz.web.console.recovery import RecoveryPages
from kulanz.web.console.refunds import RefundPages
from kulanz.web.console.sessions import ConsoleSessions
from kulanz.web.console.todo import TodoPages
from kulanz.web.problems import BadRequestError

HERE = Path(__file__).parent
A_YEAR = 31_536_000
SECTIONS = (
    ("overview", message("Overview")),
    ("todo", message("To do")),
    ("recovery", message("Recovery")),
    ("accounts", message("Accounts")),
    ("events", message("Events")),
    ("effects", message("Outgoing actions")),
    ("mails", message("Mails")),
    ("disputes", message("Disputes")),
    ("refunds", message("Refunds")),
    ("policies", message("Policies")),
    ("queues", message("Queues")),
    ("log", message("Log")),
)

_AWAY = message("This cannot be answered at the moment; try again shortly.")
_OF_HTTP: Mapping[int | None, Message] = {
    404: message("There is no such page."),
    405: message("This page cannot be asked so."),
    413: message("The form is too large."),
}


def register(app: Flask, services: Services) -> None:
    """Add the console to the application; the bare address leads to it."""
    app.register_blueprint(_assets())
    app.register_blueprint(_pages(services))
    app.add_url_rule("/", "root", lambda: redirect(url_for("ops.overview"), code=303))


def _assets() -> Blueprint:
    """Return the files that the login page needs too, outside of `/ops`, where nothing is open."""
    assets = Blueprint("ops_assets", __name__, static_folder="static", static_url_path="/assets")

    @assets.after_request
    def keep(response: Response) -> Response:
        response.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
        return response

    return assets


def _pages(services: Services) -> Blueprint:
    pages = Blueprint("ops", __name__, url_prefix="/ops", template_folder="templates")
    sessions = ConsoleSessions(services)
    guard = AccessControl(services.settings, sessions)
    pages.before_request(guard.admit)
    pages.after_request(guard.send_off)
    parts = (
        LoginPages(services, sessions),
        OverviewPage(services),
        TodoPages(services),
        RecoveryPages(services),
        AccountListPages(services),
        AccountPages(services),
        LinkPages(services),
        BulkRetryPages(services),
        EventPages(services),
        EffectPages(services),
        MailPages(services),
        RefundPages(services),
        DisputePages(services),
        RecordPages(services),
        PolicyTrialPages(services),
        QueuePages(services, sessions),
        PreferencesPage(),
    )
    for part in parts:
        part.register(pages)
    pages.add_url_rule("/<path:rest>", "nothing", _nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    pages.register_error_handler(KulanzError, _refused)
    pages.register_error_handler(HTTPException, _of_http)
    pages.context_processor(lambda: _context(services, sessions))
    return pages


def _context(services: Services, sessions: ConsoleSessions) -> dict[str, Any]:
    session, reader = g.get("session"), reading()
    return {
        "token": sessions.token(session) if session else "",
        "user": g.get("user"),
        "sections": SECTIONS,
        "section": _section(),
        "style": url_for("ops_assets.static", filename="ops.css", v=_version()),
        "icon": url_for("ops_assets.static", filename="icon.svg", v=_version()),
        "test_clock": services.settings.test_clock,
        "language": reader.language,
        "zone": reader.zone,
        "_": reader.text,
        "counted": reader.counted,
        "said": reader.said,
        "sentence": reader.sentence,
        "error": reader.error,
        "words": reader.word,
        "grouped": reader.grouped,
        "percent": reader.percent,
        "money": reader.money,
        "instant": reader.instant,
        "ago": reader.ago,
        "kind_of": formatting.kind,
        "tone": formatting.tone,
        "figure_name": formatting.figure_name,
        "event_id": event_id,
    }


def _section() -> str:
    first = request.path.removeprefix("/ops").strip("/").partition("/")[0]
    return first or "overview"


def _nothing(rest: str) -> Response:
    raise NotFoundError(message("There is no page {path}.", path=f"/ops/{rest[:80]}"))


def _refused(error: KulanzError) -> Response:
    return _page(error.status, error.title, _AWAY if error.retryable else error.said)


def _of_http(error: HTTPException) -> Response:
    title = NotFoundError.title if error.code == NotFoundError.status else BadRequestError.title
    return _page(error.code or 500, title, _OF_HTTP.get(error.code, error.description))


def _page(status: int, title: str, detail: object) -> Response:
    return make_response(render_template("ops/refused.html", status=status, title=title, detail=detail), status)


@cache
def _version() -> str:
    """Return a hash of the style sheet, so that browsers may cache it for ever."""
    return sha256((HERE / "static" / "ops.css").read_bytes()).hexdigest()[:12]
