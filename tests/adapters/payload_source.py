"""One provider as the common stories need it: what it sends when this or that happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from kulanz.policy.facts import ProviderFact
from kulanz.providers import PROVIDERS, Naming, Provider
from tests import lemonsqueezy as ls

DAY = timedelta(days=1)
MONDAY = ls.MONDAY
BOUGHT_AT = MONDAY - 30 * DAY
Payload = dict[str, Any]
BuildPayload = Callable[[datetime], Sequence[Payload]]
Delivery = Callable[..., tuple[bytes, dict[str, str]]]


class StoryEvent(StrEnum):
    """What can happen to a subscription, whoever sells it."""

    BUYS = "buys"
    """The first period is paid, and lasts until MONDAY."""
    TRIES = "tries"
    """A trial of fourteen days begins."""
    FAILS = "fails"
    """A renewal is not paid."""
    FAILS_AGAIN = "fails_again"
    """The same renewal is tried again, in vain."""
    RECOVERS = "recovers"
    """The renewal is paid after all."""
    CANCELS = "cancels"
    """The customer wants no more; what is paid for runs on, to the end of the period."""
    ENDS = "ends"
    """The provider says that it is over."""
    REFUNDS = "refunds"
    """All the money of the last payment goes back, without our asking."""
    REFUNDS_PARTLY = "refunds_partly"
    INQUIRES = "inquires"
    """The bank asks, and takes nothing."""
    DISPUTES = "disputes"
    """The bank takes the money back."""
    WINS = "wins"
    LOSES = "loses"


@dataclass(frozen=True, kw_only=True)
class PayloadSource:
    """One provider's way to tell each `StoryEvent`. One that it has no words for is left out."""

    name: str
    endpoint: str
    subscription: str
    """Its key among the facts."""
    variant: str
    wire: Callable[[object], bytes]
    delivery: Delivery = field(repr=False)
    secret: str = field(repr=False)
    other_secret: str = field(repr=False)
    timed: bool
    """Whether the time of sending is signed."""
    events: Mapping[StoryEvent, BuildPayload] = field(repr=False)

    @property
    def provider(self) -> Provider:
        return PROVIDERS[self.endpoint]

    def tell(self, event: StoryEvent, at: datetime) -> list[Payload]:
        return list(self.events[event](at))

    def facts(self, payload: Payload, naming: Naming = Naming()) -> tuple[ProviderFact, ...]:  # noqa: B008
        body = self.wire(payload)
        seen = self.provider.peek(body)
        return self.provider.translate(seen.name, self.provider.decode(body), seen.content_key.hex(), naming)
