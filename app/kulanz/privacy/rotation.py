"""Rotation of encryption keys: use of each key, and encryption with the first, online and resumable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kulanz.crypto.vault import Vault
from kulanz.privacy import binding
from kulanz.services import Services
from kulanz.store import sealed
from kulanz.store.sealed import PLACES, Place
from kulanz.store.spool import Spool
from kulanz.store.tables import keyring

ROWS_PER_STEP = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """Use of one of `ENCRYPTION_KEYS`, identified by the prefix of its encrypted values."""

    id: str
    position: int
    """1: the first key, which encrypts all new values."""
    protects: Mapping[str, int]
    """Number of values, by kind."""

    @property
    def safe_to_retire(self) -> bool:
        """Whether nothing needs it any more; the first key is never to be retired."""
        return self.position > 1 and not self.protects


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationStatus:
    """Use of all keys."""

    keys: tuple[KeyStatus, ...]
    lost: Mapping[str, int]
    """Number of values that none of the given keys can decrypt."""
    unbound: int
    """Number of values that an earlier version encrypted with the first key without binding them to their place."""

    @property
    def to_do(self) -> int:
        """Number of values that are not encrypted with the first key, or not bound."""
        return self.unbound + sum(sum(key.protects.values()) for key in self.keys if key.position > 1)


def status(services: Services) -> RotationStatus:
    """Count the values of each key."""
    matches = {place.name: _counted(services, place) for place in PLACES}
    ids, first = services.vault.key_ids, services.vault.first_head
    spooled = _spooled(services)
    keys = tuple(
        KeyStatus(id=id_.hex(), position=position, protects=_of(matches, id_) | (spooled if position > 1 else {}))
        for position, id_ in enumerate(ids, start=1)
    )
    lost = {
        name: number
        for name, counts in matches.items()
        if (number := sum(each for head, each in counts.items() if head[1:] not in ids))
    }
    unbound = sum(
        each for counts in matches.values() for head, each in counts.items() if head[1:] == first[1:] and head != first
    )
    return RotationStatus(keys=keys, lost=lost, unbound=unbound)


def rotate(services: Services, moved: Callable[[int], None], batch: int = ROWS_PER_STEP) -> int:
    """Encrypt everything again with the first key, in transactions of `batch` values; returns the number of values.

    It can be stopped at any time and called again: values encrypted with the first key are left alone.
    """
    return binding.bind(services, moved) + sum(_place(services, place, moved, batch) for place in PLACES)


def _place(services: Services, place: Place, moved: Callable[[int], None], batch: int) -> int:
    vault, done = services.vault, 0
    again = _rewrap(vault, place) if place.wraps else vault.reseal
    after: tuple[object, ...] | None = ()
    while after is not None:
        with services.database.write() as tx:
            last, number = sealed.reencrypt(tx, place, first=vault.first_head, after=after, limit=batch, seal=again)
        done += number
        moved(number)
        after = last
    return done


def _counted(services: Services, place: Place) -> dict[bytes, int]:
    with services.database.read() as conn:
        return sealed.counts(conn, place)


def _rewrap(vault: Vault, place: Place) -> Callable[[bytes, bytes], bytes]:
    """Return a function that wraps a key with the first key; a key with unbound contents stays unbound."""

    def rewrap(wrapped: bytes, at: bytes) -> bytes:
        return vault.rewrap(wrapped, at, bound=place.table is keyring or vault.is_bound(wrapped))

    return rewrap


def _of(result: Mapping[str, Mapping[bytes, int]], id_: bytes) -> dict[str, int]:
    sums = {name: sum(each for head, each in counts.items() if head[1:] == id_) for name, counts in result.items()}
    return {name: number for name, number in sums.items() if number}


def _spooled(services: Services) -> dict[str, int]:
    """Return the bytes in the spool, which wait for the database. Some key encrypts them; they stay only a moment."""
    settings = services.settings
    size = Spool(settings.data_dir / "spool", 0).size()
    return {"bytes in the spool": size} if size else {}
