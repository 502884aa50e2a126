"""Mails to customers with sample data: each notice in each language, its HTML, and one to oneself."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from kulanz.delivery import trial
from kulanz.delivery.languages import languages
from kulanz.delivery.notices import REQUIRED
from kulanz.formats.localised import parsed
from kulanz.formats.mail_addresses import ascii_address
from kulanz.formats.messages import message
from kulanz.policy.effects import SendMail
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log
from kulanz.web.console import questions
from kulanz.web.problems import BadRequestError

MOST_STEPS = 99
_HTML_SECURITY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; frame-ancestors 'none'"
)
"""Content security policy for a merchant's own HTML: it is shown, without scripts."""


class MailPages:
    """The page of a notice, its HTML part, and the button that sends it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/mails", "mails", self.show, methods=["GET"])
        blueprint.add_url_rule("/mails/html", "mail_html", self.html, methods=["GET"])
        blueprint.add_url_rule("/mails/test", "test_mail", self.send, methods=["POST"])

    def show(self) -> str:
        """Show a notice as a customer would get it."""
        effect, asked = _wanted(request.args)
        words, fault = trial.written(effect, self._services.channels(), real_now())
        return render_template(
            "ops/mails.html",
            notices=[*REQUIRED],
            spoken=languages(self._services.settings.templates),
            asked=asked,
            written=words,
            fault=fault,
            filed=self._services.settings.smtp_url is None,
            done=questions.word("done", ("sent",)),
        )

    def html(self) -> Response:
        """Show the HTML part alone: no script runs, and no form in it is sent."""
        effect, _ = _wanted(request.args)
        words, _ = trial.written(effect, self._services.channels(), real_now())
        response = make_response(words.html)
        response.headers["Content-Security-Policy"] = _HTML_SECURITY
        return response

    def send(self) -> Response:
        """Send a notice to an address given by an operator; the audit log records the operator."""
        effect, asked = _wanted(request.form)
        to = ascii_address(request.form.get("to", "").strip())
        if to is None:
            raise BadRequestError(message("“to” is a mail address."))
        trial.send(effect, to, self._services.channels(), real_now())
        with self._services.database.write() as tx:
            audit_log.record(tx, at=real_now(), actor=g.user.name, act="sent a test mail", subject=effect.notice)
        return make_response(redirect(url_for("ops.mails", **asked, done="sent"), code=303))


def _wanted(given: Any) -> tuple[SendMail, dict[str, Any]]:
    """Return the requested notice, and the parameters to request it again."""
    notice = given.get("notice", "").strip() or next(iter(REQUIRED))
    locale = given.get("locale", "").strip() or None
    if locale is not None and parsed(locale) is None:
        raise BadRequestError(message("“locale” is a language such as de or de-AT."))
    step = questions.whole("step", given.get("step", "").strip())
    step = 1 if step is None else min(step, MOST_STEPS)
    return trial.sample(notice, step, locale), {"notice": notice, "locale": locale, "step": step}
