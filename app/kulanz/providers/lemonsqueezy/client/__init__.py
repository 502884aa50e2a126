"""Lemon Squeezy's REST API: everything that we read there, and everything that we do there."""

from __future__ import annotations

from kulanz.providers.lemonsqueezy.client.client import Client
from kulanz.providers.lemonsqueezy.client.values import Customer, Kind, Page, Webhook
from kulanz.providers.transport import FREELY, Pace

__all__ = ["FREELY", "Client", "Customer", "Kind", "Pace", "Page", "Webhook"]
