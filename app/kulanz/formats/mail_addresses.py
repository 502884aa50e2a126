"""The syntax of mail addresses: dot-atoms (RFC 5321, 6531), and domains by IDNA 2008 (UTS 46, non-transitional)."""

from __future__ import annotations

import re

_LONGEST = 254
"""Octets of an address, by RFC 5321 and its erratum 1690."""
_WORD = r"[^\x00-\x20\x7f\"(),.:;<>@\[\\\]]+"
_LOCAL = re.compile(rf"(?=.{{1,64}}\Z){_WORD}(?:\.{_WORD})*")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def is_address(text: str) -> bool:
    """Whether a customer may have this address; its local part may be internationalised."""
    return _with_ascii_domain(text) is not None


def ascii_address(text: str) -> str | None:
    """Return the address as any mail server takes it, with its domain in ASCII; None where there is no such form."""
    address = _with_ascii_domain(text)
    return address if address is not None and address.isascii() else None


def _with_ascii_domain(text: str) -> str | None:
    local, _, domain = text.rpartition("@")
    if not _LOCAL.fullmatch(local) or not local.isprintable() or len(text) > _LONGEST:
        return None
    encoded = domain if domain.isascii() else _encoded(domain)
    address = f"{local}@{encoded}"
    return address if _DOMAIN.fullmatch(encoded) and len(address) <= _LONGEST else None


def _encoded(domain: str) -> str:
    """Return the A-labels of a domain; an empty text where it has none."""
    import idna  # noqa: PLC0415 - its tables are loaded only for a domain that needs them

    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:  # Among them every IDNAError.
        return ""
