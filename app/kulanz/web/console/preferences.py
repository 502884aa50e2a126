"""The reader's choice of a language and a time zone, each in a cookie of its own."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from kulanz.formats.languages import LANGUAGES
from kulanz.formats.messages import message
from kulanz.web.console.reading import LANGUAGE_COOKIE, ZONE_COOKIE, zones
from kulanz.web.problems import BadRequestError

A_YEAR = timedelta(days=365)
NAMES = {"de": "Deutsch", "en": "English", "fr": "Français"}


class PreferencesPage:
    """The page on which a reader chooses a language and a time zone."""

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/zone", "zone", self.show, methods=["GET"])
        blueprint.add_url_rule("/zone", "choose_zone", self.choose, methods=["POST"])

    def show(self) -> str:
        """Show the languages and zones."""
        chosen = request.cookies.get(LANGUAGE_COOKIE)
        names = [(language, NAMES[language]) for language in LANGUAGES]
        return render_template("ops/zone.html", zones=zones(), names=names, chosen=chosen)

    def choose(self) -> Response:
        """Remember both in cookies, which hold nothing else; without a language, it is the browser's again."""
        zone, language = request.form.get("zone", ""), request.form.get("language", "")
        if zone not in zones():
            raise BadRequestError(message("There is no such time zone."))
        if language not in {"", *LANGUAGES}:
            raise BadRequestError(message("The console does not speak this language."))
        response = make_response(redirect(url_for("ops.overview"), code=303))
        path = url_for("ops.overview").rstrip("/")
        response.set_cookie(ZONE_COOKIE, zone, max_age=A_YEAR, path=path, httponly=True, samesite="Strict")
        lifetime = A_YEAR if language else 0
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=lifetime, path=path, httponly=True, samesite="Strict")
        return response
