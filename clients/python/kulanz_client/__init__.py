"""Client of Kulanz: entitlements with a cache and failure modes, and verified callbacks."""

from kulanz_client.callbacks import Callback
from kulanz_client.client import Client, Count, OnFailure
from kulanz_client.entitlement import Access, Entitlement, Notice, Source
from kulanz_client.errors import CallbackError, ConfigurationError, KulanzClientError, UnavailableError

__all__ = [
    "Access",
    "Callback",
    "CallbackError",
    "Client",
    "ConfigurationError",
    "Count",
    "Entitlement",
    "KulanzClientError",
    "Notice",
    "OnFailure",
    "Source",
    "UnavailableError",
]
