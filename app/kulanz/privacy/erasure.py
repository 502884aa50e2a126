"""Erasure: closing an account for good. Records that the law keeps are archived, other personal data destroyed.

1. Encrypt the records to be retained, each class with a key of its own, and store them in the archive.
2. Encrypt unfinished outgoing actions with the installation's key, so that they can still be delivered.
3. Delete the data keys of the account and of its aliases: nothing encrypted with them can be read any more.
4. Store a signed certificate of what was destroyed and what is kept.

All steps run in the transaction whose decision closes the account: either all of them happen or none.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from kulanz.crypto import places, signing
from kulanz.crypto.vault import Vault
from kulanz.delivery import files, letterbox
from kulanz.policy.areas.closure.area import closed_by
from kulanz.policy.areas.closure.retention import RetainedRecords, retained
from kulanz.policy.book import Book
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.state import Account, Terms
from kulanz.privacy import statements, vacuum
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import accounts, archive, case_index, certificates, codec, erasing, ledger, outbox
from kulanz.store.accounts import AccountRow
from kulanz.store.archive import KeptRecords, NewRecords
from kulanz.store.certificates import Certificate
from kulanz.store.database import Connection
from kulanz.store.outbox import EffectRow

JsonDocument = dict[str, Any]
_CARRIED_ON = frozenset({"pending", "todo", "parked"})
_PURPOSE = b"kulanz certificate 1\n"
_canonical = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """An account that a decision has just closed."""

    account: Account
    terms: Terms
    now: datetime


def destroy(services: Services, tx: Connection, closing: Closing) -> None:
    """Destroy the personal data of a locked account that was closed and saved, and store a certificate."""
    closed, row = closed_by(closing.account.book), accounts.exactly(tx, closing.account.id)
    if closed is None or row is None:
        raise ValueError("an account that nothing has closed")
    policy = closing.terms.current
    names = [row.id, *accounts.aliases(tx, row.id)]
    left = retained(closing.account.book, policy.retention, closing.account.zone(closing.terms), closing.now)
    by_timer = policy.retention.destroy == "automatic"
    archive.add(
        tx,
        [
            _sealed(services.vault, row.id, retained_records, closing.now, by_timer=by_timer)
            for retained_records in left
        ],
    )
    for name in names:
        _carry_on(services.vault, tx, name)
    remove_files(services, [effect for name in names for effect in outbox.of_account(tx, name)])
    vacuum.request(tx, real_now())
    details = sum(ledger.redact(tx, name, but=row.seq if name == row.id else None) for name in names)
    case_index.keep_without_names(tx, names, closing.now)
    gone = erasing.destroy(tx, names)
    statements.restate(services.vault, tx, names)
    stated = {
        "cause": closed.cause,
        "policy": f"{policy.name}@{policy.version}",
        "destroyed": gone | {"decision_details": details},
        "kept": [
            _told(retained_records.kind, retained_records.basis, retained_records.until, len(retained_records.records))
            for retained_records in left
        ],
    }
    certify(services.vault, tx, row, stated, closing.now)


def remove_files(services: Services, effects: Sequence[EffectRow]) -> None:
    """Remove files written for people: mails without a mail server, letters, hand-overs of debts."""
    names = {_file_of(effect) for effect in effects}
    for folder in letterbox.FOLDERS:
        letterbox.remove(services.settings.data_dir / folder, names)


def book_of(vault: Vault, row: AccountRow) -> Book:
    """Return the book of an account; an empty one where its data were destroyed."""
    if row.key is None or row.book is None:
        return Book()
    return codec.unpack_book(vault.data_key(row.key, row.id).open(row.book, places.book(row.id)))


def certify(vault: Vault, tx: Connection, row: AccountRow, given_document: JsonDocument, now: datetime) -> str:
    """Keep a signed certificate of what was destroyed by the last decision about an account; return its id."""
    ident = f"ce_{secrets.token_hex(8)}"
    public = vault.signer.public
    document = {
        "kind": "kulanz certificate of destruction",
        "id": ident,
        "account_id": row.id,
        "at": rfc3339(now),
        "decision": row.seq,
        "decision_hash": row.head.hex(),
        **given_document,
        "key": {"algorithm": "Ed25519", "public_key": public.hex(), "fingerprint": signing.fingerprint(public)},
    }
    text = _canonical(document)
    signature = vault.signer.sign(_PURPOSE + text)
    certificates.add(tx, Certificate(ident, row.id, now, text.decode(), signature))
    return ident


def is_genuine(certificate: Certificate, public: bytes) -> bool:
    """Whether a certificate is as it was signed with this key."""
    return signing.has_signed(public, _PURPOSE + certificate.document.encode(), certificate.signature)


def described(rows: Sequence[KeptRecords]) -> list[JsonDocument]:
    """Return the archived records' class, legal basis, end of retention and number, without their content."""
    return [_told(row.kind, row.basis, row.kept_until, row.records) for row in rows]


def opened(vault: Vault, row: KeptRecords) -> list[JsonDocument]:
    """Return the content of archived records; it may be personal."""
    key = vault.unwrap(row.key, places.archive_key(row.account, row.kind, row.kept_until))
    body = key.open(row.body, places.archive(row.account, row.kind, row.kept_until))
    matches: list[JsonDocument] = msgspec.json.decode(body)
    return matches


def _sealed(
    vault: Vault, account: str, retained_records: RetainedRecords, now: datetime, *, by_timer: bool
) -> NewRecords:
    """Encrypt records under a key of their own, so that each class can be destroyed alone."""
    named = (account, retained_records.kind, retained_records.until)
    place = places.archive_key(*named)
    wrapped = vault.new_key(place)
    body = vault.unwrap(wrapped, place).seal(msgspec.json.encode(retained_records.records), places.archive(*named))
    return NewRecords(
        account=account,
        kind=retained_records.kind,
        basis=retained_records.basis,
        kept_until=retained_records.until,
        archived_at=now,
        by_timer=int(by_timer),
        records=len(retained_records.records),
        key=wrapped,
        body=body,
    )


def _carry_on(vault: Vault, tx: Connection, name: str) -> None:
    """Keep unfinished actions of the account readable: provider calls and notifications of the product."""
    wrapped = accounts.data_key(tx, name)
    if wrapped is None:
        return
    key = vault.data_key(wrapped, name)
    for row in _unfinished(tx, name):
        place = places.effect(row.account, row.id)
        outbox.reseal(tx, row.id, vault.seal(key.open(row.payload, place), place))


def _file_of(effect: EffectRow) -> str:
    return files.name_of(effect.subject, effect.type) if effect.kind == "DropFile" else effect.id


def _unfinished(tx: Connection, name: str) -> Iterator[outbox.EffectRow]:
    for row in list(outbox.of_account(tx, name)):
        if row.state in _CARRIED_ON and row.kind not in erasing.PERSONAL_EFFECT_KINDS:
            yield row


def _told(kind: str, basis: str, until: datetime, records: int) -> JsonDocument:
    return {"class": kind, "basis": basis, "until": rfc3339(until), "records": records}
