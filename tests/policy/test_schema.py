"""The JSON Schema of a policy document takes what the reader takes, and refuses what it refuses."""

from __future__ import annotations

import json
import tomllib
from datetime import date, datetime
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from kulanz.errors import PolicyError
from kulanz.policy import document
from kulanz.policy.document.schema import schema
from tests.policy.cases.mutants import mutants

SCHEMA = schema()
CHECK = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
GRACE = 'name = "mine"\n[dunning]\ngrace = "7d"\n'


def takes(text: str) -> bool:
    """Whether the schema takes a document, whose instants an editor hands over as texts."""
    return CHECK.is_valid(json.loads(json.dumps(tomllib.loads(text), default=_written)))


def reads(text: str) -> bool:
    """Whether the reader takes it."""
    try:
        document.parse(text)
    except PolicyError:
        return False
    return True


def _written(value: Any) -> str:
    assert isinstance(value, datetime | date)
    return value.isoformat()


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("preset", document.presets())
def test_every_preset_begins_with_the_schema_beside_it_and_fits(preset: str) -> None:
    text = document.preset(preset)
    shipped = (resources.files("kulanz.policy") / "presets" / "policy.schema.json").read_text(encoding="utf-8")

    assert text.startswith("#:schema policy.schema.json\n")
    assert json.loads(shipped) == SCHEMA, "policy.schema.json is what `kulanz policy schema` prints"
    assert takes(text)


@pytest.mark.parametrize("preset", document.presets())
def test_every_change_of_a_preset_that_the_reader_takes_fits(preset: str) -> None:
    assert all(mutant.document is None or takes(mutant.document) for mutant in mutants(preset))


@pytest.mark.parametrize(
    "text",
    [
        "",
        'name = "mine"\n',
        'name = ""\n[dunning]\ngrace = "7d"\n',
        f"{GRACE}typo = 1\n",
        f"{GRACE}[typo]\n",
        GRACE.replace("7d", "7 days"),
        GRACE.replace("7d", ""),
        f'{GRACE}reminders = ["3d", 5]\n',
        f'{GRACE}warn_by = "pigeon"\n',
        f"{GRACE}max_warnings = -1\n",
        f"{GRACE}max_warnings = true\n",
        f'{GRACE}opens_on = ["renewals"]\n',
        f"{GRACE}grace_clause = 6\n",
        f'{GRACE}[[dunning.levels]]\ntext = "reminder"\n',
        f'{GRACE}[[dunning.levels]]\nafter = "7d"\ntext = "reminder"\nfee = {{ eur = 5 }}\n',
        f"{GRACE}[dunning.mass_action_limit]\nshare = 1.5\n",
        f"{GRACE}[prepaid]\nterms = [0]\n",
        f'{GRACE}[add_ons]\nkinds = ["Users"]\n',
        f"{GRACE}[add_ons]\nsteps = {{ storage = 0 }}\n",
        f'{GRACE}[add_ons]\nunits = {{ storage = "" }}\n',
        f'names = {{ users = {{ French = "x" }} }}\n{GRACE}',
        f"names = {{ users = {{}} }}\n{GRACE}",
        f'url = "http://shop.example"\n{GRACE}',
        f'effective_from = "tomorrow"\n{GRACE}',
        f'{GRACE}[refund]\nnever = [""]\n',
        f'{GRACE}[[refund.developers]]\nname = "Acme"\n',
        f'mails = "of"\n{GRACE}',
        f'mails = {{ recovery = "off" }}\n{GRACE}',
        f"mails = {{ recovered = false }}\n{GRACE}",
        f'{GRACE}provider_sends_failure_mail = ["lemon"]\n',
    ],
)
def test_what_the_reader_refuses_the_schema_refuses(text: str) -> None:
    assert not reads(text)
    assert not takes(text)


@pytest.mark.parametrize(
    "text",
    [
        GRACE,
        f"effective_from = 2026-03-01T09:00:00Z\n{GRACE}",
        f"effective_from = 2026-03-01\n{GRACE}",
        f'url = "https://shop.example/terms"\n{GRACE}',
        f'{GRACE}final_warning = "1d12h"\n',
        f'{GRACE}[[dunning.levels]]\nafter = "7d"\ntext = "reminder"\nfee = {{ EUR = 5 }}\n',
        f"{GRACE}[dunning.mass_action_limit]\nshare = 1\n",
        f"{GRACE}[dispute]\nreview_above = 0\n",
        f'mails = "off"\n{GRACE}warn_by = "callback"\n',
        f'mails = {{ recovered = "off" }}\n{GRACE}',
        f'{GRACE}provider_sends_failure_mail = ["lemonsqueezy", "standard"]\n',
        f'{GRACE}[[refund.developers]]\nproducts = ["crm"]\nname = "Acme"\ncontact = "x@acme.example"\n',
    ],
)
def test_what_the_reader_takes_the_schema_takes(text: str) -> None:
    assert reads(text)
    assert takes(text)
