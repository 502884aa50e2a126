"""The files of the spool: append-only records that survive a crash of the process or the disk in mid-write.

A record is framed by a mark, its length and a checksum. A whole record is found again between torn ones.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from threading import Lock

from kulanz.errors import StorageUnavailableError

_MARK = b"\xf5KZ1"
_CHECKSUM_BYTES = 16
_HEAD = struct.Struct(f">4sI{_CHECKSUM_BYTES}s")
_PRIVATE, _PRIVATE_FOLDER = 0o600, 0o700
RESERVED_BYTES = 64 * 1024
"""Bytes that have to be left where the next record is said to find room."""
SEGMENT_BYTES = 8 * 1024 * 1024
"""Size of a file after which the next is begun: a file is read at once when its records are written back."""


class Spool:
    """A folder of segments, one for each process that writes, and at most `limit` bytes of them together.

    A segment is locked by the process that writes or drains it; the lock ends with the process.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._own: Segment | None = None
        self._using = Lock()

    def append(self, records: Sequence[bytes]) -> None:
        """Put records on stable storage, all or none; StorageUnavailableError where that cannot be."""
        data = b"".join(map(framed, records))
        with self._using, _translated():
            if self.size() + len(data) > self._limit:
                raise StorageUnavailableError("the spool is full")
            segment, self._own = self._own or self._begin(), None
            if segment.append(data) < SEGMENT_BYTES:
                self._own = segment
            else:
                segment.close()

    def take(self, after: str = "") -> Segment | None:
        """Return the oldest segment of a later name that no other process uses, locked; our own is written no further.

        The caller closes it in any case. None: there is none.
        """
        with self._using:
            own, self._own = self._own, None
            if own is not None:
                own.close()
        later = (path for path in self._paths() if path.name > after)
        return next((segment for path in later if (segment := _locked(path)) is not None), None)

    def identity(self) -> str:
        """Return the name of this folder, given when it was first asked for; StorageUnavailableError without a disk."""
        path = self._folder / "identity"
        with self._using, _translated():
            self._make_folder()
            with suppress(FileExistsError):
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
                try:
                    os.write(descriptor, secrets.token_hex(8).encode())
                finally:
                    os.close(descriptor)
            return path.read_text(encoding="ascii")

    def size(self) -> int:
        """Return how many bytes wait, those of other processes too."""
        sizes = 0
        for path in self._paths():
            with suppress(FileNotFoundError):
                sizes += path.stat().st_size
        return sizes

    def check(self) -> None:
        """Raise StorageUnavailableError where a record could not be put on stable storage now; tried by doing so."""
        with self._using, _translated():
            if self.size() + RESERVED_BYTES > self._limit:
                raise StorageUnavailableError("the spool is full")
            self._make_folder()
            probe = self._folder / f"probe-{os.getpid()}"
            descriptor = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
            try:
                os.write(descriptor, _MARK)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
                probe.unlink(missing_ok=True)

    def close(self) -> None:
        """Close our own segment, so that any process may drain it."""
        with self._using:
            own, self._own = self._own, None
            if own is not None:
                own.close()

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.spool"))

    def _begin(self) -> Segment:
        self._make_folder()
        path = self._folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}.spool"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _sync_folder(self._folder)
        return Segment(path, descriptor)

    def _make_folder(self) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            _sync_folder(self._folder.parent)


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of records, open and locked."""

    path: Path
    descriptor: int

    def append(self, data: bytes) -> int:
        """Write framed records, wait for the disk, and return how long the segment is now.

        After a failed write the file is cut back to its old length and closed.
        """
        before = os.fstat(self.descriptor).st_size
        try:
            _write_all(self.descriptor, data)
            os.fsync(self.descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self.descriptor, before)
            self.close()
            raise
        return before + len(data)

    def records(self) -> list[bytes]:
        """Return every complete record, in order; torn records are left out."""
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        return list(whole(_read_all(self.descriptor)))

    def keep_only(self, records: Sequence[bytes]) -> None:
        """Replace the file by one with these records, or by none where there are none."""
        if not records:
            self.path.unlink(missing_ok=True)
        else:
            new = self.path.with_suffix(".new")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE)
            try:
                _write_all(descriptor, b"".join(map(framed, records)))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            new.replace(self.path)
        _sync_folder(self.path.parent)

    def close(self) -> None:
        """Unlock it."""
        os.close(self.descriptor)


def framed(record: bytes) -> bytes:
    """Return a record's bytes in the file."""
    return _HEAD.pack(_MARK, len(record), _checksum(record)) + record


def whole(data: bytes) -> Iterator[bytes]:
    """Yield every complete record, in order; bytes between them are skipped."""
    at = 0
    while (at := data.find(_MARK, at)) >= 0 and at + _HEAD.size <= len(data):
        _, length, checksum = _HEAD.unpack_from(data, at)
        record = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(record) == length and _checksum(record) == checksum:
            yield record
            at += _HEAD.size + length
        else:
            at += 1


def _checksum(record: bytes) -> bytes:
    return blake2b(record, digest_size=_CHECKSUM_BYTES).digest()


def _locked(path: Path) -> Segment | None:
    """Open and lock a segment; None where another process uses it, or has removed it meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return Segment(path, descriptor)
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _read_all(descriptor: int) -> bytes:
    return b"".join(iter(lambda: os.read(descriptor, 1 << 20), b""))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated() -> Iterator[None]:
    """Give the operating system's refusals our name for them, without a path."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailableError(f"the spool: {error.strerror}") from error
