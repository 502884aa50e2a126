"""`keys generate` and `keys hash`: what they print is what the settings take."""

from __future__ import annotations

from io import StringIO

import pytest
from dotenv import dotenv_values
from werkzeug.security import check_password_hash

from kulanz.config import load
from tests.cli.conftest import Kulanz


def test_generated_secrets_are_lines_that_the_settings_take(kulanz: Kulanz) -> None:
    printed = kulanz("keys", "generate").out
    again = kulanz("keys", "generate").out

    made = {name: text for name, text in dotenv_values(stream=StringIO(printed)).items() if text}
    settings = load({"KULANZ_DATA_DIR": str(kulanz.data_dir), **made})
    assert (len(settings.encryption_keys), len(settings.api_tokens), len(settings.ops_users)) == (1, 1, 1)
    assert not set(printed.split()) & set(again.split())


def test_one_secret_is_made_by_its_name(kulanz: Kulanz) -> None:
    made = kulanz("keys", "generate", "METRICS_TOKEN", "KULANZ_ACCOUNT_SECRET", "--json").document

    assert made.keys() == {"METRICS_TOKEN", "KULANZ_ACCOUNT_SECRET"}
    assert kulanz("keys", "generate", "STRIPE_API_KEY").code == 2


def test_a_hash_is_what_a_user_of_the_console_may_have(kulanz: Kulanz) -> None:
    text = kulanz("keys", "hash", stdin="Gürteltier: 1, 2\n".encode()).out.strip()

    (user,) = load({**kulanz.environ(), "OPS_USERS": f"ann:{text}:read"}).ops_users
    assert user.hashed
    assert check_password_hash(user.password, "Gürteltier: 1, 2")


@pytest.mark.parametrize("stdin", [b"", b"\n"])
def test_an_empty_password_has_no_hash(kulanz: Kulanz, stdin: bytes) -> None:
    assert kulanz("keys", "hash", stdin=stdin).code == 2
