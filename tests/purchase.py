"""What every provider's events of one purchase have in common, whatever the provider calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Payload = dict[str, Any]
MONDAY = datetime(2026, 3, 2, 14, 8, 20, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """One subscription to a period of thirty days, and who bought it."""

    account: str | None = "org_42"
    email: str = "anne@bakery.example"
    amount: int = 4900
    currency: str = "EUR"
    began: datetime = datetime(2026, 1, 31, 14, 8, 20, tzinfo=UTC)
    period: timedelta = timedelta(days=30)

    def period_end(self, at: datetime) -> datetime:
        return self.began + self.period * ((at - self.began) // self.period + 1)

    @property
    def metadata(self) -> Payload:
        return {} if self.account is None else {"account_id": self.account}


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def written(document: Payload, instant: Callable[[datetime], object] = moment) -> Payload:
    """The same with its instants as a provider writes them."""
    return {key: instant(value) if isinstance(value, datetime) else value for key, value in document.items()}
