"""`/v1/openapi.json`, made from the table of operations and the types of forms, documents and callbacks."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from inspect import getdoc
from typing import Any

import msgspec

from kulanz.documents import Problem
from kulanz.policy.consequences.callbacks import CALLBACKS
from kulanz.web.api.operations import BY_TAG, ID, OPERATIONS, Operation
from kulanz.web.api.query_parameters import PARAMETERS

REFERENCE = "#/components/schemas/{name}"
REFUSALS = {
    400: "The request cannot be understood.",
    401: "The token is missing or unknown.",
    403: "This token may not do that, or the API is closed.",
    404: "There is no such thing.",
    409: "As things stand this cannot be done.",
    413: "The body is too large.",
    422: "The body is no such form, or what it says cannot be.",
    503: "Not at the moment; `Retry-After` says when.",
}
CALLBACK_HEADERS = {
    "webhook-id": "The same on every attempt.",
    "webhook-timestamp": "Seconds since 1970.",
    "webhook-signature": "Standard Webhooks: `v1,` and the base64 HMAC-SHA256 of id, timestamp and body.",
}
PATH_PARAMETER = {"type": "string", "pattern": f"^{ID.pattern}$"}


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document, ready for JSON."""
    types = [
        kind
        for other_operation in OPERATIONS
        for kind in (other_operation.form, other_operation.answer)
        if kind is not None
    ]
    _, schemas = msgspec.json.schema_components([*types, Problem, *CALLBACKS.values()], ref_template=REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for tag, operations in BY_TAG.items():
        for operation in operations:
            described = {"tags": [tag], **_described(operation)}
            paths.setdefault(f"/v1{operation.path}", {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kulanz", "version": "1"},
        "tags": [{"name": tag} for tag in BY_TAG],
        "security": [{"token": []}],
        "paths": paths,
        "webhooks": {kind: {"post": _callback(kind, data)} for kind, data in CALLBACKS.items()},
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation.path), *map(_query_parameter, operation.query)],
        "responses": _responses(operation),
    }
    if operation.form is not None:
        required = not operation.form.may_be_empty
        described["requestBody"] = {"required": required, "content": _content(operation.form)}
        described["parameters"].append(
            _header("Idempotency-Key", "A repeat within 7 days is answered, not done again.")
        )
    if operation.name == "entitlement":
        described["parameters"].append(_header("If-None-Match", "The ETag that the caller has."))
    if "locale" in operation.query:
        described["parameters"].append(_header("Accept-Language", "The first of these that has words is used."))
    return described


def _callback(kind: str, data: type[msgspec.Struct]) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": kind},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"$ref": REFERENCE.format(name=data.__name__)},
        },
    }
    return {
        "operationId": kind,
        "summary": getdoc(data),
        "security": [],
        "parameters": [{**_header(name, text), "required": True} for name, text in CALLBACK_HEADERS.items()],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"2XX": {"description": "Received."}, "default": {"description": "Sent again later."}},
    }


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": PATH_PARAMETER} for name in names]


def _query_parameter(name: str) -> dict[str, Any]:
    parameter = PARAMETERS[name]
    return {"name": name, "in": "query", "required": parameter.required, "schema": parameter.schema}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


def _responses(operation: Operation) -> dict[str, Any]:
    good = {"description": "Done.", "content": _content(operation.answer, operation.media)}
    answers: dict[str, Any] = {str(operation.status): good}
    if operation.form is not None:
        answers.setdefault("200", {**good, "description": "Done before: the same answer again."})
    if operation.name == "entitlement":
        answers[str(HTTPStatus.NOT_MODIFIED.value)] = {"description": "Unchanged."}
    refusals = {str(status): _refusal(REFUSALS[status]) for status in sorted(_refusals(operation))}
    return {**answers, **refusals, "default": _refusal("Refused.")}


def _refusals(operation: Operation) -> set[int]:
    """Return the statuses with which an operation may be refused."""
    matches = {400, 401, 403, 503, *operation.refusals}
    if "{" in operation.path:
        matches |= {404}
    if operation.method != "GET":
        matches |= {409, 413, 422}
    return matches


def _refusal(description: str) -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(name=Problem.__name__)}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


def _content(kind: type | None, media: str = "application/json") -> dict[str, Any]:
    if media != "application/json":
        return {media: {"schema": {"type": "string"}}}
    schema = {"type": "object"} if kind is None else {"$ref": REFERENCE.format(name=kind.__name__)}
    return {media: {"schema": schema}}
