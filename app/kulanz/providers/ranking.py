"""The rank of snapshots of one dispute at one timestamp, for all providers (DOMAIN section 2)."""

from __future__ import annotations

from kulanz.policy.facts import DisputeStatus

_RISING = {DisputeStatus.INQUIRY: 1, DisputeStatus.OPENED: 2, DisputeStatus.UNDER_REVIEW: 3}
_FINAL = 4


def of_dispute(status: DisputeStatus) -> int:
    """Return the rank of a status: a final one outranks those that lead to it."""
    return _RISING.get(status, _FINAL)
