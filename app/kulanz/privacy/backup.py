"""Backup and restore: one ZIP file with every table as of one moment, the spool, and a signed list of what is in it.

The file has no keys, only their fingerprints; what is personal in it is encrypted as it is in the database. A backup of
one database can be restored to the other.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import IO

import msgspec

from kulanz.crypto import signing
from kulanz.errors import ConfigurationError, RefusedError, UnreadableError
from kulanz.privacy import after_restore, audit, ledger_head, rotation
from kulanz.runtime import private_files
from kulanz.runtime.clock import real_now
from kulanz.services import Services, build
from kulanz.store import audit_log, dump, migrate, outbox

MANIFEST, SIGNATURE, HEAD = "manifest.json", "manifest.sig", "ledger.head"
SPOOL = "spool"
_PURPOSE = b"kulanz backup 1\n"
_CHUNK = 1024 * 1024
_FORMAT = 1
_encode = msgspec.json.Encoder(order="sorted").encode


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Signed list of a backup's contents."""

    format: int
    at: datetime
    revision: str
    """Version of the database schema."""
    tables: dict[str, int]
    """Number of rows of each table."""
    digests: dict[str, str]
    """The SHA-256 of every other member of the file."""
    keys: tuple[str, ...]
    """The ids of the encryption keys that are needed, as `kulanz secrets status` shows them."""
    public_key: str
    accounts: int
    decisions: int


def write(services: Services, path: Path) -> Manifest:
    """Write a backup of the database and the spool; RefusedError where the database lacks a migration."""
    revision = migrate.current(services.database)
    if revision is None or revision != migrate.head():
        raise RefusedError("the database is not at this version's revision: run `kulanz migrate`")
    signer, status = services.vault.signer, rotation.status(services)
    keys = tuple(key.id for key in status.keys if key.protects or key.position == 1)
    passing = path.with_name(f".{path.name}.part")
    passing.touch(mode=0o600)
    try:
        with zipfile.ZipFile(passing, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            digests = _add_spool(services, file)
            with services.database.snapshot() as conn:
                tables = {
                    name: _add(file, f"tables/{name}", dump.rows_of(conn, name), digests) - 1 for name in dump.names()
                }
                head = ledger_head.take(services, lambda: nullcontext(conn))
            _add(file, HEAD, iter([ledger_head.signed(services, head)]), digests)
            manifest = Manifest(
                format=_FORMAT,
                at=head.summary.at,
                revision=revision,
                tables=tables,
                digests=digests,
                keys=keys,
                public_key=signer.public.hex(),
                accounts=head.summary.accounts,
                decisions=head.summary.decisions,
            )
            line = _encode(manifest)
            file.writestr(MANIFEST, line)
            file.writestr(SIGNATURE, signer.sign(_PURPOSE + line).hex())
        passing.replace(path)
    except OSError as error:
        raise RefusedError(f"cannot write {path}: {error.strerror}") from error
    finally:
        passing.unlink(missing_ok=True)
    return manifest


def read(path: Path) -> Manifest:
    """Return the list of a backup's contents after comparing all of them with it; UnreadableError where one differs."""
    try:
        with zipfile.ZipFile(path) as file:
            line, signature = file.read(MANIFEST), bytes.fromhex(file.read(SIGNATURE).decode())
            manifest = msgspec.json.decode(line, type=Manifest)
            if not signing.has_signed(bytes.fromhex(manifest.public_key), _PURPOSE + line, signature):
                raise UnreadableError(f"{path}: the list of its contents is not as it was signed")
            for name, digest in manifest.digests.items():
                if _digest(file, name) != digest:
                    raise UnreadableError(f"{path}: {name} is not as it was written")
    except FileNotFoundError as error:
        raise RefusedError(f"there is no file {path}") from error
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, msgspec.MsgspecError) as error:
        raise UnreadableError(f"{path}: this is no backup, or a part of it is missing") from error
    return manifest


def drill(services: Services, path: Path) -> Manifest:
    """Restore a backup into a database that is thrown away, and verify its ledger there."""
    with tempfile.TemporaryDirectory(prefix=".kulanz-drill-", dir=path.resolve().parent) as folder:
        settings = replace(services.settings, data_dir=Path(folder), database_url=f"sqlite:///{folder}/kulanz.db")
        opened = build(settings, services.providers)
        try:
            return restore(opened, path, actor="drill", hold=False)
        finally:
            opened.close()


def admitted(services: Services, path: Path) -> Manifest:
    """Return the manifest of a backup that may be restored here: complete, its keys available, the database empty."""
    manifest = read(path)
    ids = {each.hex() for each in services.vault.key_ids}
    if missing := [key for key in manifest.keys if key not in ids]:
        raise ConfigurationError([f"ENCRYPTION_KEYS: the keys {', '.join(missing)} of this backup are not among them"])
    _require_empty(services)
    return manifest


def restore(services: Services, path: Path, *, actor: str, hold: bool = True) -> Manifest:
    """Restore a backup into an empty database and an empty spool, and verify the ledger before it is committed.

    With `hold`, outgoing actions that were waiting then are parked: they may have been delivered since.
    """
    manifest = admitted(services, path)
    migrate.reach(services.database, manifest.revision)
    with zipfile.ZipFile(path) as file:
        with services.database.write() as tx:
            for name, number in manifest.tables.items():
                with file.open(f"tables/{name}") as stream:
                    loaded = dump.load(tx, name, dump.read(_chunks(stream)))
                if loaded != number:
                    raise UnreadableError(f"{path}: {name} has {loaded} rows and not {number}")
            dump.restart_numbers(tx)
        migrate.upgrade(services.database)
        if services.vault.signer.public.hex() != manifest.public_key:
            raise UnreadableError(f"{path}: it was signed by another installation than the one that it holds")
        known = ledger_head.parse(file.read(HEAD), path)
        if flawed := [each for each in audit.verify(services, None, known) if each.flaw]:
            raise RefusedError(f"the ledger of this backup is not whole: {flawed[0].account}: {flawed[0].flaw}")
        _put_spool(services, file)
    if hold:
        _hold(services, manifest, actor)
    return manifest


def _require_empty(services: Services) -> None:
    url = services.settings.database_url
    file = Path(url.removeprefix("sqlite:///"))
    is_new = url.startswith("sqlite:///") and not file.exists()  # To ask would make it.
    if not is_new and migrate.current(services.database) is not None:
        with services.database.read() as conn:
            if dump.counts(conn):
                raise RefusedError("the database is not empty: restore into a new one")
    folder = services.settings.data_dir / SPOOL
    if folder.is_dir() and any(folder.iterdir()):
        raise RefusedError(f"{folder} is not empty: deliveries wait there")


def _hold(services: Services, manifest: Manifest, actor: str) -> None:
    with services.database.write() as tx:
        held = outbox.park_pending(tx, after_restore.HELD)
        audit_log.record(
            tx,
            at=real_now(),
            actor=actor,
            act=f"restored a backup ({held} outgoing actions held)",
            subject="ledger",
            detail=f"of {manifest.at.isoformat()}",
        )


def _add_spool(services: Services, file: zipfile.ZipFile) -> dict[str, str]:
    """Copy the spool before the tables: deliveries drained meanwhile are in both, and recognised as duplicates."""
    digests: dict[str, str] = {}
    folder = services.settings.data_dir / SPOOL
    for path in sorted(folder.glob("*.spool")) if folder.is_dir() else ():
        _add(file, f"{SPOOL}/{path.name}", iter([path.read_bytes()]), digests)
    return digests


def _add(file: zipfile.ZipFile, name: str, parts: Iterator[bytes], digests: dict[str, str]) -> int:
    digest, number = sha256(), 0
    with file.open(name, "w", force_zip64=True) as member:
        while page := list(islice(parts, dump.ROWS_PER_STEP)):
            data = b"".join(page)
            digest.update(data)
            member.write(data)
            number += len(page)
    digests[name] = digest.hexdigest()
    return number


def _digest(file: zipfile.ZipFile, name: str) -> str:
    digest = sha256()
    with file.open(name) as stream:
        for chunk in _chunks(stream):
            digest.update(chunk)
    return digest.hexdigest()


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _put_spool(services: Services, file: zipfile.ZipFile) -> None:
    folder = services.settings.data_dir / SPOOL
    for name in file.namelist():
        if name.startswith(f"{SPOOL}/"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            private_files.write_private(folder / Path(name).name, file.read(name))
