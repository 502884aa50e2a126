"""What the commands have in common: options, opened services, and how an outcome is printed."""

from __future__ import annotations

import getpass
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.errors import RefusedError

if TYPE_CHECKING:
    from app.services import Services

UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
WIDTH_WITHOUT_TERMINAL = 400
LONGEST_TEXT = 500
LARGEST = 10**15
"""Minor units: more than anybody owes."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
actor_option = click.option("--actor", default=lambda: f"cli:{_user()}", help="Who does this: a note [default: you].")


def instant(text: str) -> datetime:
    """Read an RFC 3339 instant with its offset, or a date (its first moment in UTC)."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not an instant such as 2026-03-01T09:00:00Z") from error
    if read.tzinfo is None and len(text) > len("2026-03-01"):
        raise click.BadParameter(f"{text!r} has no offset; add Z for UTC")
    return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC)


def span(text: str) -> timedelta:
    """Read a length of time: `7d1h`, `90m`, `0s`."""
    if not re.fullmatch(r"(\d{1,9}[dhms])+", text):
        raise click.BadParameter(f"{text!r} is not a length of time such as 7d1h (units d, h, m, s)")
    try:
        return sum((int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([dhms])", text)), timedelta())
    except OverflowError as error:
        raise click.BadParameter(f"{text!r} is too long") from error


def words(text: str) -> str:
    """Read a reason or a reference: words that a person can read, on one line or several."""
    if not text.strip() or len(text) > LONGEST_TEXT or not all(char.isprintable() or char == "\n" for char in text):
        raise click.BadParameter(f"expected 1 to {LONGEST_TEXT} readable characters")
    return text


def currency_of(text: str) -> str:
    """Read an ISO 4217 code."""
    from babel.numbers import list_currencies

    if text.upper() not in list_currencies():
        raise click.BadParameter(f"{text!r} is not an ISO 4217 currency such as EUR")
    return text.upper()


def mail_address(text: str) -> str:
    """Read a mail address, which stays as it is written."""
    from app.mail_addresses import is_address

    if not is_address(text):
        raise click.BadParameter(f"{text!r} is not a mail address")
    return text


def an_event(text: str) -> str:
    """Return an event's id: `evt_12`, or the longer one that it had while the database was away."""
    body = text.removeprefix("evt_")
    number = body.isascii() and body.isdigit() and len(body) < len(str(2**63))
    if not (number or re.fullmatch("[0-9a-f]{64}", body)):
        raise click.BadParameter(f"{text!r} is not an event's id, such as evt_12")
    return text


@contextmanager
def services() -> Iterator[Services]:
    """Open what the settings describe, for one command."""
    from app.config import environment, load
    from app.services import build

    settings = load(environment())
    refuse_a_missing_file(settings.database_url)
    opened = build(settings)
    try:
        yield opened
    finally:
        opened.close()


def name_misspelt_settings() -> None:
    """Write a line for each variable that looks like a setting and is none."""
    from app.config import environment, misspelt

    for sentence in misspelt(environment()):
        click.echo(f"kulanz: note: {sentence}", err=True)


def refuse_a_missing_file(database_url: str) -> None:
    """Refuse to work on an SQLite file that nobody has made; raise RefusedError saying what makes it."""
    path = database_url.removeprefix("sqlite:///")
    if path != database_url and not Path(path).exists():
        raise RefusedError(f"there is no database at {path} yet: `kulanz up` or `kulanz migrate` makes one")


def emit(document: Any, as_json: bool, human: str | Callable[[], None]) -> None:  # noqa: FBT001
    """Print the outcome: as JSON, or as a person reads it."""
    if as_json:
        click.echo(as_text(document))
    elif callable(human):
        human()
    else:
        click.echo(human)


def as_text(document: Any) -> str:
    """Return JSON with instants in RFC 3339, UTC, `Z`."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> Callable[[], None]:
    """Return what prints a table, or a sentence where there are no rows."""

    def show() -> None:
        if not rows:
            click.echo(empty)
            return
        from rich.table import Table
        from rich.text import Text

        grid = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            grid.add_column(column, overflow="fold")
        for row in rows:
            grid.add_row(*(Text(shown(cell)) for cell in row))
        console().print(grid)

    return show


def console() -> Any:
    """Return a rich console; where nobody looks on, lines are wide rather than cut."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False, soft_wrap=True)


def shown(value: object) -> str:
    """Return a cell's text."""
    match value:
        case None:
            return "-"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return "".join(each if each.isprintable() else "�" for each in str(value))


def agree(question: str, otherwise: str = "nothing was done") -> None:
    """Ask before something is done; RefusedError unless the answer is yes, also where nobody can answer."""
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        agreed = False
    if not agreed:
        raise RefusedError(otherwise)


def confirm(count: int, what: str, *, yes: bool, otherwise: str = "nothing was done") -> None:
    """Ask before a bulk change; without a terminal to ask on, `--yes` is needed."""
    if not yes and count > 1:
        agree(f"{what}: {count}. Go on?", otherwise)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
