"""`kulanz config`: the settings in force, and all that there are."""

from __future__ import annotations

import click

from kulanz.cli.options import emit, json_option, name_misspelt_settings, table
from kulanz.config import environment, load, masked, reference
from kulanz.config.settings import TABLE


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


@config.command(name="reference")
@click.option("--env", "as_env", is_flag=True, help="As an example of a .env.")
@json_option
def show_reference(*, as_env: bool, as_json: bool) -> None:
    """Print every setting that there is, with its default and its meaning."""
    documents = [
        {
            "variable": setting.variable,
            "section": setting.section,
            "secret": setting.kind.secret,
            "default": setting.default_text,
            "meaning": setting.help,
        }
        for setting in TABLE.values()
        if setting.section is not None
    ]
    emit({"settings": documents}, as_json, reference.example() if as_env else reference.page())
