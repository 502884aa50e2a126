"""Which account an event's custom data names, and how far that may be trusted (CONTRACT section 2)."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field

import msgspec

from kulanz.providers.reading import identifier, shown
from kulanz.providers.signing import account_signature

SIGNATURE_KEY = "account_sig"
ACCOUNT_ID = r"[A-Za-z0-9._:@|+-]{1,128}"
"""The form of every account id that there may be, as a regular expression."""
_USABLE = re.compile(r"(?!(?:lemonsqueezy|stripe|paddle|standard)-)[A-Za-z0-9][A-Za-z0-9._:@|+-]{0,127}", re.ASCII)
"""An id that begins like one of ours would let a buyer name an account that another customer is going to have.

One that begins with a sign can be a path (`..`) or an option (`--help`): no new account gets it.
"""
_KEPT = re.compile(r"[._:@-][A-Za-z0-9._:@-]{0,127}", re.ASCII)
"""Ids that were usable before: an account that has one keeps it."""
_SIGNATURE = re.compile(r"[0-9A-Fa-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Where custom data names the account, and what proves that the merchant wrote it there."""

    account_key: str = "account_id"
    account_secret: str | None = field(default=None, repr=False)
    require_signed: bool = False
    """Whether a name without the merchant's signature counts as none."""
    trusted: frozenset[str] = frozenset()
    """Providers where the merchant's server alone writes custom data: their claims count as signed."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What custom data says about the account."""

    account: str | None = None
    unusable: str | None = None
    kept: str | None = None
    """An unusable id that an account may have from before."""
    signed: bool = False


def claim(custom: object, naming: Naming, provider: str) -> Claim:
    """Read custom data of whatever shape; what is no usable id is kept apart, for operators to see."""
    if not isinstance(custom, dict) or custom.get(naming.account_key) is None:
        return Claim()
    stated = custom[naming.account_key]
    account = stated if isinstance(stated, str) else identifier(stated)
    if account is None or not (is_usable(account) or _KEPT.fullmatch(account)):
        return Claim(unusable=shown(stated))
    signed = provider in naming.trusted or _is_signed(account, custom.get(SIGNATURE_KEY), naming.account_secret)
    if naming.require_signed and not signed:
        return Claim(unusable=shown(stated))
    if not is_usable(account):  # It proves nothing: where no account has it, the event belongs to another one.
        return Claim(unusable=shown(stated), kept=account)
    return Claim(account=account, signed=signed)


def is_usable(account: str) -> bool:
    """Return whether a new account may have this id."""
    return _USABLE.fullmatch(account) is not None


def _is_signed(account: str, signature: object, secret: str | None) -> bool:
    if not secret or not isinstance(signature, str) or not _SIGNATURE.fullmatch(signature):
        return False
    return hmac.compare_digest(account_signature(account, secret), signature.lower())
