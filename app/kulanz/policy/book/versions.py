"""Records of agreements, and of policy versions that were applied to open cases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from kulanz.policy import facts as f


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """An account's own terms for a period; the same id is the same agreement."""

    agreed: f.TermsAgreed

    def join(self, other: Agreement) -> Agreement:
        """Keep the later word under one id."""
        return (
            self
            if self == other
            else max(self, other, key=lambda agreement: (agreement.agreed.at, repr(agreement.agreed)))
        )


class Pin(Struct, frozen=True, kw_only=True):
    """The version of the policy that was applied to a case or dispute instead of the one that it began under."""

    version: int
    began: datetime
    at: datetime
    chosen: bool = True
    """Whether a person chose it; otherwise it is only recorded."""

    def join(self, other: Pin) -> Pin:
        """Keep the last applied version, up to the latest beginning: each is more lenient than the one before."""
        last = max(self, other, key=lambda pin: (pin.at, pin.chosen, pin.version))
        return Pin(version=last.version, began=max(self.began, other.began), at=last.at, chosen=last.chosen)
