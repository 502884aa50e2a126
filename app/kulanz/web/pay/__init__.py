"""`/pay/<token>`: the page behind the link of a mail, without a login.

Scanners of mails open links, so GET shows only. The button fetches the provider's payment page at that moment.
"""

from __future__ import annotations

import base64
import secrets
from datetime import timedelta
from hashlib import sha256
from math import ceil
from threading import BoundedSemaphore
from time import monotonic

from flask import Blueprint, Response, make_response, redirect, render_template, request

from kulanz.delivery import pay_links
from kulanz.delivery.brand import logo_kind
from kulanz.errors import FarEndError, KulanzError
from kulanz.queries import pay_page
from kulanz.queries.pay_page import PageKind, PayPage
from kulanz.services import Services
from kulanz.telemetry.logs import log
from kulanz.web import peers
from kulanz.web.attempts import Attempts

WINDOW = timedelta(minutes=15)
REQUESTS_PER_ADDRESS = 120
"""Requests within the window: many customers may share an address."""
PRESSES_PER_LINK = 10
"""Number of checks at the provider for one link within the window."""
ASKED_AT_ONCE = 4
"""Maximum number of requests that wait for a provider at the same time, so that a slow one delays no others."""
LANGUAGES_READ = 5
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_SECURITY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; img-src https: data:; base-uri 'none'; frame-ancestors 'none';"
    " form-action 'self' https:{plain}"
)
"""`form-action` also applies to the target of the button's redirect, which is the provider's."""
_STATUS = {PageKind.UNKNOWN: 404, PageKind.UNAVAILABLE: 503}


class PayPages:
    """The page in all its states, and its button."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._requests = Attempts(REQUESTS_PER_ADDRESS, WINDOW)
        self._presses = Attempts(PRESSES_PER_LINK, WINDOW)
        self._places = BoundedSemaphore(ASKED_AT_ONCE)

    def blueprint(self) -> Blueprint:
        """Return the page's address."""
        pay = Blueprint("pay", __name__, template_folder="templates")
        pay.add_url_rule(f"{pay_links.PATH}<path:token>", "show", self.show, methods=["GET"])
        pay.add_url_rule(f"{pay_links.PATH}<path:token>", "go", self.go, methods=["POST"])
        pay.register_error_handler(KulanzError, self._failed)
        return pay

    def show(self, token: str) -> Response:
        """Show the state of the case."""
        return self._throttled() or self._answer(pay_page.pay_page(self._services, token))

    def go(self, token: str) -> Response:
        """Send the customer to a fresh payment page, or to the billing page where the provider has none."""
        throttled = self._throttled()
        if throttled is not None:
            return throttled
        page = pay_page.pay_page(self._services, token)
        if page.kind is not PageKind.DUE:
            return self._answer(page)
        wait = self._presses.wait(sha256(token.encode()).hexdigest(), monotonic())
        if wait:
            return self._later(wait)
        try:
            address = self._payment_page(page) or self._services.settings.billing_url
        except FarEndError as error:
            log.warning("pay.not_answered", effect=page.effect, detail=error.detail)
            address = None
        if address is None:
            return self._answer(pay_page.unavailable(page))
        log.info("pay.opened", effect=page.effect)
        return self._hardened(make_response(redirect(address, code=303)), "")

    def _payment_page(self, page: PayPage) -> str | None:
        """Return the provider's page; None where it has none. FarEndError where it does not answer."""
        if not self._places.acquire(blocking=False):
            raise FarEndError("the provider is being asked for others", retryable=True)
        try:
            pages = self._services.payment_pages
            return pay_links.payment_page(pages, page.subscription, page.invoice, page.customer)
        finally:
            self._places.release()

    def _failed(self, error: KulanzError) -> Response:
        """Show in the customer's language that the page is unavailable, perhaps because the database is away."""
        log.warning("pay.failed", error=type(error).__name__, detail=error.detail)
        return self._answer(pay_page.unavailable())

    def _throttled(self) -> Response | None:
        source = peers.origin(request, self._services.settings.trusted_proxies)
        wait = self._requests.wait(source, monotonic())
        return self._later(wait) if wait else None

    def _later(self, wait: float) -> Response:
        trusted = self._services.settings.trusted_proxies
        log.warning("pay.throttled", unknown_proxy=peers.behind_unknown_proxy(request, trusted))
        response = self._answer(pay_page.unavailable(), 429)
        response.headers["Retry-After"] = str(ceil(wait))
        return response

    def _answer(self, page: PayPage, status: int | None = None) -> Response:
        languages = [name for name, quality in request.accept_languages if quality > 0][:LANGUAGES_READ]
        nonce = secrets.token_urlsafe(16)
        body = render_template(
            "pay/page.html",
            words=pay_page.words(self._services, page, languages),
            brand=self._services.channels().brand,
            logo=self._logo(),
            posts=page.kind is PageKind.DUE,
            billing_url=self._services.settings.billing_url,
            nonce=nonce,
        )
        return self._hardened(make_response(body, status or _STATUS.get(page.kind, 200)), nonce)

    def _logo(self) -> str | None:
        """Return the `src` of an `img` element: a logo in a file is embedded in the page."""
        brand = self._services.channels().brand
        if brand.logo_file is None:
            return brand.logo
        try:
            content = brand.logo_file.read_bytes()
        except OSError:
            return None
        return f"data:image/{logo_kind(content) or 'png'};base64,{base64.b64encode(content).decode()}"

    def _hardened(self, response: Response, nonce: str) -> Response:
        settings = self._services.settings
        # Only a test has a provider or a billing page without TLS.
        plain = " http:" if settings.test_clock or (settings.billing_url or "").startswith("http:") else ""
        response.headers.update(_HEADERS)
        response.headers["Content-Security-Policy"] = _SECURITY.format(nonce=nonce, plain=plain)
        return response
