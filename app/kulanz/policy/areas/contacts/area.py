"""The area of contacts: shows that one was noted; the area of disputes judges what it means for a chargeback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from kulanz.policy.areas.area import Area
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Change, Transition


class ContactsArea(Area):
    """A customer who got in touch with the staff (plexo 10)."""

    families: ClassVar[tuple[str, ...]] = ("contacts",)

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the contact that was just noted."""
        for key, contact in step.new.contacts.items():
            if key not in step.old.contacts:
                noted, policy = contact.noted, step.terms.at(contact.noted.at)
                yield Change(
                    rule="contact.noted",
                    clause=policy.dispute.clause,
                    policy=policy,
                    subject=key,
                    rank=34,
                    detail={
                        "contacted_at": noted.contacted_at,
                        "channel": str(noted.channel),
                        "payment": noted.payment,
                        "actor": noted.actor,
                        "reason": noted.reason,
                    },
                )
