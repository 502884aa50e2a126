"""The files of a new instance: checked as a whole before the first one is written, and none is overwritten."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path

from kulanz.cli.up.secrets import GENERATED, MADE
from kulanz.config import load, reference
from kulanz.config.settings import DATA_DIR, TABLE
from kulanz.config.sources import SECRETS_FILE
from kulanz.errors import ConfigurationError, RefusedError
from kulanz.policy import document

PROVIDERS_SECRET = {"stripe": "Stripe", "paddle": "Paddle", "standard": "the sender"}
"""Issuer of the endpoint's secret; Lemon Squeezy accepts one that is made here."""
SIMULATED = ("lemonsqueezy", "stripe")
ENV_HEADER = """\
# Settings of Kulanz, with its secrets: keep this file as safe as the database, and a copy in another place.
# All settings: kulanz config reference
"""
MONITORING = "  # Monitoring: "
"""Start of the services in the compose file that need files of a clone."""
PLAIN = re.compile(r"[\w.,:;@/+*=?&%|~-]*", re.ASCII)
"""Characters that every reader of a `.env` takes literally: dotenv, compose, systemd and a shell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers to the questions."""

    provider: str
    plans: str
    policy: str
    smtp_url: str
    run: str
    more: Mapping[str, str | None]
    """Further settings, by variable."""
    webhook_secret: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The files, and the remaining steps."""

    files: tuple[Path, ...]
    next_steps: tuple[str, ...]


def write(answers: Answers, folder: Path) -> Written:
    """Write the files of an instance; raise ConfigurationError or RefusedError before the first one."""
    settings = _settings(answers, folder)
    load({**settings, "KULANZ_POLICY": answers.policy, "KULANZ_DATA_DIR": str(folder / DATA_DIR)})
    contents = {
        folder / ".env": _env_text(answers, settings),
        folder / "policy.toml": document.preset(answers.policy),
        **{folder / name: text for name, text in _runner(answers.run, folder).items()},
    }
    existing = [str(path) for path in contents if path.exists()]
    if (folder / DATA_DIR / SECRETS_FILE).exists():
        raise RefusedError(f"{folder / DATA_DIR} holds an instance with keys of its own: new ones could not read it")
    if existing:
        raise RefusedError(f"{', '.join(existing)} exists already: choose another folder by --into")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in contents.items():
            _write(path, text)
    except OSError as error:
        raise RefusedError(f"{folder} cannot be written: {error.strerror}") from error
    return Written(files=tuple(contents), next_steps=tuple(_next_steps(answers, settings, folder)))


def _settings(answers: Answers, folder: Path) -> dict[str, str]:
    """Return the settings by variable: the answers, and a new secret for each that is not given."""
    endpoint = _endpoint(answers)
    made = {name: make() for name, make in MADE.items() if name != "LEMONSQUEEZY_WEBHOOK_SECRETS"}
    made["METRICS_TOKEN"] = GENERATED["METRICS_TOKEN"]()
    secret = answers.webhook_secret or (GENERATED[endpoint]() if endpoint in GENERATED else None)
    given = {
        "KULANZ_POLICY": str(folder / "policy.toml") if answers.run == "systemd" else "policy.toml",
        "KULANZ_PLANS": ",".join(_with_provider(answers.provider, entry) for entry in answers.plans.split(",")),
        endpoint: secret,
        "SMTP_URL": answers.smtp_url,
        **answers.more,
    }
    return {name: text for name, text in {**given, **made}.items() if text}


def _endpoint(answers: Answers) -> str:
    return f"{answers.provider.upper()}_WEBHOOK_SECRETS"


def _with_provider(provider: str, entry: str) -> str:
    """Put the provider before a variant that is named without one."""
    variant = entry.strip().partition("=")[0]
    return entry.strip() if not variant or ":" in variant else f"{provider}:{entry.strip()}"


def _env_text(answers: Answers, settings: Mapping[str, str]) -> str:
    entries = [
        (reference.plain(TABLE[variable].help), variable, _quoted(variable, settings[variable]))
        for variable in TABLE
        if variable in settings
    ]
    if _endpoint(answers) not in settings:
        maker = PROVIDERS_SECRET[answers.provider]
        entries.append(
            (f"the secret that {maker} shows for the webhook; the endpoint needs it", _endpoint(answers), "")
        )
    if answers.run == "compose":
        entries.append(("the site's name, for which Caddy gets a certificate", "SITE_ADDRESS", "localhost"))
        entries.append(("of the database in the compose file", "POSTGRES_PASSWORD", secrets.token_hex(16)))
    return "\n".join([ENV_HEADER, *(f"# {meaning}\n{variable}={text}\n" for meaning, variable, text in entries)])


def _quoted(variable: str, text: str) -> str:
    """Quote a text so that dotenv, compose and systemd read the same."""
    if PLAIN.fullmatch(text):
        return text
    if "'" in text or "\\" in text or not text.isprintable():
        raise ConfigurationError([f"{variable}: a quote, a backslash or a control character stands in no .env"])
    return f"'{text}'"


def _runner(run: str, folder: Path) -> dict[str, str]:
    """Return the files that run the instance, by name."""
    match run:
        case "compose":
            return {"compose.yaml": template("compose.yaml").partition(MONITORING)[0].rstrip() + "\n"}
        case "systemd":
            text = template("kulanz.service")
            return {"kulanz.service": text.replace("/opt/kulanz", sys.prefix).replace("/etc/kulanz", str(folder))}
        case _:
            return {}


def template(name: str) -> str:
    """Return the text of a file that comes with Kulanz."""
    return (resources("kulanz.cli.init") / "templates" / name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    """Write a new file; the settings are for their owner alone."""
    mode = 0o600 if path.name == ".env" else 0o644
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)


def _next_steps(answers: Answers, settings: Mapping[str, str], folder: Path) -> Iterator[str]:
    start = {
        "terminal": f"cd {folder} && kulanz up",
        "compose": "build the image in a clone of Kulanz: docker build -t kulanz .   then here: docker compose up -d",
        "systemd": f"sudo systemctl enable --now {folder / 'kulanz.service'}",
    }
    yield start[answers.run]
    address = f"https://<your host>/webhooks/{answers.provider}"
    if _endpoint(answers) in settings:
        yield f"give the provider the address {address} and the webhook secret from {folder / '.env'}"
    else:
        maker = PROVIDERS_SECRET[answers.provider]
        yield f"give the provider the address {address}, put the secret that {maker} shows into {folder / '.env'}"
    if answers.run == "terminal" and answers.provider in SIMULATED and "LEMONSQUEEZY_MODE" in settings:
        yield f"kulanz provider-sim --provider {answers.provider} --customers 1    # or try a simulated one"
    data = "sudo KULANZ_DATA_DIR=/var/lib/kulanz " if answers.run == "systemd" else ""
    inside = "docker compose exec clock " if answers.run == "compose" else ""
    yield f"{data}{inside}kulanz doctor    # what is still missing"
