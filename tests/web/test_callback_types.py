"""`/v1/openapi.json` describes every callback, from the types that decide what is in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from kulanz.policy.consequences.callbacks import CALLBACKS
from kulanz.policy.effects import Notify
from kulanz.policy.facts import OverrideKind
from kulanz.web.api import openapi
from tests.callbacks import misfits
from tests.policy.stories import DAY, MONDAY, Stage, a_paying_account, an_override, in_grace

DOCUMENT = openapi.document()
DOCS = Path(__file__).parents[2] / "docs"
WORD = r"`([a-z]+\.[a-z_]+)`"


def posted(account: Stage) -> list[dict[str, Any]]:
    """The callbacks of an account, as they are posted."""
    return [
        {"type": effect.type, "timestamp": "2026-03-02T14:08:20Z", "data": {"account_id": "org_42", **effect.data}}
        for _, effect in account.done
        if isinstance(effect, Notify)
    ]


def test_the_description_has_the_types_that_the_contract_lists() -> None:
    section = (DOCS / "contract.md").read_text().partition("## 4. ")[2].partition("\n## ")[0]
    (listed,) = re.findall(r"Types: (.*?)\.\s[A-Z]", section, flags=re.DOTALL)

    assert set(re.findall(WORD, listed)) == set(DOCUMENT["webhooks"])


def test_every_schema_of_a_callback_is_a_good_one() -> None:
    for kind, item in DOCUMENT["webhooks"].items():
        schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
        Draft202012Validator.check_schema({**schema, "components": DOCUMENT["components"]})
        assert schema["properties"]["type"] == {"const": kind}


def test_what_a_failed_renewal_sends_is_what_the_description_says() -> None:
    account = in_grace()
    account.wait(MONDAY + 8 * DAY)

    callbacks = posted(account)

    assert [callback["type"] for callback in callbacks] == [
        "account.entitlement_changed",
        "account.grace_started",
        "account.grace_reminder",
        "account.grace_reminder",
        "account.grace_warning",
        "account.downgraded",
    ]
    assert [flaw for callback in callbacks for flaw in misfits(callback)] == []


def test_a_callback_with_an_unknown_field_or_a_wrong_value_does_not_fit() -> None:
    callback = posted(in_grace())[1]

    for name, value in {"failures": "1", "standing": "fine", "surprise": 1, "case": None}.items():
        assert misfits({**callback, "data": {**callback["data"], name: value}})


def test_the_words_of_an_operator_do_not_take_the_place_of_the_rule() -> None:
    account = a_paying_account()

    account.hear(an_override(OverrideKind.SUSPEND, account.now, account.now + 30 * DAY))

    callback = posted(account)[-1]
    assert callback["type"] == "account.suspended"
    assert callback["data"]["reason"] == {"rule": "override.suspend", "clause": None}
    assert callback["data"]["stated_reason"] == "goodwill"


def test_the_types_of_the_javascript_client_are_those_of_the_description() -> None:
    declared = (DOCS.parent / "clients" / "js" / "src" / "index.d.ts").read_text()
    (union,) = re.findall(r"export type CallbackType =(.*?);", declared, flags=re.DOTALL)

    assert set(re.findall(r'"([^"]+)"', union)) == set(CALLBACKS)
