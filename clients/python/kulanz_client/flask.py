"""Flask integration: views that require a plan, and the view that takes callbacks."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Flask, Response, abort, current_app, make_response, request
from flask.typing import ResponseReturnValue

from kulanz_client.callbacks import Callback
from kulanz_client.client import Client, OnFailure
from kulanz_client.entitlement import Entitlement
from kulanz_client.errors import CallbackError, UnavailableError

log = logging.getLogger("kulanz_client")
LARGEST_CALLBACK = 1024 * 1024
P = ParamSpec("P")
Handler = TypeVar("Handler", bound=Callable[[Callback], object])
Denied = Callable[[Entitlement, str], ResponseReturnValue]


class Kulanz:
    """Link between a Flask application and a client.

    `account` returns the account id of the current request, or None without a login. `denied` answers a
    request whose plan is not enough (default: 403).
    """

    def __init__(self, client: Client, *, account: Callable[[], str | None], denied: Denied | None = None) -> None:
        self.client = client
        self._account = account
        self._denied = denied or _forbidden
        self._handlers: defaultdict[str, list[Callable[[Callback], object]]] = defaultdict(list)

    def init_app(self, app: Flask, path: str = "/kulanz") -> None:
        """Take callbacks at a path: CALLBACK_URL is the application's address with it."""
        app.add_url_rule(path, "kulanz_callback", self.callback_view, methods=["POST"])

    def entitlement(self, *, on_failure: OnFailure = OnFailure.LAST_KNOWN) -> Entitlement:
        """Return the current request's entitlement; abort with 401 without an account, 503 where nothing is known."""
        account_id = self._account()
        if account_id is None:
            abort(401)
        try:
            return self.client.entitlement(account_id, on_failure=on_failure)
        except UnavailableError as error:
            answer = make_response("This cannot be checked at the moment. Please try again shortly.\n", 503)
            answer.headers["Retry-After"] = str(max(round(error.retry_after), 1))
            abort(answer)

    def requires_plan(
        self, plan: str, *, on_failure: OnFailure = OnFailure.LAST_KNOWN
    ) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
        """Let a view be called only for accounts with this plan or a higher one. Goes below `@app.get(…)`."""
        self.client.check_plan(plan)

        def decorate(view: Callable[P, Any]) -> Callable[P, Any]:
            @wraps(view)
            def checked(*args: P.args, **kwargs: P.kwargs) -> Any:
                entitlement = self.entitlement(on_failure=on_failure)
                if not self.client.covers(entitlement, plan):
                    return self._denied(entitlement, plan)
                return current_app.ensure_sync(view)(*args, **kwargs)

            return checked

        return decorate

    def on(self, kind: str) -> Callable[[Handler], Handler]:
        """Call a function for each callback of a type, such as `account.suspended`; an error makes Kulanz try again."""

        def register(handler: Handler) -> Handler:
            self._handlers[kind].append(handler)
            return handler

        return register

    def callback_view(self) -> Response:
        """Verify a callback and call the function registered for its type. Exempt it from CSRF protection."""
        request.max_content_length = LARGEST_CALLBACK
        try:
            callback = self.client.receive(request.get_data(cache=False), dict(request.headers))
        except CallbackError as error:
            log.warning("%s", error)
            return Response("The callback is not accepted.\n", 401)
        for handler in self._handlers[callback.type]:
            handler(callback)
        return Response(status=204)


def _forbidden(_: Entitlement, plan: str) -> ResponseReturnValue:
    abort(403, f"This needs the plan {plan}.")
