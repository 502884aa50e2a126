"""The state of a deletion that is under way."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from kulanz.policy.book.closure import Deletion
from kulanz.policy.document import Policy


class ClosureCase(Struct, frozen=True, kw_only=True):
    """A deletion that was asked for, or that a lost chargeback may bring."""

    subject: str
    cause: str
    """`closure` or `dispute`."""
    policy: Policy
    obstacles: tuple[str, ...]
    """Why nothing is deleted yet: `subscription_runs`, `case_open`, `refund_open`, `dispute_open`, `legal_hold`,
    `notice_period`, `notice_undelivered`, `approval`."""
    record: Deletion
    due_at: datetime | None = None
    """Not before then: of a chargeback, and where the answer to a request for a refund is on its way."""

    @property
    def ready(self) -> bool:
        """Whether no obstacle is left."""
        return not self.obstacles
