"""Settings: everything that the environment, a file or a data directory may decide, checked as a whole."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kulanz.config.masking import masked
from kulanz.config.parsing import ApiToken, OpsUser, RawValue, UnfitError, has_postgresql_driver, loopback
from kulanz.config.settings import TABLE, Settings
from kulanz.config.sources import Layers, misspelt, with_env_file
from kulanz.errors import ConfigurationError, KulanzError, PolicyError
from kulanz.formats.languages import LANGUAGES
from kulanz.policy import document

__all__ = ["ApiToken", "OpsUser", "Settings", "environment", "load", "masked", "misspelt", "policy_text"]


def environment() -> dict[str, str]:
    """Return a copy of the process's environment, over the settings of `.env` in the current directory.

    This is the only place that reads either. Raise ConfigurationError for a `.env` that cannot be read.
    """
    return with_env_file(os.environ)


def load(environ: Mapping[str, str]) -> Settings:
    """Return the settings that `environ`, the file it names and the data directory give together.

    Raise ConfigurationError with every problem at once; none of them repeats a secret.
    """
    layers = Layers.read(environ)
    problems = list(layers.problems)
    settings = _settings(layers, problems)
    problems += [*_policy_problems(settings), *_contradictions(settings, layers.values)]
    if problems:
        raise ConfigurationError([*problems, *misspelt(environ)])
    return _among_ourselves(settings) if settings.demo else settings


def policy_text(name: str) -> str:
    """Return the document of a preset's name or of a file's path."""
    path = Path(name)
    if path.suffix == ".toml" or "/" in name:
        return path.read_text(encoding="utf-8")
    return document.preset(name)


def _settings(layers: Layers, problems: list[str]) -> Settings:
    """Return the settings of the table; where a text is unfit, its problem is noted and the default stands."""
    values: dict[str, Any] = {}
    for variable, text in _given(layers.values):
        setting = TABLE[variable]
        try:
            value = setting.kind.parse(text)
        except UnfitError as error:
            problems.append(f"{variable}: {error}")
        else:
            # Two variables of one field add up.
            values[setting.field] = values[setting.field] + value if setting.field in values else value
    if values.get("demo"):
        values = {"lemonsqueezy_mode": "any", **values, "test_clock": True}
    values = {"database_url": f"sqlite:///{layers.data_dir / 'kulanz.db'}", **values, "data_dir": layers.data_dir}
    return Settings(**values)


def _given(values: Mapping[str, RawValue]) -> list[tuple[str, RawValue]]:
    return [(variable, values[variable]) for variable in TABLE if variable in values]


def _among_ourselves(settings: Settings) -> Settings:
    """Return a demonstration's settings: its invented data stay on this machine."""
    return replace(
        settings,
        lemonsqueezy_api_key=settings.lemonsqueezy_api_key if loopback(settings.lemonsqueezy_api_url) else None,
        stripe_api_key=settings.stripe_api_key if loopback(settings.stripe_api_url) else None,
        paddle_api_key=settings.paddle_api_key if loopback(settings.paddle_api_url) else None,
        polar_api_key=settings.polar_api_key if loopback(settings.polar_api_url) else None,
        dodo_api_key=settings.dodo_api_key if loopback(settings.dodo_api_url) else None,
        callback_url=settings.callback_url if loopback(settings.callback_url) else None,
        smtp_url=settings.smtp_url if loopback(settings.smtp_url) else None,
    )


def _policy_problems(settings: Settings) -> list[str]:
    try:
        document.parse(policy_text(settings.policy))
    except PolicyError as error:
        return [f"KULANZ_POLICY: {problem}" for problem in error.problems]
    except KulanzError as error:
        return [f"KULANZ_POLICY: {error.detail}"]
    except (OSError, UnicodeDecodeError):
        return [f"KULANZ_POLICY: {settings.policy} cannot be read"]
    return []


def _has_words(settings: Settings) -> bool:
    language = re.split("[-_]", settings.mail_locale)[0]
    return language in LANGUAGES or (settings.templates is not None and (settings.templates / language).is_dir())


def _contradictions(settings: Settings, given: Mapping[str, RawValue]) -> list[str]:
    explicit_live = settings.lemonsqueezy_mode == "live" and "LEMONSQUEEZY_MODE" in given
    mode_any = settings.lemonsqueezy_mode == "any"
    rules = (
        (
            "ENCRYPTION_KEYS" not in given,
            "ENCRYPTION_KEYS is not set: `kulanz up` makes one, `kulanz keys generate` prints one",
        ),
        (
            not settings.database_url.startswith("sqlite") and not has_postgresql_driver(),
            "DATABASE_URL: PostgreSQL needs its driver: pip install 'kulanz[postgres]'",
        ),
        (
            not _has_words(settings),
            "MAIL_LOCALE: there are words in " + ", ".join(LANGUAGES) + ", and in the languages of KULANZ_TEMPLATES",
        ),
        (settings.test_clock and explicit_live, "KULANZ_TEST_CLOCK is refused with LEMONSQUEEZY_MODE=live"),
        (mode_any and not settings.test_clock, "LEMONSQUEEZY_MODE=any needs KULANZ_TEST_CLOCK=1 or `kulanz up --demo`"),
        (
            settings.require_signed_accounts and settings.account_secret is None,
            "KULANZ_REQUIRE_SIGNED_ACCOUNTS needs KULANZ_ACCOUNT_SECRET",
        ),
        (
            settings.callback_url is not None and "CALLBACK_SECRET" not in given,
            "CALLBACK_URL needs CALLBACK_SECRET: callbacks are signed",
        ),
    )
    return [problem for broken, problem in rules if broken]
