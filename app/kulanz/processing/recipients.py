"""One notice a day for a recipient: the mail addresses to which another account has written today.

A reminder then waits for the next day. Nothing else waits: not a final warning, not what follows from an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from kulanz.crypto import places
from kulanz.policy.areas.dunning import notices
from kulanz.policy.calendar.hours import day_of
from kulanz.policy.effects import OPERATORS_NOTICE, Effect, SendMail
from kulanz.policy.state import Decision, Terms
from kulanz.processing.search_words import address_digest
from kulanz.services import Services
from kulanz.store import accounts, codec, recipients, search_index
from kulanz.store.database import Connection
from kulanz.store.outbox import EffectRow

LOOK_AGAIN = timedelta(minutes=1)
"""How long a reminder waits while another transaction decides about the same recipient."""


class Recipients:
    """Recipients of the mails of one transaction, and of all others since the day began."""

    def __init__(self, services: Services, tx: Connection, now: datetime) -> None:
        self._services = services
        self._tx = tx
        self._now = now
        self._written: dict[str, set[str]] = {}
        """Accounts that wrote in this transaction, by address."""

    def note(self, account: str, effects: Iterable[Effect]) -> None:
        """Remember the recipients of a decision's mails."""
        for effect in effects:
            if isinstance(effect, SendMail) and effect.notice != OPERATORS_NOTICE:
                self._written.setdefault(_plain(effect.to), set()).add(account)

    def put_off(self, decision: Decision, terms: Terms) -> Mapping[str, datetime]:
        """Return the addresses whose reminders wait, with the time of the next look."""
        account = decision.account
        found: dict[str, datetime] = {}
        for address, next_day in notices.one_a_day_for(decision, account.zone(terms), self._now).items():
            digest = address_digest(self._services.vault, address)
            if not recipients.take_turn(self._tx, digest):
                found[address] = self._now + LOOK_AGAIN
            elif self._was_written_to(address, account.id, digest, day_of(self._now, account.zone(terms))):
                found[address] = next_day
        return found

    def _was_written_to(self, address: str, account: str, digest: bytes, since: datetime) -> bool:
        """Whether another account has written to an address since the day began."""
        if self._written.get(_plain(address), set()) - {account}:
            return True
        others = set(search_index.find(self._tx, digest)) - {account}
        rows = recipients.mails_since(self._tx, others, since) if others else ()
        return any(self._recipient(row) == _plain(address) for row in rows if row.type != OPERATORS_NOTICE)

    def _recipient(self, row: EffectRow) -> str | None:
        wrapped = accounts.data_key(self._tx, row.account)
        if wrapped is None:
            return None
        key = self._services.vault.data_key(wrapped, row.account)
        mail = codec.read_effect(row.kind, key.open(row.payload, places.effect(row.account, row.id)))
        return _plain(mail.to) if isinstance(mail, SendMail) else None


def _plain(address: str) -> str:
    return address.strip().casefold()
