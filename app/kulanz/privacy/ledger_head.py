"""The signed head of the whole ledger, in a file beside the database: where every account's chain ended, and when.

The database alone cannot show that it was put back as a whole, or that an account is gone with all its rows. The file
can: every chain that it names must still be there, and go on from where it was.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import monotonic

import msgspec

from kulanz.crypto import signing
from kulanz.errors import KulanzError, UnreadableError
from kulanz.runtime.clock import real_now
from kulanz.runtime.private_files import write_private
from kulanz.services import Services
from kulanz.store import accounts, audit_log, ledger, policies
from kulanz.store.accounts import ChainEnd
from kulanz.store.database import Connection
from kulanz.telemetry.logs import log

FILE_NAME = "ledger.head"
ACCOUNTS_PER_PAGE = 500
INTERVAL = timedelta(minutes=15)
_PURPOSE = b"kulanz ledger head of all accounts 1\n"
_encode = msgspec.json.Encoder(order="sorted").encode


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The signed line of a head; without personal data, so it is logged too."""

    at: datetime
    """When it was taken, in real time."""
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
    """Of each account how many decisions there were, and the hash of the last, in hexadecimal digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One thing that a head knows and the database does not have any more."""

    account: str
    flaw: str
    """`gone` or `rolled_back`; without an account `policy_changed`, or `foreign` for a head of another installation."""
    at: int


def path_of(services: Services) -> Path:
    """Return where the head of this installation is kept."""
    return services.settings.data_dir / FILE_NAME


def take(services: Services) -> Head:
    """Return the head as of now."""
    ends = {end.id: (end.seq, end.head.hex()) for page in _pages(services) for end in page}
    with services.database.read() as conn:
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
    line = _encode(head.summary)
    signature = services.vault.signer.sign(_PURPOSE + line).hex().encode()
    write_private(path, b"\n".join((line, signature, _body(head.ends))))


def advance(services: Services) -> list[Loss]:
    """Put a new head in place of the last one; where that knows more than the database has, keep it and say so."""
    path = path_of(services)
    last = read(path)
    lost = [*losses(services, last)] if last is not None else []
    if lost:
        log.error("ledger.rolled_back", losses=len(lost), head=last.summary.at if last is not None else None)
        return lost
    renew(services)
    return []


def renew(services: Services) -> Head:
    """Put a head of what there is now in place, and log it: a log kept elsewhere shows a head that was exchanged."""
    head = take(services)
    write(services, head, path_of(services))
    summary = head.summary
    log.info(
        "ledger.head", at=summary.at, accounts=summary.accounts, decisions=summary.decisions, digest=summary.digest
    )
    return head


def accept(services: Services, actor: str, reason: str, *, dry_run: bool = False) -> list[Loss]:
    """Begin a new head from what there is, after an honest restore, and note that; return what is gone.

    A head that is not as it was signed is replaced too.
    """
    try:
        last = read(path_of(services))
    except UnreadableError:
        last = None
    lost = [*losses(services, last)] if last is not None else []
    if not dry_run:
        with services.database.write() as tx:
            audit_log.record(
                tx,
                at=real_now(),
                actor=actor,
                act=f"accepted a restore ({len(lost)} losses)",
                subject="ledger",
                detail=reason,
            )
        renew(services)
    return lost


def read(path: Path) -> Head | None:
    """Return a stored head, None where there is none; UnreadableError where it is not as it was signed."""
    try:
        line, _, rest = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
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
    """Yield what a head knows and the database does not have any more: accounts, decisions, texts of policies."""
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


def _pages(services: Services) -> Iterator[list[ChainEnd]]:
    after = ""
    while True:
        with services.database.read() as conn:
            page = accounts.ends(conn, after, ACCOUNTS_PER_PAGE)
        if not page:
            return
        yield page
        after = page[-1].id


def _texts(conn: Connection) -> dict[str, str]:
    return {str(row.version): sha256(row.document.encode()).hexdigest() for row in policies.all(conn)}


def _body(ends: Mapping[str, tuple[int, str]]) -> bytes:
    return b"\n".join(_encode((name, seq, end)) for name, (seq, end) in ends.items())


class HeadLoop:
    """Takes a new head at intervals, in a thread of its own, as long as all that the last one knows is still there."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._next = float("-inf")
        self._thread: threading.Thread | None = None

    def tick(self) -> bool:
        """Begin when it is time; return whether it was begun."""
        if monotonic() < self._next or (self._thread is not None and self._thread.is_alive()):
            return False
        self._next = monotonic() + INTERVAL.total_seconds()
        self._thread = threading.Thread(target=self._attempt, name="ledger-head", daemon=True)
        self._thread.start()
        return True

    def wait(self) -> None:
        """Return when what was begun has ended."""
        if self._thread is not None:
            self._thread.join()

    def _attempt(self) -> None:
        try:
            advance(self._services)
        except KulanzError as error:
            log.warning("ledger.head_put_off", error=type(error).__name__, detail=error.detail)
