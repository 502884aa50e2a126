"""Shows settings to a person without showing a secret."""

from __future__ import annotations

import dataclasses
from typing import Any

from kulanz.config.urls import without_password

HIDDEN = "****"
SECRET_SETTINGS = frozenset(
    {"lemonsqueezy_api_key", "account_secret", "stripe_api_key", "paddle_api_key", "callback_secret", "metrics_token"}
)
NAMED_KULANZ = frozenset(
    {"data_dir", "policy", "timezone", "country", "account_key", "account_secret", "require_signed_accounts", "plans"}
    | {"account_from", "join_by_customer", "trusted_claims", "reconcile", "spool", "test_clock", "demo"}
)


def masked_settings(settings: Any) -> dict[str, str]:
    """Return every setting's text by its variable's name."""
    fields = [entry.name for entry in dataclasses.fields(settings)]
    return {_variable(name): _shown(name, getattr(settings, name)) for name in fields}


def _variable(name: str) -> str:
    if name == "lemonsqueezy_store_ids":
        return "LEMONSQUEEZY_STORE_ID"
    return f"KULANZ_{name.upper()}" if name in NAMED_KULANZ else name.upper()


def _shown(name: str, value: Any) -> str:
    if value is None or value in ((), frozenset()):
        return ""
    if name in SECRET_SETTINGS:
        return HIDDEN
    if name.endswith("webhook_secrets") or name == "encryption_keys":
        return ",".join(HIDDEN for _ in value)
    if name in {"api_tokens", "ops_users"}:
        return ",".join(f"{each.name}:{HIDDEN}{':read' if each.read_only else ''}" for each in value)
    if name == "plans":
        return ",".join(f"{variant}={plan}" for variant, plan in value)
    return _plain(value)


def _plain(value: Any) -> str:
    match value:
        case bool():
            return str(int(value))
        case tuple():
            return ",".join(value)
        case frozenset():
            return ",".join(sorted(value))
        case _:
            return without_password(str(value))
