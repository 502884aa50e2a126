"""Times in the reader's zone and language: the zone from a cookie of its own, the language from `Accept-Language`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton, format_time
from flask import Blueprint, Request, Response, make_response, redirect, render_template, request, url_for
from markupsafe import Markup, escape

from kulanz.formats.languages import LANGUAGES
from kulanz.formats.localised import parsed
from kulanz.web.console.formatting import INSTANT
from kulanz.web.languages import accepted
from kulanz.web.problems import BadRequestError

COOKIE = "kulanz_zone"
A_YEAR = timedelta(days=365)
PLAIN = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class Times:
    """Reader's settings for times."""

    zone: str = "UTC"
    locale: Locale | None = None
    """None: ISO 8601."""

    @classmethod
    def of(cls, of: Request) -> Times:
        """Return how the sender of a request wants to see times."""
        zone = of.cookies.get(COOKIE, "UTC")
        return cls(zone if zone in zones() else "UTC", _locale(of.accept_languages.values()))

    def instant(self, at: datetime | str | None) -> Markup:
        """Return a timestamp to the minute, with the second in UTC as a tooltip."""
        if at is None:
            return Markup('<span class="none">&ndash;</span>')
        moment = (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(UTC)
        exact = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
        return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(exact, self._written(moment))

    def sentence(self, sentence: str) -> Markup:
        """Return a sentence with its timestamps marked up, so that no line breaks within one.

        For a reader without language and zone they stay as in `explain`.
        """
        parts = INSTANT.split(sentence)
        shown = [self._marked(part) if place % 2 else escape(part) for place, part in enumerate(parts)]
        return Markup("").join(shown)

    def _marked(self, exact: str) -> Markup:
        try:
            moment = datetime.fromisoformat(exact)
        except ValueError:  # A day that there is not, quoted from an event.
            return escape(exact)
        if self == Times():
            return Markup('<time datetime="{0}">{0}</time>').format(exact)
        local = self._written(moment) + (" UTC" if self.zone == "UTC" else "")
        return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(exact, local)

    def _written(self, moment: datetime) -> str:
        try:
            local = moment.astimezone(ZoneInfo(self.zone))
        except OverflowError:  # At the ends of the calendar, which an event may name.
            local = moment
        if self.locale is None:
            return local.strftime(PLAIN)
        day = format_skeleton("yMMMd", local, locale=self.locale)
        return f"{day} {format_time(local, 'HH:mm', locale=self.locale)}"


class ZonePage:
    """The page on which a reader chooses a time zone."""

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/zone", "zone", self.show, methods=["GET"])
        blueprint.add_url_rule("/zone", "choose_zone", self.choose, methods=["POST"])

    def show(self) -> str:
        """Show the zones."""
        return render_template("ops/zone.html", zones=zones())

    def choose(self) -> Response:
        """Remember a zone in a cookie, which holds nothing else."""
        zone = request.form.get("zone", "")
        if zone not in zones():
            raise BadRequestError("There is no such time zone.")
        response = make_response(redirect(url_for("ops.overview"), code=303))
        path = url_for("ops.overview").rstrip("/")
        response.set_cookie(COOKIE, zone, max_age=A_YEAR, path=path, httponly=True, samesite="Strict")
        return response


@cache
def zones() -> tuple[str, ...]:
    """Return the names of all time zones, UTC first."""
    names = available_timezones() - {"UTC", "localtime"}
    return ("UTC", *sorted(name for name in names if "/" in name and not name.startswith("Etc/")))


def language() -> str:
    """Return the language of sentences: the first accepted one that has words of ours, else English."""
    locales = (parsed(name) for name in accepted())
    return next((each.language for each in locales if each is not None and each.language in LANGUAGES), "en")


def _locale(languages: Iterable[str]) -> Locale | None:
    for name in languages:
        try:
            return Locale.parse(name, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
    return None
