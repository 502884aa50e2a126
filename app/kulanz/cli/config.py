"""`kulanz config`: the settings in force."""

from __future__ import annotations

import click

from kulanz.cli.options import emit, json_option, name_misspelt_settings, table
from kulanz.config import environment, load, masked


@click.group()
def config() -> None:
    """Show the effective settings."""


@config.command()
@json_option
def show(*, as_json: bool) -> None:
    """Print every setting that is in force, secrets masked."""
    settings = masked(load(environment()))
    name_misspelt_settings()
    emit(settings, as_json, table(("variable", "value"), [(name, text or None) for name, text in settings.items()]))
