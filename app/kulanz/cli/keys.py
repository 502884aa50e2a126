"""`kulanz keys`: fresh secrets for the settings, and hashes of passwords."""

from __future__ import annotations

import sys

import click

from kulanz.cli.options import emit, json_option
from kulanz.cli.up.secrets import GENERATED, MADE


@click.group()
def keys() -> None:
    """Make secrets for the settings; nothing is kept."""


@keys.command()
@click.argument("names", metavar="NAME...", nargs=-1, type=click.Choice([*GENERATED]))
@json_option
def generate(*, names: tuple[str, ...], as_json: bool) -> None:
    """Print new secrets as lines of a `.env`: of the settings named, or of all that an instance needs."""
    made = {name: GENERATED[name]() for name in names or MADE}
    emit(made, as_json, "\n".join(f"{name}={value}" for name, value in made.items()))


@keys.command(name="hash")
@json_option
def hash_password(*, as_json: bool) -> None:
    """Print the hash of a password, which OPS_USERS and OPS_PASSWORD take in its place. It is prompted for, or read."""
    from kulanz.web.console.passwords import hashed

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("the password is empty")
    text = hashed(password)
    emit({"hash": text}, as_json, text)
