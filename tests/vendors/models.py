"""The vendors' own types as one shape, whatever they are made of: dataclasses, pydantic models or annotated classes."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import dodopayments.types as dodo_types
import polar.v2026_10.webhooks as polar_webhooks
import pydantic
import stripe as stripe_sdk
from paddle_billing.Notifications.Entities.Adjustment import Adjustment
from paddle_billing.Notifications.Entities.Customer import Customer
from paddle_billing.Notifications.Entities.Shared import CustomData
from paddle_billing.Notifications.Entities.Subscription import Subscription
from paddle_billing.Notifications.Entities.Transaction import Transaction
from paddle_billing.PaddleStrEnum import PaddleStrEnum

from tests.adapters.payload_source import Payload

Way = tuple[str | int, ...]
_PADDLE = {
    "subscription": Subscription,
    "transaction": Transaction,
    "adjustment": Adjustment,
    "customer": Customer,
}
_STRIPE = {
    "subscription": stripe_sdk.Subscription,
    "invoice": stripe_sdk.Invoice,
    "invoice_payment": stripe_sdk.InvoicePayment,
    "charge": stripe_sdk.Charge,
    "dispute": stripe_sdk.Dispute,
    "radar.early_fraud_warning": stripe_sdk.radar.EarlyFraudWarning,
}


class Member(NamedTuple):
    """One field of a model."""

    annotation: Any
    optional: bool
    """Whether it may be absent."""


def model_of(vendor: str, payload: Payload) -> tuple[Way, Any] | None:
    """Return where the object of an event stands, and the vendor's type of it; None where the vendor has none."""
    match vendor:
        case "polar":
            return (), _polar()[payload["type"]]
        case "dodo":
            return (), _dodo()[payload["type"]]
        case "stripe":
            return ("data", "object"), _STRIPE[payload["data"]["object"]["object"]]
        case "paddle":
            return ("data",), _PADDLE[payload["event_type"].partition(".")[0]]
    return None


@cache
def _polar() -> Mapping[str, type]:
    payloads = [kind for kind in vars(polar_webhooks).values() if getattr(kind, "__name__", "").endswith("Payload")]
    return {typing.get_args(typing.get_type_hints(kind)["type"])[0]: kind for kind in payloads}


@cache
def _dodo() -> Mapping[str, type]:
    """Return the types of Dodo's events: each is in the package twice."""
    events = [kind for name, kind in vars(dodo_types).items() if name.endswith("WebhookEvent")]
    events = [kind for kind in events if hasattr(kind, "model_fields") and "type" in kind.model_fields]
    return {typing.get_args(kind.model_fields["type"].annotation)[0]: kind for kind in events}


@cache
def members(model: Any) -> Mapping[str, Member]:
    """Return the fields of an object's type; none where it is not one."""
    if not isinstance(model, type) or model is CustomData:
        return {}
    if dataclasses.is_dataclass(model):
        hints = typing.get_type_hints(model)
        return {field.name: Member(hints[field.name], _has_default(field)) for field in dataclasses.fields(model)}
    if issubclass(model, pydantic.BaseModel):
        found = model.model_fields.items()
        return {name: Member(field.annotation, not field.is_required()) for name, field in found}
    if issubclass(model, stripe_sdk.StripeObject) and model is not stripe_sdk.StripeObject:
        annotations = {name: kind for base in reversed(model.__mro__) for name, kind in _own(base).items()}
        return {name: Member(kind, optional=False) for name, kind in annotations.items()}
    return {}


def _own(base: type) -> Mapping[str, Any]:
    if not issubclass(base, stripe_sdk.StripeObject) or base is stripe_sdk.StripeObject:
        return {}
    return inspect.get_annotations(base)


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def parts(annotation: Any) -> list[Any]:
    """Return the kinds that a value may be of."""
    origin = typing.get_origin(annotation)
    if hasattr(annotation, "__value__"):
        return parts(annotation.__value__)
    if origin is typing.Annotated:
        return parts(typing.get_args(annotation)[0])
    if origin in {typing.Union, types.UnionType}:
        return [part for option in typing.get_args(annotation) for part in parts(option)]
    return [annotation]


def complaints(value: object, annotation: Any, path: str = "", *, whole: bool) -> list[str]:
    """Return what a vendor's type finds wrong with a value; `whole`: also what is missing of it."""
    found = [list(_complaints(value, part, path, whole=whole)) for part in parts(annotation)]
    return min(found, key=len, default=[])


def _complaints(value: object, kind: Any, path: str, *, whole: bool) -> Iterator[str]:
    origin, options = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        if value not in options:
            yield f"{path}: {value!r} is none of {options}"
    elif known := members(kind):
        yield from _of_object(value, known, path, whole=whole)
    elif origin is list and isinstance(value, list):
        for number, item in enumerate(value):
            yield from complaints(item, options[0], f"{path}[{number}]", whole=whole)
    elif not _is_of(value, origin or kind):
        yield f"{path}: {value!r} is no {kind}"


def _of_object(value: object, known: Mapping[str, Member], path: str, *, whole: bool) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    yield from (f"{path}.{name}: the vendor has no such field" for name in value.keys() - known.keys())
    if whole:
        missing = (name for name, member in known.items() if not member.optional and name not in value)
        yield from (f"{path}.{name}: missing" for name in missing)
    for name in value.keys() & known.keys():
        yield from complaints(value[name], known[name].annotation, f"{path}.{name}", whole=whole)


def _is_of(value: object, kind: Any) -> bool:
    if kind is type(None):
        return value is None
    if kind in {int, float, str, bool, list, dict}:
        numbers = (int, float) if kind in {int, float} else kind
        return isinstance(value, numbers) and (kind is bool or not isinstance(value, bool))
    if isinstance(kind, type) and issubclass(kind, PaddleStrEnum | enum.Enum):
        listed = vars(kind).values() if issubclass(kind, PaddleStrEnum) else kind.__members__.values()
        return value in {str(getattr(word, "value", word)) for word in listed}
    return True  # Dates are texts on the wire, and what a type leaves open is open.
