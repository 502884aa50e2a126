"""The reader of a page: texts, times, numbers and amounts in a language and a time zone.

Both are cookies of their own; without one, the language is the browser's (`Accept-Language`) and the zone is UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale
from babel.dates import format_skeleton, format_time
from babel.numbers import format_percent
from flask import g, request
from markupsafe import Markup, escape

from kulanz.formats.languages import LANGUAGES
from kulanz.formats.localised import LocalReader, zone_name
from kulanz.formats.messages import PLAIN, Message, Money, Reader
from kulanz.queries.accounts import read_by
from kulanz.web.console import formatting
from kulanz.web.languages import accepted

ZONE_COOKIE, LANGUAGE_COOKIE = "kulanz_zone", "kulanz_language"
ISO = "%Y-%m-%d %H:%M"


class PageReader(LocalReader):
    """Reader of a page's sentences: their timestamps stay in RFC 3339, and the page writes them as all others."""

    def moment(self, instant: datetime) -> str:
        """Return a timestamp to the second in UTC, which `Reading.sentence` marks up."""
        return PLAIN.moment(instant)


@dataclass(frozen=True, slots=True)
class Reading:
    """Reader's settings, and every value as this reader writes it."""

    zone: str
    languages: tuple[str, ...]
    """The chosen language before those of the browser."""
    reader: Reader

    @property
    def locale(self) -> Locale | None:
        """Locale of dates and numbers; None: ISO 8601."""
        return self.reader.locale if isinstance(self.reader, LocalReader) else None

    @property
    def language(self) -> str:
        """Language of the page."""
        return self.locale.language if self.locale is not None else "en"

    def text(self, text: str, /, **values: object) -> Markup:
        """Return a text of a template, which may hold HTML; its values are escaped."""
        return self._filled(Message(text=text), values)

    def counted(self, one: str, many: str, number: int, /, **values: object) -> Markup:
        """Return a text of a template that depends on a number."""
        counted = Message(text=one, many=many, values={"number": number})
        return self._filled(counted, {"number": self.grouped(number), **values})

    def said(self, each: Message | str) -> Markup:
        """Return a message with its timestamps marked up."""
        return self.sentence(self.reader.read(each) if isinstance(each, Message) else each)

    def error(self, said: object) -> Markup:
        """Return the explanation of an error; one that has no translation is marked as English."""
        if isinstance(said, Message):
            return self.said(said)
        text = str(said)
        words = self.reader.translated(Message(text=text))
        foreign = words == text and self.language != "en"
        return Markup('<span lang="en">{}</span>').format(text) if foreign else escape(words)

    def word(self, name: object) -> str:
        """Return a name of ours in the reader's language; any other name stays as it is."""
        return self.reader.translated(Message(text=str(name).replace("_", " ")))

    def grouped(self, number: float) -> str:
        """Return a number with the reader's separators."""
        return self.reader.number(number)

    def percent(self, share: float | None) -> str:
        """Return a share in whole percent."""
        return "-" if share is None else format_percent(share, locale=self.locale or "en")

    def money(self, amount: int | None, currency: str | None, decimals: int | None = None) -> str:
        """Return an amount in minor units."""
        return self.reader.money(Money(amount, currency, decimals))

    def ago(self, at: datetime | str | None, now: datetime) -> str:
        """Return the time since a past timestamp, or until a future one, which no line breaks within."""
        return "" if at is None else self.reader.read(formatting.ago(at, now)).replace(" ", "\N{NO-BREAK SPACE}")

    def instant(self, at: datetime | str | None) -> Markup:
        """Return a timestamp to the minute, with the second in UTC as a tooltip."""
        if at is None:
            return Markup('<span class="none">&ndash;</span>')
        moment = (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(UTC)
        exact = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
        return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(exact, self._written(moment))

    def moment(self, written: str) -> datetime:
        """Return the time of a form's field: in the reader's zone, unless it names one; ValueError if it is none."""
        at = datetime.fromisoformat(written)
        return at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def field(self, at: datetime) -> str:
        """Return a time as a browser's field holds it, in the reader's zone."""
        return f"{at.astimezone(ZoneInfo(self.zone)):%Y-%m-%dT%H:%M}"

    def sentence(self, sentence: str) -> Markup:
        """Return a sentence with its timestamps marked up, so that no line breaks within one.

        For a reader without language and zone they stay as in `explain`.
        """
        parts = formatting.INSTANT.split(sentence)
        shown = [self._marked(part) if place % 2 else escape(part) for place, part in enumerate(parts)]
        return Markup("").join(shown)

    def _filled(self, each: Message, values: Mapping[str, Any]) -> Markup:
        return Markup(self.reader.translated(each)).format(**values)  # nosec B704 # noqa: S704 - a text of ours

    def _marked(self, exact: str) -> Markup:
        try:
            moment = datetime.fromisoformat(exact)
        except ValueError:  # A day that there is not, quoted from an event.
            return escape(exact)
        if self.locale is None and self.zone == "UTC":
            return Markup('<time datetime="{0}">{0}</time>').format(exact)
        zone = zone_name(self._local(moment), self.locale or Locale("en"))
        return Markup('<time datetime="{0}" title="{0}">{1} {2}</time>').format(exact, self._written(moment), zone)

    def _local(self, moment: datetime) -> datetime:
        try:
            return moment.astimezone(ZoneInfo(self.zone))
        except OverflowError:  # At the ends of the calendar, which an event may name.
            return moment

    def _written(self, moment: datetime) -> str:
        local = self._local(moment)
        if self.locale is None:
            return local.strftime(ISO)
        day = format_skeleton("yMMMd", local, locale=self.locale)
        return f"{day} {format_time(local, 'HH:mm', locale=self.locale)}"


def reading() -> Reading:
    """Return the reader of the current request."""
    if "reading" not in g:
        zone, chosen = request.cookies.get(ZONE_COOKIE, "UTC"), request.cookies.get(LANGUAGE_COOKIE)
        zone, languages = zone if zone in zones() else "UTC", accepted()
        if chosen in LANGUAGES:
            languages = (*(name for name in languages if name.startswith(chosen)), chosen, *languages)
        reader = read_by(languages, zone)
        local = PageReader(reader.locale, reader.zone) if isinstance(reader, LocalReader) else reader
        g.reading = Reading(zone, languages, local)
    found: Reading = g.reading
    return found


@cache
def zones() -> tuple[str, ...]:
    """Return the names of all time zones, UTC first."""
    names = available_timezones() - {"UTC", "localtime"}
    return ("UTC", *sorted(name for name in names if "/" in name and not name.startswith("Etc/")))
