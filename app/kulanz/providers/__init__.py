"""Payment providers by the name of their endpoint: the only modules that know a provider's words."""

from __future__ import annotations

from collections.abc import Mapping

from kulanz.providers import lemonsqueezy, paddle, standard, stripe
from kulanz.providers.naming import Naming
from kulanz.providers.provider import DeliveryHeader, Provider, Routing
from kulanz.providers.reading import UnknownWord

__all__ = ["PROVIDERS", "DeliveryHeader", "Naming", "Provider", "Routing", "UnknownWord"]

PROVIDERS: Mapping[str, Provider] = {
    "lemonsqueezy": lemonsqueezy,
    "stripe": stripe,
    "paddle": paddle,
    "standard": standard,
}
"""Modules of the providers; the name is also that of the endpoint and of the keys."""
