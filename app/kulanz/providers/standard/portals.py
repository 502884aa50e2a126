"""Customer portals of Polar and Dodo: sessions for one customer, and the only use of the keys of their APIs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from kulanz.providers.reading import PayloadReader
from kulanz.providers.transport import Transport

_POLAR_VERSION = {"Polar-Version": "2026-10"}


@dataclass(frozen=True, slots=True)
class PolarPortal(Transport):
    """Client of one Polar access token with the scope `customer_sessions:write`."""

    FAR_END: ClassVar[str] = "Polar"

    def payment_page(self, _subscription: str, _invoice: str | None, customer: str, /) -> str | None:
        """Return the address of a new session of the customer's portal, in which the card is changed."""
        session = self.tell("POST", "/v1/customer-sessions/", {"customer_id": customer}, _POLAR_VERSION)
        return PayloadReader(session or {}, "session").web_address("customer_portal_url")


@dataclass(frozen=True, slots=True)
class DodoPortal(Transport):
    """Client of one Dodo API key."""

    FAR_END: ClassVar[str] = "Dodo"

    def payment_page(self, _subscription: str, _invoice: str | None, customer: str, /) -> str | None:
        """Return the address of a new session of the customer's portal, in which the card is changed."""
        session = self.tell("POST", f"/customers/{quote(customer, safe='')}/customer-portal/session")
        return PayloadReader(session or {}, "session").web_address("link")
