"""Reads language, time zone, country and organisation of the account from an event's custom data."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from kulanz.policy.facts import AddressKnown
from kulanz.providers.reading import PayloadReader

_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_ZONE = re.compile(r"[A-Z][A-Za-z]+(?:/[A-Za-z0-9_+-]+){1,2}|UTC")
"""Names of the IANA database that are not the same on every machine, such as `localtime`, are left out."""


class CustomerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Customer's address from custom data, each word only where it is usable."""

    locale: str | None = None
    timezone: str | None = None
    country: str | None = None
    delivery: str | None = None
    """Channel of letters: `mail` or `letter`."""
    organisation: str | None = None
    """The name of the account's organisation: compared with requests for refunds."""

    @property
    def has_more(self) -> bool:
        """Whether it has a word that no snapshot carries."""
        return bool(self.country or self.delivery or self.organisation)


_WORDS = frozenset({"locale", "timezone", "country", "delivery", "organisation"})
_NOWHERE = CustomerAddress()


def customer_address(custom: PayloadReader) -> CustomerAddress:
    """Read custom data of any shape."""
    if _WORDS.isdisjoint(custom.values):
        return _NOWHERE
    locale, country, delivery = custom.text("locale"), custom.text("country"), custom.text("delivery")
    return CustomerAddress(
        locale=locale.replace("_", "-") if locale and _LOCALE.fullmatch(locale) else None,
        timezone=_timezone(custom.text("timezone")),
        country=country.upper() if country and _COUNTRY.fullmatch(country) else None,
        delivery=delivery if delivery in {"mail", "letter"} else None,
        organisation=custom.text("organisation"),
    )


def known(given_customer_address: CustomerAddress, at: datetime) -> tuple[AddressKnown, ...]:
    """Return the fact for a country, a letter channel or an organisation, which no snapshot carries."""
    if not given_customer_address.has_more:
        return ()
    words = {
        "locale": given_customer_address.locale,
        "timezone": given_customer_address.timezone,
        "country": given_customer_address.country,
        "delivery": given_customer_address.delivery,
        "organisation": given_customer_address.organisation,
    }
    return (AddressKnown(at=at, **words),)


def _timezone(name: str | None) -> str | None:
    if not name or not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        return None
