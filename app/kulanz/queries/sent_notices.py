"""A notice from the outbox, decrypted: its recipient, and the words that were handed over."""

from __future__ import annotations

from kulanz.crypto import places
from kulanz.errors import NotFoundError
from kulanz.policy.effects import SendLetter, SendMail
from kulanz.services import Services
from kulanz.store import accounts, codec
from kulanz.store.database import Connection
from kulanz.store.outbox import EffectRow


def notice(services: Services, conn: Connection, row: EffectRow) -> SendMail | SendLetter:
    """Return a notice to a customer; NotFoundError where it is none, or was destroyed with its account."""
    key = accounts.data_key(conn, row.account) if row.account else None
    if row.kind not in {"SendMail", "SendLetter"} or key is None or not row.payload:
        raise NotFoundError(f"{row.id} is no notice to a customer, or its data were destroyed")
    plain = services.vault.data_key(key, row.account).open(row.payload, places.effect(row.account, row.id))
    effect = codec.read_effect(row.kind, plain)
    if not isinstance(effect, SendMail | SendLetter):
        raise NotFoundError(f"{row.id} is no notice to a customer")
    return effect
