"""`/v1`: accounts to read and commands to give, for programs that hold a token (CONTRACT section 3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from hashlib import sha256

import msgspec
from flask import Blueprint, Response, g, request

from kulanz.commands.commands import Command
from kulanz.commands.links import Link
from kulanz.commands.todos import Acknowledge, Assign
from kulanz.config import ApiToken
from kulanz.errors import NotFoundError
from kulanz.formats.wording import file_name
from kulanz.queries.views import JsonDocument, Page
from kulanz.telemetry import metrics
from kulanz.web import languages
from kulanz.web.api import cursors, form_fields, forms, openapi, query_parameters
from kulanz.web.api.operations import ID, OPERATIONS, Operation, questions
from kulanz.web.api.operations.shape import Answers, Orders
from kulanz.web.api.service import Service, StoreResponse, forgotten
from kulanz.web.api.tokens import authenticate
from kulanz.web.bodies import read_body
from kulanz.web.problems import BadRequestError

MAX_BODY = 64 * 1024
PERSONAL = frozenset(operation.name for operation in OPERATIONS if operation.personal)
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


def blueprint(service: Service, tokens: Sequence[ApiToken]) -> Blueprint:
    """Return the API of one desk, open to the bearers of `tokens`."""
    blueprint = Blueprint("api", __name__, url_prefix="/v1")
    api = Api(service)
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

    def __init__(self, service: Service) -> None:
        self._service = service

    def view(self, operation: Operation) -> Callable[..., Response]:
        """Return what serves an operation."""
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
        """Answer what the account may use, or that it is what the caller has already."""
        wanted = _languages(questions.entitlement)
        response = _by_language(self._service.entitlement(_known_form(account_id), wanted))
        response.headers["Cache-Control"] = "private, no-cache"
        response.set_etag(sha256(response.get_data()).hexdigest()[:32])
        response.make_conditional(request)
        return response

    def explanation(self, account_id: str) -> Response:
        """Answer why the account stands as it does, in the reader's language."""
        wanted = _languages(questions.explanation)
        return _by_language(self._service.explanation(_known_form(account_id), wanted))

    def evidence(self, account_id: str) -> Response:
        """Answer the account's evidence as a file to keep."""
        _nothing_asked()
        account = _known_form(account_id)
        response = Response(self._service.evidence(account), content_type="text/html; charset=utf-8")
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Security-Policy"] = "sandbox"
        response.headers["Content-Disposition"] = f'attachment; filename="{file_name(account)}"'
        return response

    def agree_terms(self, account_id: str) -> Response:
        """Put an account under a policy of its own, or end that; a policy may be named that is kept here."""
        _nothing_asked()
        form = form_fields.read(_body(), forms.TermsForm)
        document = form.document if form.policy is None else self._service.policy(form.policy)
        return self._ordered(_known_form(account_id), form.command(document), status=201)

    def request_refund(self) -> Response:
        """Ask for a refund: 201 for a new request, 200 for an open one that is amended or asked for again."""
        _nothing_asked()
        form, actor, new = form_fields.read(_body(), forms.RefundForm), g.actor, []

        def act(keep: StoreResponse) -> JsonDocument:
            document, made = self._service.request_refund(form.account, form.command(), actor, keep)
            new.append(made)
            return document

        document, repeated = self._once(actor, act)
        return _json(document, 201 if not repeated and new[0] else 200)

    def link_account(self, account_id: str) -> Response:
        """Let what belongs to an account belong to another; a dry run is answered with 200."""
        _nothing_asked()
        form, account, actor = form_fields.read(_body(), forms.LinkForm), _known_form(account_id), g.actor
        wanted = Link(source=account, target=form.to, reason=form.reason, undo=form.undo)
        document, repeated = self._once(
            actor, lambda keep: self._service.link(wanted, actor, keep, dry_run=form.dry_run)
        )
        return _json(document, 200 if repeated or form.dry_run else 201)

    def acknowledge_todo(self, todo_id: str) -> Response:
        """Note that a matter was seen."""
        form_fields.read(_body(), form_fields.Nothing)
        return self._noted(Acknowledge(todo=_known_form(todo_id)))

    def assign_todo(self, todo_id: str) -> Response:
        """Note who takes care of a matter."""
        form = form_fields.read(_body(), forms.Assignment)
        return self._noted(Assign(todo=_known_form(todo_id), to=form.to))

    def _noted(self, word: Acknowledge | Assign) -> Response:
        _nothing_asked()
        actor = g.actor
        return _json(self._once(actor, lambda keep: self._service.note_todo(word, actor, keep))[0])

    def _answered(self, operation: Operation, answers: Answers, **ids: str) -> Response:
        params = query_parameters.read(request.args, operation.query, lists=operation.lists)
        stored_page = answers(self._service, "".join(map(_known_form, ids.values())), params)
        return _page(operation.lists or "", stored_page) if isinstance(stored_page, Page) else _json(stored_page)

    def _given(self, operation: Operation, orders: Orders, **ids: str) -> Response:
        _nothing_asked()
        subject = next((ident for name, ident in ids.items() if name != "account_id"), "")
        command = orders(_body(), subject)
        account = self._account_of({name: _known_form(ident) for name, ident in ids.items()})
        shown = self._service.account(account)[operation.repeats] if operation.repeats else ()
        return self._ordered(account, command, status=operation.status, existing=shown)

    def _account_of(self, ids: Mapping[str, str]) -> str:
        match ids:
            case {"account_id": account}:
                return account
            case {"dispute_id": dispute}:
                return self._service.account_of_dispute(dispute)
            case {"collection_id": collection}:
                return self._service.account_of_collection(collection)
        return self._service.account_of_request(ids["request_id"])

    def _ordered(
        self, account: str, command: Command, *, status: int, existing: Collection[JsonDocument] = ()
    ) -> Response:
        """Carry a command out, once for each Idempotency-Key; what was `known` before is not made anew."""
        actor = g.actor
        document, repeated = self._once(actor, lambda keep: self._service.order(account, command, actor, keep))
        return _json(document, 200 if repeated or document in existing else status)

    def _once(self, actor: str, act: Callable[[StoreResponse], JsonDocument]) -> tuple[JsonDocument, bool]:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return act(forgotten), False
        if not IDEMPOTENCY_KEY.fullmatch(key):
            raise BadRequestError("`Idempotency-Key` has 1 to 255 visible ASCII characters.")
        requested = sha256(b"\0".join((request.method.encode(), request.path.encode(), _body()))).digest()
        return self._service.once(actor=actor, key=key, request=requested, act=act)


def _known_form(identifier: str) -> str:
    """Return an id that could be one; any other is not found, as no account or dispute has it."""
    if not ID.fullmatch(identifier):
        raise NotFoundError("There is nothing under such an id.")
    return identifier


def _nothing_asked() -> None:
    """Refuse a query where none is understood."""
    query_parameters.read(request.args, ())


def _body() -> bytes:
    if "body" not in g:
        g.body = read_body(request.stream, MAX_BODY, request.content_length)
    body: bytes = g.body
    return body


def _page(name: str, page: Page) -> Response:
    cursor = None if page.after is None else cursors.encode(name, page.after)
    return _json({name: page.items, "next_cursor": cursor})


def _languages(operation: Operation) -> tuple[str, ...]:
    """Return the languages that are asked for: by the parameter, else by the header."""
    locale = query_parameters.read(request.args, operation.query)["locale"]
    return languages.accepted() if locale is None else (locale,)


def _by_language(document: JsonDocument) -> Response:
    response = _json(document)
    response.headers["Vary"] = "Authorization, Accept-Language"
    return response


def _json(document: JsonDocument, status: int = 200) -> Response:
    response = Response(msgspec.json.encode(document), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _counted(response: Response) -> Response:
    metrics.REQUESTS.labels(request.method, str(response.status_code)).inc()
    return response
