"""Lemon Squeezy's REST API: everything that we read there, and everything that we do there."""

from __future__ import annotations

from app.providers.lemonsqueezy.client.client import Client
from app.providers.lemonsqueezy.client.transport import FREELY, Pace
from app.providers.lemonsqueezy.client.values import Customer, Kind, Page, Webhook

__all__ = ["FREELY", "Client", "Customer", "Kind", "Pace", "Page", "Webhook"]
