"""The account that an event names, and how far that may be trusted (CONTRACT section 2)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from kulanz.providers.reading import identifier, inner, shown
from kulanz.providers.signing import account_signature

SIGNATURE_KEY = "account_sig"
ACCOUNT_ID = r"[A-Za-z0-9._:@|+-]{1,128}"
"""The form of every account id, as a regular expression."""
_USABLE = re.compile(r"(?!(?:lemonsqueezy|stripe|paddle|standard)-)[A-Za-z0-9][A-Za-z0-9._:@|+-]{0,127}", re.ASCII)
"""An id that begins like one of ours would let a buyer name an account that another customer gets later.

One that begins with a sign can be a path (`..`) or an option (`--help`): no new account gets it.
"""
_KEPT = re.compile(r"[._:@-][A-Za-z0-9._:@-]{0,127}", re.ASCII)
"""Ids that were usable before: an account that has one keeps it."""
_SIGNATURE = re.compile(r"(?:([0-9]{1,12})\.)?([0-9A-Fa-f]{64})", re.ASCII)
"""The digits before the point are the end of the signature's validity, in seconds since 1970."""
METADATA, CUSTOMER = "metadata.", "customer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Places where an event names the account, and the proof that the merchant wrote it there."""

    account_key: str = "account_id"
    account_from: tuple[str, ...] = ()
    """The places in their order; none given: custom data and the customer, under `account_key`."""
    account_secret: str | None = field(default=None, repr=False)
    require_signed: bool = False
    """Whether a name without the merchant's signature counts as none."""
    trusted: frozenset[str] = frozenset()
    """Providers where only the merchant's server writes custom data: their claims count as signed."""
    places: tuple[str, ...] = field(init=False)
    """The places that count."""
    keys: tuple[str, ...] = field(init=False)
    """The keys of custom data among them."""

    def __post_init__(self) -> None:
        key = self.account_key
        usual = (f"{METADATA}{key}", f"{CUSTOMER}external_id", f"{CUSTOMER}{METADATA}{key}")
        places = self.account_from or usual
        object.__setattr__(self, "places", places)
        keys = tuple(place.removeprefix(METADATA) for place in places if place.startswith(METADATA))
        object.__setattr__(self, "keys", keys)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An event's word about the account."""

    account: str | None = None
    unusable: str | None = None
    kept: str | None = None
    """An unusable id that an account may have from before."""
    signed: bool = False


Told = Callable[[], datetime | None]
"""The time of the purchase, by the provider's clock; asked for only if a signature has an end."""
_NOBODY = Claim()
_NO_PLACES: Mapping[str, object] = {}


def claim(
    custom: object,
    naming: Naming,
    provider: str,
    made_at: Told = lambda: None,
    beside: Mapping[str, object] = _NO_PLACES,
) -> Claim:
    """Return the claim of the first place that names an account, in custom data of any shape or beside it.

    An unusable id is kept apart, for operators to see.
    """
    told: Mapping[str, object] = custom if isinstance(custom, dict) else _NO_PLACES
    unusable = _NOBODY
    for place in naming.places:
        stated = told.get(place.removeprefix(METADATA)) if place.startswith(METADATA) else beside.get(place)
        if stated is None:
            continue
        result = _read(stated, told.get(SIGNATURE_KEY), naming, provider, made_at)
        if result.account or result.kept:
            return result
        unusable = unusable if unusable.unusable is not None else result
    return unusable


def customer_claim(told: Mapping[str, object], naming: Naming, provider: str) -> str | None:
    """Return the account that a customer's own record names; it is never a proof."""
    metadata = inner(told, "metadata")
    for place in naming.places:
        if place.startswith(CUSTOMER):
            name = place.removeprefix(CUSTOMER)
            stated = metadata.get(name.removeprefix(METADATA)) if name.startswith(METADATA) else told.get(name)
            account = None if stated is None else _read(stated, None, naming, provider, lambda: None).account
            if account is not None:
                return account
    return None


def _read(stated: object, signature: object, naming: Naming, provider: str, made_at: Told) -> Claim:
    account = stated if isinstance(stated, str) else identifier(stated)
    if account is None or not (is_usable(account) or _KEPT.fullmatch(account)):
        return Claim(unusable=shown(stated))
    signed = provider in naming.trusted or _is_signed(account, signature, naming.account_secret, made_at)
    if naming.require_signed and not signed:
        return Claim(unusable=shown(stated))
    if not is_usable(account):  # A name without proof: if no account has it, the event belongs to another account.
        return Claim(unusable=shown(stated), kept=account)
    return Claim(account=account, signed=signed)


def is_usable(account: str) -> bool:
    """Return whether a new account may have this id."""
    return _USABLE.fullmatch(account) is not None


def _is_signed(account: str, signature: object, secret: str | None, made_at: Told) -> bool:
    matched = _SIGNATURE.fullmatch(signature) if secret and isinstance(signature, str) else None
    if matched is None or secret is None:
        return False
    until = int(matched[1]) if matched[1] else None
    if not hmac.compare_digest(account_signature(account, secret, until), matched[0].lower()):
        return False
    if until is None:
        return True
    made = made_at()
    return made is not None and made.timestamp() <= until
