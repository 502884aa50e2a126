"""Lemon Squeezy's REST API: all that we read there, and all that we change there."""

from __future__ import annotations

from kulanz.providers.lemonsqueezy.client.client import LemonSqueezyClient
from kulanz.providers.lemonsqueezy.client.values import CustomerResource, ResourceKind, ResourcePage, WebhookResource
from kulanz.providers.transport import UNLIMITED, RateLimiter

__all__ = [
    "UNLIMITED",
    "CustomerResource",
    "LemonSqueezyClient",
    "RateLimiter",
    "ResourceKind",
    "ResourcePage",
    "WebhookResource",
]
