"""One table of settings: what is loaded, hidden, listed and read from files comes from it."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kulanz.config import Settings, load, masked, parsing, reference
from kulanz.config.settings import FILES, TABLE, VARIABLES
from kulanz.config.sources import with_env_file
from kulanz.errors import ConfigurationError
from tests import reference as written

HUSH = base64.b64encode(b"hush" * 8).decode()
KEY = (b"hush" * 8).hex()
HASH = "scrypt:32768:8:1$hushhush$" + "0f" * 64
SAMPLES = {
    parsing.SECRET: "hush",
    parsing.ENDPOINT_SECRETS: "hush,hush2",
    parsing.SIGNING_SECRET: f"whsec_{HUSH}",
    parsing.KEYS: KEY,
    parsing.API_TOKENS: "ann:hush,bob:hush:read",
    parsing.OPS_PASSWORD: "hush",
    parsing.OPS_USERS: f"ann:hush,bob:hush:read,eve:{HASH}",
    parsing.DATABASE: "postgresql://ann:hush@db.example/kulanz?password=hush",
    parsing.REDIS: "redis://ann:hush@cache.example/0?password=hush",
    parsing.WEB: "https://ann:hush@shop.example/hook?key=hush",
    parsing.API: "https://ann:hush@api.example/v1?key=hush",
    parsing.ALERT_CHANNELS: "urgent=json://ann:hush@chat.example/hush",
    parsing.SMTP: "smtp://ann:hush@mail.example:587?password=hush",
}
"""A text for each kind that may hold a secret."""
TOLD = ("hush", HUSH, KEY)
NEEDED = {"CALLBACK_URL": {"CALLBACK_SECRET": f"whsec_{HUSH}"}}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"KULANZ_DATA_DIR": str(tmp_path), "ENCRYPTION_KEYS": "00" * 32}


def given(variable: str, name: str, text: str) -> dict[str, str]:
    """The variables for a setting that is given under a name; a key under another name leaves its own free."""
    return {**NEEDED.get(variable, {}), name: text}


@pytest.mark.parametrize("variable", sorted(FILES.values()))
def test_a_secret_is_shown_nowhere(environ, variable):
    settings = load({**environ, **given(variable, variable, SAMPLES[TABLE[variable].kind])})

    shown = masked(settings)
    assert not any(text in str(shown) + repr(settings) for text in TOLD)
    field = next(each for each in shown if TABLE[each].field == TABLE[variable].field)
    assert parsing.HIDDEN in shown[field]


@pytest.mark.parametrize("variable", sorted(FILES.values()))
def test_a_secret_that_is_unfit_is_not_repeated(environ, variable):
    with pytest.raises(ConfigurationError) as refused:
        load({**environ, variable: "pbkdf2:hush://hush@hush:hush/hush", "PORT": "none"})

    assert "hush" not in str(refused.value.problems)


@pytest.mark.parametrize("variable", sorted(FILES.values()))
def test_every_secret_may_lie_in_a_file(environ, tmp_path, variable):
    text = SAMPLES[TABLE[variable].kind]
    file = tmp_path / "secret"
    file.write_text(f"{text}\n")
    environ.pop(variable, None)

    from_file = load({**environ, **given(variable, f"{variable}_FILE", str(file))})

    field = TABLE[variable].field
    without = load({**environ, "ENCRYPTION_KEYS": "00" * 32})
    assert from_file == load({**environ, **given(variable, variable, text)})
    assert getattr(from_file, field) != getattr(without, field)


def test_a_name_that_sounds_like_a_secret_is_one():
    sounding = {name for name in TABLE if re.search("SECRETS?$|KEYS?$|TOKENS?$|PASSWORD|USERS$|URLS?$", name)}

    assert sounding - {"KULANZ_ACCOUNT_KEY"} == set(FILES.values())


def test_a_secret_is_given_once(environ, tmp_path):
    file = tmp_path / "secret"
    file.write_text("hush")

    with pytest.raises(ConfigurationError) as refused:
        load({**environ, "STRIPE_API_KEY": "hush", "STRIPE_API_KEY_FILE": str(file)})

    assert refused.value.problems == ["STRIPE_API_KEY_FILE: STRIPE_API_KEY is given, too; leave one of them out"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "STRIPE_API_KEY_FILE: the file cannot be read: No such file or directory"),
        (b" \n", "STRIPE_API_KEY_FILE: the file is empty"),
        (b"\xff\xfe", "STRIPE_API_KEY_FILE: the file cannot be read: not UTF-8"),
    ],
)
def test_a_file_without_a_secret_is_a_problem(environ, tmp_path, content, problem):
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigurationError) as refused:
        load({**environ, "STRIPE_API_KEY_FILE": str(file)})

    assert refused.value.problems == [problem]


def test_the_environment_is_stronger_than_a_file_that_the_toml_names(environ, tmp_path):
    (tmp_path / "secret").write_text("weaker")
    (tmp_path / "kulanz.toml").write_text(f'stripe_api_key_file = "{tmp_path / "secret"}"\n')
    environ["KULANZ_CONFIG"] = str(tmp_path / "kulanz.toml")

    assert load(environ).stripe_api_key == "weaker"
    assert load({**environ, "STRIPE_API_KEY": "stronger"}).stripe_api_key == "stronger"


def test_each_setting_has_its_field():
    fields = {setting.field for setting in TABLE.values()}

    assert fields == set(Settings.__dataclass_fields__)
    assert "KULANZ_DATA_DIR" not in VARIABLES


def test_what_is_in_force_is_shown_by_each_variable_but_the_merged_one(environ):
    assert masked(load(environ)).keys() == TABLE.keys() - {"OPS_PASSWORD"}


def test_the_reference_page_is_made_from_the_table():
    page = written.PAGE.read_text()

    assert written.written_page(page) == page, "python -m tests.reference"


def test_the_example_is_made_from_the_table_and_gives_nothing():
    assert written.EXAMPLE.read_text() == reference.example(), "python -m tests.reference"
    assert {line.strip("#=") for line in reference.example().splitlines() if re.fullmatch("#[A-Z_]+=", line)} == {
        setting.variable for setting in TABLE.values() if setting.section
    }


@pytest.mark.parametrize(
    "torn",
    ["scrypt:32768:8:1$salt", "scrypt:32768:8:1", "pbkdf2:sha256:1000$salt$", "pbkdf2$$", "scrypt:3000:8:1$salt$0f"],
)
def test_a_torn_hash_is_no_password(environ, torn):
    for name, text in (("OPS_PASSWORD", torn), ("OPS_USERS", f"ann:{torn}:read")):
        with pytest.raises(ConfigurationError) as refused:
            load({**environ, name: text})
        assert refused.value.problems[0].startswith(f"{name}: expected")


def test_a_hash_is_kept_whole(environ):
    (user,) = load({**environ, "OPS_USERS": f"ann:{HASH}:read"}).ops_users

    assert (user.name, user.password, user.read_only, user.hashed) == ("ann", HASH, True, True)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    """A current directory of the test's own."""
    with contextlib.chdir(tmp_path):
        yield tmp_path


def test_a_env_file_gives_what_the_environment_leaves_out(here):
    lines = (
        "# a comment\nexport PORT=9000\nKULANZ_HOST='::1' # why\nSMTP_URL=\"smtp://ann:h${x}$y@mail.example\"\n"
        "PYTHONPATH=/tmp/evil\nENCRYPTION_KEY=typo\nREDIS_URL=redis://file\n"
    )
    (here / ".env").write_text(lines)

    read = with_env_file({"REDIS_URL": "redis://environment", "MAIL_FROM": ""})

    assert read == {
        "PORT": "9000",
        "KULANZ_HOST": "::1",
        "SMTP_URL": "smtp://ann:h${x}$y@mail.example",
        "ENCRYPTION_KEY": "typo",
        "REDIS_URL": "redis://environment",
        "MAIL_FROM": "",
    }


def test_a_env_file_that_is_none_is_named_without_its_content(here):
    (here / ".env").write_text("PORT=9000\n'hush\nSMTP_URL=\"hush\n")

    with pytest.raises(ConfigurationError) as refused:
        with_env_file({})

    assert refused.value.problems == [".env: line 2, 3 is not NAME=value"]


def test_without_a_env_file_the_environment_is_as_it_is(here):
    assert with_env_file({"PORT": " ", "PATH": "/bin"}) == {"PORT": " ", "PATH": "/bin"}
