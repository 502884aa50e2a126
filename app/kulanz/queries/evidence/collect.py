"""Collects the content of an evidence file: the story, what was sent, what was received, proofs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from kulanz.crypto import places, signing
from kulanz.crypto.vault import DataKey
from kulanz.delivery.brand import Brand
from kulanz.delivery.channels import Attempt
from kulanz.errors import KulanzError, NotFoundError
from kulanz.policy.book import Book
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.effects import Notify, SendLetter, SendMail
from kulanz.privacy import statements
from kulanz.queries import accounts as account_queries
from kulanz.queries import sentences, values
from kulanz.queries.views import view
from kulanz.services import Services
from kulanz.store import accounts, codec, ledger, outbox, policies, receipts
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection
from kulanz.store.ledger import DecisionRow
from kulanz.store.outbox import EffectRow

JsonDocument = dict[str, Any]
KIND = "kulanz evidence"
FORMAT = 1
_PAGE = 500


def collect(services: Services, name: str, made_at: datetime) -> JsonDocument:
    """Return an account's evidence, ready for JSON; NotFoundError if there is no such account."""
    public = services.vault.signer.public
    with services.database.read() as conn:
        seen = view(services, conn, name)
        rows = list(_rows(conn, seen.account.id))
        chains = [_chain(services, conn, row) for row in rows]
        return {
            "kind": KIND,
            "format": FORMAT,
            "made_at": rfc3339(made_at),
            "account": msgspec.to_builtins(account_queries.account_in(services, conn, seen.account.id)),
            "buyers": list(_buyers(seen.account.book)),
            "payments": list(_payments(seen.account.book)),
            "chains": chains,
            "sent": _proved([document for row in rows for document in _sent(services, conn, row)], chains),
            "received": [document for row in rows for document in _received(conn, row.id)],
            "policies": [_policy(row) for row in policies.all(conn)],
            "key": {
                "algorithm": "Ed25519",
                "public_key": public.hex(),
                "fingerprint": signing.fingerprint(public),
            },
        }


def _proved(sent: list[JsonDocument], chains: list[JsonDocument]) -> list[JsonDocument]:
    """Return the sent notices, each with the decision that has the hash of its text.

    A notice has none if it is still pending, was sent by a version without recorded texts, or moved here.
    """
    places = {digest: place for chain in chains for digest, place in _recorded(chain)}
    return [document | {"recorded_in": places.get(document["words_sha256"])} for document in sent]


def _recorded(chain: JsonDocument) -> Iterator[tuple[str, JsonDocument]]:
    for item in chain["decisions"]:
        for digest in recorded_words(item["record"]):
            yield digest, {"account": chain["account"], "seq": item["record"]["seq"]}


def recorded_words(record: JsonDocument) -> list[str]:
    """Return the hashes of the texts that a decision recorded."""
    changes = record["detail"].get("changes", [])
    return [change["detail"]["sha256"] for change in changes if change["rule"] == "notice.recorded"]


def _rows(conn: Connection, account: str) -> Iterator[AccountRow]:
    """Yield the account, and its provisional names before: their decisions stay there."""
    for name in (*accounts.aliases(conn, account), account):
        row = accounts.exactly(conn, name)
        if row is None:
            raise NotFoundError(f"no account {name!r}")
        yield row


def _buyers(book: Book) -> Iterator[JsonDocument]:
    mails = {sub.seen.customer: sub.seen.email for _, sub in sorted(book.subscriptions.items())}
    existing = {key: record.seen.email for key, record in sorted(book.customers.items())}
    for customer, mail in sorted({**mails, **{key: mail for key, mail in existing.items() if mail}}.items()):
        yield {"customer": customer, "email": mail}


def _payments(book: Book) -> Iterator[JsonDocument]:
    for _, invoices in sorted(book.invoices.items()):
        for key, invoice in sorted(invoices.known.items()):
            seen = invoice.seen
            yield {
                "invoice": key,
                "subscription": seen.subscription,
                "reason": str(seen.reason),
                "status": str(seen.status),
                "total": seen.total,
                "tax": seen.tax,
                "refunded": invoice.refunded,
                "currency": seen.currency,
                "decimals": seen.decimals,
                "made_at": values.instant(seen.created_at),
                "paid_at": values.instant(invoice.paid_at),
                "failed_at": [values.instant(failure) for failure in invoice.failures],
            }


def _chain(services: Services, conn: Connection, row: AccountRow) -> JsonDocument:
    return {
        "account": row.id,
        "decisions": [_decision(decision) for decision in _decisions(conn, row.id)],
        "seq": row.seq,
        "head": row.head.hex(),
        "signature": _signature(services, row),
    }


def _signature(services: Services, row: AccountRow) -> str | None:
    """Sign the end of a chain for others to check; of a row that is not as it was stored nothing is signed."""
    if not row.seq or not statements.is_stated(services.vault, row):
        return None
    return services.vault.signer.sign(ledger.statement(row.id, row.seq, row.head)).hex()


def _decisions(conn: Connection, account: str) -> Iterator[DecisionRow]:
    after = 0
    while page := ledger.of_account(conn, account, after, _PAGE):
        yield from page
        after = page[-1].seq


def _decision(row: DecisionRow) -> JsonDocument:
    changes = row.detail.get("changes", [])
    record = msgspec.to_builtins(row, builtin_types=(bytes,))
    record |= {"at": rfc3339(row.at), "prev_hash": row.prev_hash.hex(), "hash": row.hash.hex()}
    return {"record": record, "sentences": [sentences.sentence(change) for change in changes]}


def _sent(services: Services, conn: Connection, row: AccountRow) -> Iterator[JsonDocument]:
    if row.key is None:
        return
    key = services.vault.data_key(row.key, row.id)
    for effect in outbox.of_account(conn, row.id):
        if effect.type not in {"ops.alert", "ops_alert"}:
            yield _effect(services, effect, key)


def _effect(services: Services, row: EffectRow, key: DataKey) -> JsonDocument:
    document: JsonDocument = {
        "id": row.id,
        "kind": row.kind,
        "type": row.type,
        "subject": row.subject,
        "step": row.step,
        "decision": row.decision_seq,
        "decided_at": values.instant(row.created_at),
        "state": row.state,
        "attempts": row.attempts,
        "ended_at": values.instant(row.done_at),
        "error": row.error,
        "to": None,
        "title": None,
        "text": None,
        "words": None,
        "words_sha256": None,
    }
    effect = codec.read_effect(row.kind, key.open(row.payload, places.effect(row.account, row.id)))
    if isinstance(effect, SendMail | SendLetter) and effect.words is not None:
        words = effect.words
        kept = {"words": msgspec.to_builtins(words), "words_sha256": words.digest}
        return document | {"to": effect.to, "title": words.subject, "text": words.text, **kept}
    if isinstance(effect, SendMail):
        return document | {"to": effect.to, **_letter(services, effect, row)}
    if isinstance(effect, Notify):
        return document | {"data": effect.data}
    return document


def _letter(services: Services, effect: SendMail, row: EffectRow) -> dict[str, Any]:
    """Return the text of a mail without a recorded text: not tried yet, or sent by an older version.

    It is rendered from its recorded data with our own templates, without the brand, as that version sent it.
    """
    from kulanz.delivery.mail import write  # noqa: PLC0415 - it loads templates and the dates of all languages

    attempt = Attempt(account=row.account, decided_at=row.created_at, now=row.created_at)
    plain = replace(services.channels(), templates=None, brand=Brand(), public_url=None)
    try:
        words, _ = write(effect, plain, attempt)
    except KulanzError as error:
        return {"title": None, "text": error.detail}
    return {"title": words.subject, "text": words.text}


def _received(conn: Connection, account: str) -> Iterator[JsonDocument]:
    for event in receipts.of_account(conn, account):
        yield {
            "id": f"evt_{event.id}",
            "provider": event.provider,
            "name": event.name,
            "state": event.state,
            "received_at": values.instant(event.received_at),
            "sha256": event.sha256.hex(),
        }


def _policy(row: policies.PolicyRow) -> JsonDocument:
    return {
        "version": row.version,
        "name": row.name,
        "sha256": row.sha256,
        "effective_from": values.instant(row.effective_from),
        "text": row.document,
    }
