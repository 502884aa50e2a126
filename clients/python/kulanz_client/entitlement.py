"""Entitlement of an account, read from the answer of the API or from a callback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

FREE = "free"
"""The plan below all others."""


class Access(StrEnum):
    """Access of the account to the product."""

    FULL = "full"
    FREE = "free"
    NONE = "none"


class Source(StrEnum):
    """Origin of an entitlement."""

    KULANZ = "kulanz"
    """Kulanz answered this call."""
    CACHE = "cache"
    """An earlier answer or a callback, younger than the client's `ttl`."""
    LAST_KNOWN = "last_known"
    """An older one, because Kulanz cannot be asked now; `age` says how old."""
    OPEN = "open"
    """A substitute: Kulanz cannot be asked now, and the caller chose to admit all users."""
    CLOSED = "closed"
    """Invented: Kulanz cannot be asked now, and the caller chose to give the free plan only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A sentence that the product shows to the customer, such as a banner about a failed payment."""

    severity: str
    text: str
    """Plain text: escape it like any other text."""
    deadline: datetime | None = None
    link: str | None = None
    who: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """Entitlement of an account."""

    account_id: str
    plan: str
    access: Access
    allows: tuple[str, ...] = ()
    add_ons: tuple[str, ...] = ()
    quantities: Mapping[str, int] = field(default_factory=dict)
    version: int = 0
    """Grows with every change of the account's entitlement; 0 for an account unknown to Kulanz."""
    known: bool = True
    """False: Kulanz does not know the account, or could not be asked (`open`, `closed`)."""
    notice: Notice | None = None
    source: Source = Source.KULANZ
    age: timedelta = timedelta()
    """Time since Kulanz said so."""

    def may(self, act: str) -> bool:
        """Whether an act such as `export` is possible: always with access, else where `allows` names it."""
        return self.access is not Access.NONE or act in self.allows


def unknown(account_id: str) -> Entitlement:
    """Return the entitlement of an account unknown to Kulanz: the free plan."""
    return Entitlement(account_id=account_id, plan=FREE, access=Access.FREE, known=False)


def invented(account_id: str, source: Source) -> Entitlement:
    """Return the substitute for an answer when the caller chose `open` or `closed`."""
    access = Access.FULL if source is Source.OPEN else Access.FREE
    return Entitlement(account_id=account_id, plan=FREE, access=access, known=False, source=source)


def read(document: object, account_id: str) -> Entitlement:
    """Read an entitlement; raise ValueError for an invalid one. Unknown fields are ignored."""
    if not isinstance(document, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - a wrong document, not a wrong call
    try:
        return Entitlement(
            account_id=_text(document.get("account_id", account_id)),
            plan=_text(document["plan"]),
            access=Access(document["access"]),
            allows=_texts(document.get("allows", [])),
            add_ons=_texts(document.get("add_ons", [])),
            quantities={_text(name): _whole(number) for name, number in document.get("quantities", {}).items()},
            version=_whole(document["version"]),
            known=document.get("known", True) is not False,
            notice=_notice(document.get("notice")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("a field is missing or of the wrong type") from error


def instant(value: object) -> datetime | None:
    """Read an RFC 3339 time; None for an invalid one."""
    try:
        read_time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return read_time if read_time is not None and read_time.tzinfo is not None else None


def _notice(value: object) -> Notice | None:
    """Read the notice; an unusable one is left out, because it does not invalidate the plan."""
    match value:
        case {"severity": str(severity), "text": str(text), **more}:
            deadline, link, who = instant(more.get("deadline")), _optional(more.get("link")), _optional(more.get("who"))
            return Notice(severity=severity, text=text, deadline=deadline, link=link, who=who)
    return None


def _optional(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return tuple(map(_text, value))


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("no whole number")
    return value
