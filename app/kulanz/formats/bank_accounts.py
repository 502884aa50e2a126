"""A bank account for transfers: its holder, its IBAN with a right check sum, perhaps its BIC."""

from __future__ import annotations

import re
from dataclasses import dataclass

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_CHECKED_BY = 97


@dataclass(frozen=True, slots=True)
class BankAccount:
    """A bank account for transfers."""

    holder: str
    iban: str
    """In groups of four, as it is printed."""
    bic: str = ""

    def __str__(self) -> str:
        return "; ".join(filter(None, (self.holder, self.iban, self.bic)))

    @classmethod
    def parse(cls, text: str) -> BankAccount:
        """Read `holder; IBAN` or `holder; IBAN; BIC`; raise ValueError for anything else, and for a mistyped IBAN."""
        holder, *rest = (part.strip() for part in text.split(";"))
        iban, bic = [*(part.replace(" ", "") for part in rest), ""][:2]
        if not holder or not holder.isprintable() or not 1 <= len(rest) <= 2 or (bic and not _BIC.fullmatch(bic)):  # noqa: PLR2004 - IBAN and BIC
            raise ValueError("expected `holder; IBAN` or `holder; IBAN; BIC`")
        if not _IBAN.fullmatch(iban) or _remainder(iban) != 1:
            raise ValueError("expected an IBAN whose check sum is right")
        return cls(holder, " ".join(re.findall(r".{1,4}", iban)), bic)


def _remainder(iban: str) -> int:
    """Return the check of ISO 7064: 1 for every IBAN that was not mistyped."""
    return int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % _CHECKED_BY
