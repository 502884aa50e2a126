"""The signed head of the whole ledger, in a file beside the database: where every account's chain ended, and when.

The database alone cannot show that it was put back as a whole, or that an account is gone with all its rows. The file
can: every chain that it names must still be there, and continue from where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from kulanz.crypto import signing
from kulanz.errors import UnreadableError
from kulanz.runtime.clock import real_now
from kulanz.runtime.private_files import write_private
from kulanz.services import Services
from kulanz.store import accounts, ledger, policies
from kulanz.store.accounts import ChainEnd
from kulanz.store.database import Connection
from kulanz.telemetry.logs import log

FILE_NAME = "ledger.head"
ACCOUNTS_PER_PAGE = 500
Connect = Callable[[], AbstractContextManager[Connection]]
_PURPOSE = b"kulanz ledger head of all accounts 1\n"
_encode = msgspec.json.Encoder(order="sorted").encode


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The signed line of a head; without personal data, so it is logged too."""

    at: datetime
    """Time of the head, in real time."""
    accounts: int
    decisions: int
    policies: dict[str, str]
    """The SHA-256 of each version's text."""
    public_key: str
    digest: str
    """SHA-256 of the lines that follow, one for each account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A head as it was taken."""

    summary: Summary
    ends: Mapping[str, tuple[int, str]]
    """For each account: number of decisions, and the hash of the last, in hexadecimal digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something that a head contains and the database has lost."""

    account: str
    flaw: str
    """`gone` or `rolled_back`; without an account `policy_changed`, or `foreign` for a head of another installation."""
    at: int


def path_of(services: Services) -> Path:
    """Return where the head of this installation is kept."""
    return services.settings.data_dir / FILE_NAME


def take(services: Services, connect: Connect | None = None) -> Head:
    """Return the head as of now, or as of the snapshot that `connect` gives."""
    connect = connect or services.database.read
    ends = {end.id: (end.seq, end.head.hex()) for page in _pages(connect) for end in page}
    with connect() as conn:
        texts = _texts(conn)
    summary = Summary(
        at=real_now(),
        accounts=len(ends),
        decisions=sum(seq for seq, _ in ends.values()),
        policies=texts,
        public_key=services.vault.signer.public.hex(),
        digest=sha256(_body(ends)).hexdigest(),
    )
    return Head(summary=summary, ends=ends)


def write(services: Services, head: Head, path: Path) -> None:
    """Put a head in place of the one before, signed."""
    write_private(path, signed(services, head))


def signed(services: Services, head: Head) -> bytes:
    """Return the contents of a head's file."""
    line = _encode(head.summary)
    signature = services.vault.signer.sign(_PURPOSE + line).hex().encode()
    return b"\n".join((line, signature, _body(head.ends)))


def renew(services: Services) -> Head:
    """Replace the head by one of the present database, and log it: a log kept elsewhere reveals an exchanged head."""
    head = take(services)
    write(services, head, path_of(services))
    summary = head.summary
    log.info(
        "ledger.head", at=summary.at, accounts=summary.accounts, decisions=summary.decisions, digest=summary.digest
    )
    return head


def read(path: Path) -> Head | None:
    """Return a stored head, None if there is none; UnreadableError if its signature is wrong."""
    try:
        return parse(path.read_bytes(), path)
    except FileNotFoundError:
        return None


def parse(contents: bytes, path: Path) -> Head:
    """Return a head from the contents of its file; UnreadableError if its signature is wrong."""
    line, _, rest = contents.partition(b"\n")
    signature, _, body = rest.partition(b"\n")
    try:
        summary = msgspec.json.decode(line, type=Summary)
        public, signed = bytes.fromhex(summary.public_key), bytes.fromhex(signature.decode())
        intact = signing.has_signed(public, _PURPOSE + line, signed) and sha256(body).hexdigest() == summary.digest
        if not intact:
            raise UnreadableError(f"{path}: the head of the ledger is not as it was signed")
        lines = (msgspec.json.decode(each, type=tuple[str, int, str]) for each in body.splitlines())
        return Head(summary=summary, ends={name: (seq, end) for name, seq, end in lines})
    except (msgspec.MsgspecError, ValueError) as error:
        raise UnreadableError(f"{path}: this is no head of a ledger") from error


def losses(services: Services, head: Head) -> Iterator[Loss]:
    """Yield what a head has and the database lacks: accounts, decisions, texts of policies."""
    if head.summary.public_key != services.vault.signer.public.hex():
        yield Loss(account="", flaw="foreign", at=0)
        return
    names = list(head.ends)
    for first in range(0, len(names), ACCOUNTS_PER_PAGE):
        page = names[first : first + ACCOUNTS_PER_PAGE]
        with services.database.read() as conn:
            yield from _lost(conn, {name: head.ends[name] for name in page})
    with services.database.read() as conn:
        texts = _texts(conn)
    for version, text in head.summary.policies.items():
        if texts.get(version) != text:
            yield Loss(account="", flaw="policy_changed", at=int(version))


def _lost(conn: Connection, known: Mapping[str, tuple[int, str]]) -> Iterator[Loss]:
    stored = accounts.ends_of(conn, known.keys())
    for name, (seq, end) in known.items():
        row = stored.get(name)
        if row is None:
            yield Loss(account=name, flaw="gone", at=seq)
        elif row.seq < seq:
            yield Loss(account=name, flaw="rolled_back", at=row.seq + 1)
        elif seq and (_hash(conn, row, seq) or b"").hex() != end:
            yield Loss(account=name, flaw="rolled_back", at=seq)


def _hash(conn: Connection, row: ChainEnd, seq: int) -> bytes | None:
    return row.head if row.seq == seq else ledger.hash_at(conn, row.id, seq)


def _pages(connect: Connect) -> Iterator[list[ChainEnd]]:
    after = ""
    while True:
        with connect() as conn:
            page = accounts.ends(conn, after, ACCOUNTS_PER_PAGE)
        if not page:
            return
        yield page
        after = page[-1].id


def _texts(conn: Connection) -> dict[str, str]:
    return {str(row.version): sha256(row.document.encode()).hexdigest() for row in policies.all(conn)}


def _body(ends: Mapping[str, tuple[int, str]]) -> bytes:
    return b"\n".join(_encode((name, seq, end)) for name, (seq, end) in ends.items())
