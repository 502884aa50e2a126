"""Shared parts of the commands: options, opened services, and how an outcome is printed."""

from __future__ import annotations

import getpass
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import click

from kulanz.errors import ConfigurationError, RefusedError

if TYPE_CHECKING:
    from kulanz.config import Settings
    from kulanz.services import Services

UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
NARROWEST = 16
"""Characters: prose in a narrower column of a table is no longer read."""
GAP = 2
PAIR = ("field", "value")
MAX_TEXT = 500
MAX_AMOUNT = 10**15
"""Minor units: more than every real debt."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
silent_option = click.option(
    "--silent", is_flag=True, help="Withhold mails that promise nothing and take nothing: you inform the customer."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
actor_option = click.option("--actor", default=lambda: f"cli:{_user()}", help="Who does this: a note [default: you].")


def instant(text: str, now: Callable[[], datetime] | None = None) -> datetime:
    """Read an RFC 3339 timestamp with its offset, a date (midnight in UTC), or a distance from `now`: `+10d`.

    Without `now` a distance counts from the policy's time, which the test clock may have set.
    """
    if text.startswith(("+", "-")):
        return _distant(text, now or _policy_time)
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a time such as 2026-03-01T09:00:00Z, or +10d") from error
    if read.tzinfo is None and len(text) > len("2026-03-01"):
        raise click.BadParameter(f"{text!r} has no offset; add Z for UTC")
    from kulanz.commands.fields import check_year
    from kulanz.errors import InvalidInputError

    try:
        check_year("time", read)
    except InvalidInputError as error:
        raise click.BadParameter(f"{text!r} is not {error.detail.removeprefix('time: ')}") from error
    return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC)


def host_instant(text: str) -> datetime:
    """Read a timestamp like `instant`; a distance counts from the host's time, which needs no database."""
    return instant(text, lambda: datetime.now(UTC))


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
    if not text.strip() or len(text) > MAX_TEXT or not all(char.isprintable() or char == "\n" for char in text):
        raise click.BadParameter(f"expected 1 to {MAX_TEXT} readable characters")
    return text


def pot(text: str) -> str:
    """Read the name of a pot of credit."""
    from kulanz.commands.fields import POT_ID

    return _named(text, POT_ID, "telephony")


def add_on_kind(text: str) -> str:
    """Read the name of a kind of add-on."""
    from kulanz.commands.fields import ADD_ON_KIND

    return _named(text, ADD_ON_KIND, "users")


def _named(text: str, pattern: str, example: str) -> str:
    if not re.fullmatch(pattern, text, re.ASCII):
        raise click.BadParameter(f"{text!r} is not a name such as {example}")
    return text


def currency_of(text: str) -> str:
    """Read an ISO 4217 code."""
    from babel.numbers import list_currencies

    if text.upper() not in list_currencies():
        raise click.BadParameter(f"{text!r} is not an ISO 4217 currency such as EUR")
    return text.upper()


def locale_name(text: str) -> str:
    """Read the locale of sentences: a language that has words, perhaps with a country."""
    from kulanz.formats.languages import LANGUAGES
    from kulanz.formats.localised import parsed

    locale = parsed(text)
    if locale is None or locale.language not in LANGUAGES:
        raise click.BadParameter(f"{text!r} is not a language that has words, such as {', '.join(LANGUAGES)}")
    return text


def mail_address(text: str) -> str:
    """Read a mail address, which stays as it is written."""
    from kulanz.formats.mail_addresses import is_address

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
def services(*, needs_database: bool = True) -> Iterator[Services]:
    """Open the services that the settings describe, for one command; some work before there is a database."""
    from kulanz.config import environment, load
    from kulanz.services import build

    settings = load(environment())
    if needs_database:
        refuse_a_missing_file(settings.database_url)
    opened = build(settings)
    try:
        yield opened
    finally:
        opened.close()


def name_misspelt_settings() -> None:
    """Write a line for each variable that looks like a setting and is none."""
    from kulanz.config import environment, misspelt

    for sentence in misspelt(environment()):
        click.echo(f"kulanz: note: {sentence}", err=True)


def refuse_unfit_words(settings: Settings) -> None:
    """Refuse templates and a logo that could not be sent; raise ConfigurationError naming each with file and line."""
    if settings.templates is None and settings.brand_logo is None:
        return
    from kulanz.delivery.template_check import problems
    from kulanz.services import brand_of

    found = problems(settings.templates, brand_of(settings), settings.mail_locale)
    if found:
        raise ConfigurationError(found)


def refuse_a_missing_file(database_url: str) -> None:
    """Refuse to work on a missing SQLite file; the RefusedError names the command that makes it."""
    path = database_url.removeprefix("sqlite:///")
    if path != database_url and not Path(path).exists():
        raise RefusedError(f"there is no database at {path} yet: `kulanz up` or `kulanz migrate` makes one")


def kulanz_in(data_dir: Path) -> str:
    """Return the shell command of this installation's `kulanz` with this data directory, independent of PATH."""
    script = Path(sys.executable).with_name("kulanz")
    called = _from_here(script) if script.exists() and which("kulanz") != str(script) else "kulanz"
    return f"KULANZ_DATA_DIR={_from_here(data_dir)} {called}"


def _from_here(path: Path) -> str:
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def emit(document: Any, as_json: bool, human: str | Callable[[], None]) -> None:  # noqa: FBT001
    """Print the outcome: as JSON, or as a person reads it."""
    if as_json:
        click.echo(as_text(document))
    elif callable(human):
        human()
    else:
        click.echo(human)


def pairs(document: Any) -> list[tuple[str, Any]]:
    """Return the fields of a document with their values, as JSON has them."""
    import msgspec

    return list(msgspec.json.decode(msgspec.json.encode(document), type=dict[str, Any]).items())


def as_text(document: Any) -> str:
    """Return JSON with timestamps in RFC 3339, UTC, `Z`."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str = "none") -> Callable[[], None]:
    """Return a function that prints a table, or `empty` where there are no rows.

    Prose is wrapped; a word (an id, a time) is not. Where the words do not fit beside each other, each row becomes a
    block of lines.
    """

    def show() -> None:
        if not rows:
            click.echo(empty)
            return
        texts = [[shown(cell) for cell in row] for row in rows]
        screen = console()
        if len(columns) == len(PAIR) or _least_width(columns, texts) <= screen.width:
            _print_grid(screen, columns, texts)
            return
        for place, row in enumerate(texts):
            click.echo("\n" * (place > 0), nl=False)
            _print_grid(screen, None, list(zip(columns, row, strict=True)))

    return show


def console() -> Any:
    """Return a rich console: as wide as COLUMNS or the terminal says, else 80 characters."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def _print_grid(screen: Any, columns: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold", show_header=columns is not None)
    for number, name in enumerate(columns or PAIR):
        whole = len(rows[0]) > len(PAIR) and not _prose([row[number] for row in rows])
        grid.add_column(name, overflow="fold", no_wrap=whole)
    for row in rows:
        grid.add_row(*(Text(text) for text in row))
    screen.print(grid)


def _least_width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return how wide a table has to be for its words to stay whole and its prose to be read."""
    cells = [[row[number] for row in rows] for number in range(len(columns))]
    widths = [NARROWEST if _prose(column) else max(len(text) for text in column) for column in cells]
    gaps = GAP * (len(columns) - 1)
    return sum(max(width, len(name)) for width, name in zip(widths, columns, strict=True)) + gaps


def _prose(column: Sequence[str]) -> bool:
    """Whether a column holds more than single words."""
    return any(" " in text for text in column)


def shown(value: object) -> str:
    """Return a cell's text."""
    match value:
        case None:
            return "-"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return "".join(each if each.isprintable() else "�" for each in str(value))


def agree(question: str) -> None:
    """Ask for confirmation; RefusedError unless the answer is yes, also without a terminal."""
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        agreed = False
    if not agreed:
        raise RefusedError("nothing was done")


def confirm(count: int, what: str, *, yes: bool) -> None:
    """Ask before a bulk change; without a terminal to ask on, `--yes` is needed."""
    if not yes and count > 1:
        agree(f"{what}: {count}. Continue?")


def _distant(text: str, now: Callable[[], datetime]) -> datetime:
    """Read `+10d` or `-1d12h`, counted from now."""
    by = span(text[1:])
    try:
        return now() + (by if text[0] == "+" else -by)
    except OverflowError as error:
        raise click.BadParameter(f"{text!r} is too far away") from error


def _policy_time() -> datetime:
    with services() as opened:
        return opened.clock.now()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
