"""The book's record of contacts with the merchant's staff."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kulanz.policy.facts import ContactNoted


def entries(fact: object) -> Iterator[tuple[str, str, Contact]]:
    """Yield the records of a contact in a fact."""
    if isinstance(fact, ContactNoted):
        yield "contacts", fact.id, Contact(noted=fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A contact; the same id is the same contact."""

    noted: ContactNoted

    def join(self, other: Contact) -> Contact:
        """Keep one of two words under one id, always the same one."""
        return self if self == other else max(self, other, key=lambda contact: (contact.noted.at, repr(contact.noted)))
