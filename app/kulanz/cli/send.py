"""`kulanz send`: plays the provider, for trying things out and for deliveries that were lost."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from kulanz.cli import http
from kulanz.cli.options import as_text, emit, json_option
from kulanz.config import environment, load
from kulanz.config.urls import refuse_no_web_url
from kulanz.errors import InvalidInputError, RefusedError
from kulanz.providers.lemonsqueezy import samples

HTTP_OK = 200


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--event", help="Put this event's name into the payload (meta.event_name).")
@click.option("--url", help="An instance's address, or the whole one of a webhook [default: this data directory's].")
@click.option("--secret", help="What to sign with [default: the newest configured secret].")
@json_option
def send(*, files: tuple[Path, ...], event: str | None, url: str | None, secret: str | None, as_json: bool) -> None:
    """Sign payloads as Lemon Squeezy does, post them in order, and print the answers.

    Without --event the bytes of a FILE are sent as they are; `-` is standard input.
    """
    bodies = [(str(file), _body(file, event)) for file in files]
    url, secret = target(url, secret)
    answers = [{"file": name, **deliver(url, secret, body)} for name, body in bodies]
    emit({"answers": answers}, as_json, lambda: _print(answers))
    refused = [answer for answer in answers if answer["status"] != HTTP_OK]
    if refused:
        raise RefusedError(f"{len(refused)} of {len(answers)} not accepted (first: {refused[0]['status']})")


def target(url: str | None, secret: str | None, provider: str = "lemonsqueezy") -> tuple[str, str]:
    """Return where to and what to sign with, from the settings where not given."""
    if url is None or secret is None:
        settings = load(environment())
        url = url or f"http://127.0.0.1:{settings.port}"
        secrets: tuple[str, ...] = getattr(settings, f"{provider}_webhook_secrets")
        if secret is None and not secrets:
            name = f"{provider.upper()}_WEBHOOK_SECRETS"
            raise RefusedError(f"there is no secret to sign with: set {name}, or give --secret")
        secret = secret or secrets[0]
    refuse_no_web_url(url)
    if urlsplit(url).path in {"", "/"}:
        url = url.rstrip("/") + f"/webhooks/{provider}"
    return url, secret


def deliver(url: str, secret: str, body: bytes) -> dict[str, Any]:
    """Post one signed body; return the answer's status and document."""
    headers = samples.headers(body, secret, _event_name(body))
    answer = http.post(url, body, headers)
    return {"status": answer.status, "answer": answer.document()}


def _body(file: Path, event: str | None) -> bytes:
    try:
        body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{file}: {error.strerror or 'cannot be read'}") from error
    return body if event is None else _named(body, event, file)


def _named(body: bytes, event: str, file: Path) -> bytes:
    try:
        payload = json.loads(body)
        meta = payload.setdefault("meta", {})
        meta["event_name"] = event
    except (ValueError, RecursionError, AttributeError, TypeError) as error:
        raise InvalidInputError(f"{file}: not a payload that could be given an event's name") from error
    return samples.wire(payload)


def _event_name(body: bytes) -> str:
    """Return the name for the unsigned header, which the receiver does not believe anyway."""
    try:
        name = str(json.loads(body)["meta"]["event_name"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""
    return name if name.isascii() and name.isprintable() else ""


def _print(answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        document = answer["answer"]
        shown = " ".join(as_text(document).split()) if isinstance(document, dict | list) else str(document)
        click.echo(f"{answer['file']}: {answer['status']} {shown}")
