"""`/v1/openapi.json` is a valid OpenAPI 3.1 document, by the validator of the specification."""

from __future__ import annotations

import msgspec
import pytest
from openapi_spec_validator import validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from kulanz.web.api import openapi


def test_the_description_of_calls_and_callbacks_is_valid() -> None:
    validate(msgspec.json.decode(msgspec.json.encode(openapi.document())))


def test_a_callback_without_answers_is_found() -> None:
    document = msgspec.json.decode(msgspec.json.encode(openapi.document()))
    document["webhooks"]["ops.alert"]["post"]["responses"] = 7

    with pytest.raises(OpenAPIValidationError):
        validate(document)
