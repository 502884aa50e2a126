"""Checks an evidence file with nothing but the file: no database, no network, no secret."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from kulanz.crypto import signing
from kulanz.errors import InvalidInputError
from kulanz.policy.effects import words_digest
from kulanz.queries.evidence.collect import recorded_words
from kulanz.queries.evidence.page import DATA_BEGINS, DATA_ENDS, SIGNATURE_BEGINS, SIGNATURE_ENDS, signed_part
from kulanz.store import ledger
from kulanz.store.ledger import DecisionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceVerdict:
    """Result of checking a file; it is sound if there are no problems."""

    account: str
    made_at: str
    public_key: str
    fingerprint: str
    decisions: int
    problems: tuple[str, ...]


def check(file: bytes, expected_key: str | None = None) -> EvidenceVerdict:
    """Check a file; `expected_key` is a public key or its fingerprint. InvalidInputError if it is no evidence."""
    page, signature = _apart(file)
    try:
        document = msgspec.json.decode(_data(page))
        public = bytes.fromhex(document["key"]["public_key"])
        problems = [*_signature(page, signature, public), *_key(public, expected_key), *_contents(document, public)]
        return EvidenceVerdict(
            account=str(document["account"]["account_id"]),
            made_at=str(document["made_at"]),
            public_key=public.hex(),
            fingerprint=signing.fingerprint(public),
            decisions=sum(len(chain["decisions"]) for chain in document["chains"]),
            problems=tuple(problems),
        )
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError("what is in this file is not evidence of a form that is known here") from error


def _apart(file: bytes) -> tuple[bytes, bytes]:
    page, begins, line = file.rpartition(SIGNATURE_BEGINS)
    if not begins:
        raise InvalidInputError("this file is not evidence, or its end is missing: there is no signature")
    written = line.removesuffix(SIGNATURE_ENDS)
    try:
        signature = binascii.unhexlify(written)
    except ValueError:
        return page, b""
    # Written otherwise, in capitals say, it would be the same signature and another file.
    return page, signature if line == signature.hex().encode() + SIGNATURE_ENDS else b""


def _data(page: bytes) -> bytes:
    return page.partition(DATA_BEGINS)[2].rpartition(DATA_ENDS)[0]


def _signature(page: bytes, signature: bytes, public: bytes) -> Iterator[str]:
    if not signing.has_signed(public, signed_part(page), signature):
        yield "the file is not as it was signed"


def _key(public: bytes, expected: str | None) -> Iterator[str]:
    if expected is None:
        return
    wanted = "".join(expected.split()).lower()
    if wanted not in {public.hex(), "".join(signing.fingerprint(public).split())}:
        yield "it was signed with another key than the expected one"


def _contents(document: dict[str, Any], public: bytes) -> Iterator[str]:
    broken = [problem for chain in document["chains"] for problem in _chain(chain, public)]
    yield from broken
    # A hash proves something only in a chain that is whole.
    for item in () if broken else document["sent"]:
        yield from _words(item, document["chains"])
    for policy in document["policies"]:
        if sha256(policy["text"].encode()).hexdigest() != policy["sha256"]:
            yield f"the text of policy {policy['name']} version {policy['version']} does not have its hash"


def _words(item: dict[str, Any], chains: list[dict[str, Any]]) -> Iterator[str]:
    """Check the text of a notice against its hash in the ledger; files of earlier versions have none."""
    words, place = item.get("words"), item.get("recorded_in")
    if words is None:
        return
    digest = words_digest(words)
    shown = (item["title"], item["text"], item["words_sha256"]) == (words["subject"], words["text"], digest)
    kept = place is None or digest in _recorded(chains, place)
    if not (shown and kept):
        yield f"the words of {item['id']} are not those whose hash was recorded"


def _recorded(chains: list[dict[str, Any]], place: dict[str, Any]) -> list[str]:
    """Return the hashes of texts that one decision recorded."""
    decisions = (
        each["record"] for chain in chains if chain["account"] == place["account"] for each in chain["decisions"]
    )
    return [digest for record in decisions if record["seq"] == place["seq"] for digest in recorded_words(record)]


def _chain(chain: dict[str, Any], public: bytes) -> Iterator[str]:
    account, head = chain["account"], b""
    for number, item in enumerate(chain["decisions"], start=1):
        row = _row(item["record"])
        fits = (row.account, row.seq, row.prev_hash, row.hash) == (account, number, head, ledger.chain(head, row))
        if not fits:
            yield f"the decisions of {account} do not fit together at number {number}"
            return
        head = row.hash
    if (len(chain["decisions"]), head.hex()) != (chain["seq"], chain["head"]):
        yield f"the decisions of {account} are not all there"
    elif chain["decisions"]:
        signed = ledger.statement(account, chain["seq"], head)
        if not signing.has_signed(public, signed, bytes.fromhex(chain["signature"] or "")):
            yield f"the end of the decisions of {account} is not signed with this key"


def _row(record: dict[str, Any]) -> DecisionRow:
    own = {name: bytes.fromhex(record[name]) for name in ("prev_hash", "hash")}
    return DecisionRow(**{**record, **own, "at": datetime.fromisoformat(record["at"])})
