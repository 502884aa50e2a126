"""`/v1`: accounts to read and commands to give, for programs that hold a token (CONTRACT section 3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from hashlib import sha256

import msgspec
from flask import Blueprint, Response, g, request

from kulanz.commands import refund_requests, versions
from kulanz.commands.by_hand import DoneByHand
from kulanz.commands.commands import Command
from kulanz.commands.links import Link
from kulanz.commands.todos import Acknowledge, Assign
from kulanz.config import ApiToken
from kulanz.documents.shape import Document
from kulanz.errors import NotFoundError
from kulanz.formats.wording import file_name
from kulanz.queries import accounts, collections, refunds
from kulanz.queries.views import Page
from kulanz.services import Services
from kulanz.telemetry import metrics
from kulanz.web import languages
from kulanz.web.api import cursors, form_fields, forms, openapi, query_parameters, results
from kulanz.web.api.idempotency import StoreResponse, forgotten, once
from kulanz.web.api.operations import ID, OPERATIONS, Operation, questions
from kulanz.web.api.operations.shape import SILENT, Answers, Orders
from kulanz.web.api.tokens import authenticate
from kulanz.web.bodies import read_body
from kulanz.web.problems import BadRequestError

MAX_BODY = 64 * 1024
PERSONAL = frozenset(operation.name for operation in OPERATIONS if operation.personal)
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


def blueprint(services: Services, tokens: Sequence[ApiToken]) -> Blueprint:
    """Return the API of one installation, open to the bearers of `tokens`."""
    blueprint = Blueprint("api", __name__, url_prefix="/v1")
    api = Api(services)
    for operation in OPERATIONS:
        rule = operation.path.replace("{", "<").replace("}", ">")
        blueprint.add_url_rule(rule, operation.name, api.view(operation), methods=[operation.method])

    @blueprint.before_request
    def admit() -> None:
        personal = (request.endpoint or "").rpartition(".")[2] in PERSONAL
        g.actor = authenticate(request.headers.get("Authorization"), request.method, tokens, personal=personal)

    blueprint.after_request(_counted)
    return blueprint


class Api:
    """The views: one for all questions, one for all orders, and those that are like no other."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def view(self, operation: Operation) -> Callable[..., Response]:
        """Return the view function of an operation."""
        if operation.answers is not None:
            return partial(self._answered, operation, operation.answers)
        if operation.orders is not None:
            return partial(self._given, operation, operation.orders)
        own: Callable[..., Response] = getattr(self, operation.name)
        return own

    def description(self) -> Response:
        """Answer the description of the API."""
        return _json(openapi.document())

    def entitlement(self, account_id: str) -> Response:
        """Answer with the entitlement, or 304 if the caller has it already."""
        wanted = _languages(questions.entitlement)
        response = _by_language(accounts.entitlement(self._services, _known_form(account_id), wanted))
        response.headers["Cache-Control"] = "private, no-cache"
        response.set_etag(sha256(response.get_data()).hexdigest()[:32])
        response.make_conditional(request)
        return response

    def explanation(self, account_id: str) -> Response:
        """Explain the account's state, in the reader's language."""
        wanted = _languages(questions.explanation)
        account, steps = _known_form(account_id), accounts.LAST_STEPS
        return _by_language(accounts.explanation(self._services, account, steps=steps, languages=wanted))

    def evidence(self, account_id: str) -> Response:
        """Answer the account's evidence as a file to keep."""
        _nothing_asked()
        from kulanz.queries import evidence  # noqa: PLC0415 - it loads templates that no other view needs

        account = _known_form(account_id)
        response = Response(evidence.of_account(self._services, account), content_type="text/html; charset=utf-8")
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Security-Policy"] = "sandbox"
        response.headers["Content-Disposition"] = f'attachment; filename="{file_name(account)}"'
        return response

    def agree_terms(self, account_id: str) -> Response:
        """Put an account under a policy of its own, or end that; a policy may be named that is kept here."""
        silent = _is_silent()
        form = form_fields.read(_body(), forms.TermsForm)
        document = form.document if form.policy is None else self._policy(form.policy)
        return self._ordered(_known_form(account_id), form.command(document), silent=silent, status=201)

    def request_refund(self) -> Response:
        """Request a refund: 201 for a new request, 200 for an open one, amended or repeated."""
        _nothing_asked()
        form, actor, new = form_fields.read(_body(), forms.RefundForm), g.actor, []

        def act(keep: StoreResponse) -> Document:
            document, made = refund_requests.request(self._services, form.account, form.command(), actor, keep=keep)
            new.append(made)
            return document

        document, repeated = self._once(actor, act)
        return _json(document, 201 if not repeated and new[0] else 200)

    def link_account(self, account_id: str) -> Response:
        """Link an account's purchases to another account; a dry run is answered with 200."""
        _nothing_asked()
        form, account, actor = form_fields.read(_body(), forms.LinkForm), _known_form(account_id), g.actor
        wanted = Link(source=account, target=form.to, reason=form.reason, undo=form.undo)
        document, repeated = self._once(
            actor, lambda keep: results.link(self._services, wanted, actor, keep, dry_run=form.dry_run)
        )
        return _json(document, 200 if repeated or form.dry_run else 201)

    def acknowledge_todo(self, todo_id: str) -> Response:
        """Mark an item as seen."""
        form_fields.read(_body(), form_fields.Nothing)
        return self._noted(Acknowledge(todo=_known_form(todo_id)))

    def assign_todo(self, todo_id: str) -> Response:
        """Assign an item."""
        form = form_fields.read(_body(), forms.Assignment)
        return self._noted(Assign(todo=_known_form(todo_id), to=form.to))

    def record_done(self, effect_id: str) -> Response:
        """Record that a person made a call to the provider."""
        _nothing_asked()
        form, actor = form_fields.read(_body(), forms.Reason), g.actor
        word = DoneByHand(effect=_known_form(effect_id), reason=form.reason)
        return _json(self._once(actor, lambda keep: results.done_by_hand(self._services, word, actor, keep))[0])

    def _policy(self, name: str) -> str:
        with self._services.database.read() as conn:
            return versions.text_of(conn, name)

    def _noted(self, word: Acknowledge | Assign) -> Response:
        _nothing_asked()
        actor = g.actor
        return _json(self._once(actor, lambda keep: results.note_todo(self._services, word, actor, keep))[0])

    def _answered(self, operation: Operation, answers: Answers, **ids: str) -> Response:
        params = query_parameters.read(request.args, operation.query, lists=operation.lists)
        stored_page = answers(self._services, "".join(map(_known_form, ids.values())), params)
        return _page(operation.lists or "", stored_page) if isinstance(stored_page, Page) else _json(stored_page)

    def _given(self, operation: Operation, orders: Orders, **ids: str) -> Response:
        silent = _is_silent()
        subject = next((ident for name, ident in ids.items() if name != "account_id"), "")
        command = orders(_body(), subject)
        account = self._account_of({name: _known_form(ident) for name, ident in ids.items()})
        before = accounts.account_document(self._services, account) if operation.repeats else None
        shown = getattr(before, operation.repeats or "", ())
        return self._ordered(account, command, silent=silent, status=operation.status, existing=shown)

    def _account_of(self, ids: Mapping[str, str]) -> str:
        match ids:
            case {"account_id": account}:
                return account
            case {"dispute_id": dispute}:
                return accounts.account_of_dispute(self._services, dispute)
            case {"collection_id": collection}:
                return collections.account_of_collection(self._services, collection)
        return refunds.account_of_request(self._services, ids["request_id"])

    def _ordered(
        self, account: str, command: Command, *, silent: bool, status: int, existing: Collection[Document] = ()
    ) -> Response:
        """Carry a command out, once for each Idempotency-Key; what was `known` before is not made again."""
        services, actor = self._services, g.actor
        document, repeated = self._once(
            actor, lambda keep: results.order(services, account, command, actor, keep, silent=silent)
        )
        return _json(document, 200 if repeated or document in existing else status)

    def _once(self, actor: str, act: Callable[[StoreResponse], Document]) -> tuple[Document | msgspec.Raw, bool]:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return act(forgotten), False
        if not IDEMPOTENCY_KEY.fullmatch(key):
            raise BadRequestError("`Idempotency-Key` has 1 to 255 visible ASCII characters.")
        path = request.full_path.removesuffix("?")
        requested = sha256(b"\0".join((request.method.encode(), path.encode(), _body()))).digest()
        return once(self._services, actor=actor, key=key, request=requested, act=act)


def _known_form(identifier: str) -> str:
    """Return an id that could be one; any other is not found, as no account or dispute has it."""
    if not ID.fullmatch(identifier):
        raise NotFoundError("There is nothing under such an id.")
    return identifier


def _is_silent() -> bool:
    """Return whether a command withholds the mails that it may."""
    return bool(query_parameters.read(request.args, SILENT)["silent"])


def _nothing_asked() -> None:
    """Refuse a query where none is understood."""
    query_parameters.read(request.args, ())


def _body() -> bytes:
    if "body" not in g:
        g.body = read_body(request.stream, MAX_BODY, request.content_length)
    body: bytes = g.body
    return body


def _page(name: str, page: Page[Document]) -> Response:
    cursor = None if page.after is None else cursors.encode(name, page.after)
    return _json({name: page.items, "next_cursor": cursor})


def _languages(operation: Operation) -> tuple[str, ...]:
    """Return the languages that are asked for: by the parameter, else by the header."""
    locale = query_parameters.read(request.args, operation.query)["locale"]
    return languages.accepted() if locale is None else (locale,)


def _by_language(document: Document) -> Response:
    response = _json(document)
    response.headers["Vary"] = "Authorization, Accept-Language"
    return response


def _json(document: object, status: int = 200) -> Response:
    response = Response(msgspec.json.encode(document), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _counted(response: Response) -> Response:
    metrics.REQUESTS.labels(request.method, str(response.status_code)).inc()
    return response
