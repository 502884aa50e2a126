"""`kulanz init`: the files of an instance, from questions or options."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from kulanz.config import load
from kulanz.policy import document
from tests.cli.conftest import Kulanz

SECRETS = {"ENCRYPTION_KEYS", "API_TOKENS", "OPS_PASSWORD", "CALLBACK_SECRET", "METRICS_TOKEN"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "shop"


@pytest.fixture
def alone(tmp_path: Path) -> Kulanz:
    """The command, without any setting."""
    return Kulanz(tmp_path / "data")


def settings_in(folder: Path) -> dict[str, str]:
    """The `.env`, as the library for it reads it, with the policy where the settings look for it."""
    written = {name: text for name, text in dotenv_values(folder / ".env", interpolate=False).items() if text}
    return {**written, "KULANZ_POLICY": str(folder / "policy.toml"), "KULANZ_DATA_DIR": str(folder / ".kulanz")}


@pytest.mark.parametrize(
    ("run", "files"),
    [
        ("terminal", {".env", "policy.toml"}),
        ("compose", {".env", "policy.toml", "compose.yaml"}),
        ("systemd", {".env", "policy.toml", "kulanz.service"}),
    ],
)
def test_without_a_question_an_instance_is_written_that_loads(
    alone: Kulanz, folder: Path, run: str, files: set[str]
) -> None:
    result = alone("init", "--yes", "--run", run, "--into", str(folder), "--json")

    assert result.code == 0, result.err
    assert {Path(path).name for path in result.document["files"]} == files
    assert {path.name for path in folder.iterdir()} == files
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    settings = load(settings_in(folder))
    assert settings.lemonsqueezy_webhook_secrets
    assert settings_in(folder).keys() >= SECRETS
    assert (folder / "policy.toml").read_text() == document.preset("plexo")


def test_five_questions_are_asked(alone: Kulanz, folder: Path) -> None:
    answers = "stripe\nprice_1=pro, price_2=team\nbitrix24\nsmtp://ann:p%40ss@mail.example\ncompose\n"

    result = alone("init", "--into", str(folder), stdin=answers.encode())

    assert result.code == 0, result.err
    questions = ("Payment provider", "Variants and plans", "Policy", "Mail server", "How will it run")
    assert all(result.err.count(question) == 1 for question in questions)
    settings = load(settings_in(folder))
    assert settings.plans == (("stripe:price_1", "pro"), ("stripe:price_2", "team"))
    assert settings.smtp_url == "smtp://ann:p%40ss@mail.example"
    assert (folder / "policy.toml").read_text() == document.preset("bitrix24")
    assert "put the secret that Stripe shows" in result.out
    assert "STRIPE_WEBHOOK_SECRETS=\n" in (folder / ".env").read_text()


def test_two_instances_share_no_secret(alone: Kulanz, tmp_path: Path) -> None:
    for name in ("one", "two"):
        alone("init", "--yes", "--into", str(tmp_path / name))

    one, two = settings_in(tmp_path / "one"), settings_in(tmp_path / "two")
    assert not [name for name in SECRETS | {"LEMONSQUEEZY_WEBHOOK_SECRETS"} if one[name] == two[name]]


@pytest.mark.parametrize("name", [".env", "policy.toml"])
def test_what_is_there_is_not_overwritten(alone: Kulanz, folder: Path, name: str) -> None:
    folder.mkdir()
    (folder / name).write_text("mine")

    result = alone("init", "--yes", "--into", str(folder))

    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "exists already" in result.err
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [(name, "mine")]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--plans", "394420"), "KULANZ_PLANS: expected"),
        (("--smtp-url", "mail.example"), "SMTP_URL: expected"),
        (("--mail-from", "O'Hara <o@shop.example>"), "MAIL_FROM: a quote"),
        (("--webhook-secret", "it's"), "LEMONSQUEEZY_WEBHOOK_SECRETS: a quote"),
    ],
)
def test_an_answer_that_does_not_fit_writes_nothing(
    alone: Kulanz, folder: Path, options: tuple[str, str], problem: str
) -> None:
    result = alone("init", "--yes", *options, "--into", str(folder))

    assert (result.code, result.err.count("\n")) == (1, 1)
    assert problem in result.err
    assert not folder.exists()


def test_what_needs_quotes_is_read_as_it_was_given(alone: Kulanz, folder: Path) -> None:
    given = {"MAIL_FROM": "Shop & Co. <billing@shop.example>", "LEMONSQUEEZY_WEBHOOK_SECRETS": 'a#b $HOME ${x} "c"'}

    alone(
        "init", "--yes", "--into", str(folder),
        "--mail-from", given["MAIL_FROM"], "--webhook-secret", given["LEMONSQUEEZY_WEBHOOK_SECRETS"],
    )  # fmt: skip

    assert {name: settings_in(folder)[name] for name in given} == given


def test_a_folder_that_cannot_be_written_is_one_line(alone: Kulanz, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    result = alone("init", "--yes", "--into", str(tmp_path / "file" / "below"))

    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "cannot be written: Not a directory" in result.err


def test_an_instance_that_has_its_keys_gets_no_new_ones(alone: Kulanz, folder: Path) -> None:
    (folder / ".kulanz").mkdir(parents=True)
    (folder / ".kulanz" / "secrets.toml").write_text('ENCRYPTION_KEYS = "0f"')

    result = alone("init", "--yes", "--into", str(folder))

    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "holds an instance with keys of its own" in result.err
    assert not (folder / ".env").exists()


@pytest.mark.parametrize(
    ("provider", "suggestions"), [("lemonsqueezy", 1), ("stripe", 1), ("paddle", 0), ("standard", 0)]
)
def test_an_instance_for_a_test_store_counts_test_events_and_names_the_simulator(
    alone: Kulanz, folder: Path, provider: str, suggestions: int
) -> None:
    result = alone("init", "--yes", "--mode", "test", "--provider", provider, "--into", str(folder), "--json")

    assert load(settings_in(folder)).lemonsqueezy_mode == "test"
    assert sum("kulanz provider-sim" in step for step in result.document["next"]) == suggestions


def test_an_instance_counts_live_events_unless_it_is_for_a_test_store(alone: Kulanz, folder: Path) -> None:
    result = alone("init", "--yes", "--into", str(folder), "--json")

    assert load(settings_in(folder)).lemonsqueezy_mode == "live"
    assert not any("provider-sim" in step for step in result.document["next"])
