"""Callbacks held against the types that `/v1/openapi.json` describes them by."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from jsonschema import Draft202012Validator

from kulanz.policy.consequences.callbacks import CALLBACKS, OPEN
from kulanz.web.api import openapi


def misfits(document: Mapping[str, Any]) -> list[str]:
    """What the description does not allow in a callback as it was posted, or does not name."""
    kind = document["type"]
    faults = [f"{kind}: {error.json_path} {error.message}" for error in _validator(kind).iter_errors(document)]
    return [*faults, *(f"{kind}: {name} is not described" for name in undescribed(kind, document["data"]))]


def undescribed(kind: str, data: Mapping[str, Any]) -> list[str]:
    """The fields that the type of a callback does not have."""
    return [] if kind in OPEN else sorted(set(data) - set(CALLBACKS[kind].__struct_fields__))


def is_described(kind: str, data: Mapping[str, Any]) -> bool:
    """Whether the type of a callback has all of its data; raises where a value is of another type."""
    msgspec.convert(data, CALLBACKS[kind])
    return not undescribed(kind, data)


@cache
def _validator(kind: str) -> Draft202012Validator:
    description = openapi.document()
    content = description["webhooks"][kind]["post"]["requestBody"]["content"]["application/json"]
    return Draft202012Validator({**content["schema"], "components": description["components"]})
