"""Sealing what is personal: AES-GCM, a data key per account, every one of them wrapped by an encryption key."""

from collections.abc import Callable, Sequence
from typing import Protocol


class Keyring(Protocol):
    """Where the wrapped index key is kept."""

    def wrapped(self, name: str, new: Callable[[], bytes]) -> bytes:
        """Return the wrapped key of that name, keeping a new one the first time."""


class DataKey:
    """The unwrapped key of one account."""

    def __init__(self, key: bytes) -> None:
        raise NotImplementedError

    def seal(self, plain: bytes) -> bytes:
        """Encrypt under a fresh nonce."""
        raise NotImplementedError

    def open(self, sealed: bytes) -> bytes:
        """Decrypt; UnreadableError if it was sealed with another key or has been changed."""
        raise NotImplementedError


class Vault:
    """Seals with the first key, opens with all of them."""

    def __init__(self, keys: Sequence[bytes], keyring: Keyring | None = None) -> None:
        raise NotImplementedError

    def seal(self, plain: bytes) -> bytes:
        """Encrypt what belongs to no account yet."""
        raise NotImplementedError

    def open(self, sealed: bytes) -> bytes:
        """Decrypt what any of the keys has sealed; UnreadableError otherwise."""
        raise NotImplementedError

    def new_data_key(self) -> bytes:
        """Return a new random data key, wrapped."""
        raise NotImplementedError

    def data_key(self, wrapped: bytes) -> DataKey:
        """Unwrap a data key."""
        raise NotImplementedError

    def rewrap(self, wrapped: bytes) -> bytes:
        """Wrap a data key with the first key; unchanged if it is already."""
        raise NotImplementedError

    def fingerprint(self, value: str) -> bytes:
        """Return a keyed hash to look a value up by; the same under rotation, nothing without the keyring."""
        raise NotImplementedError


def random_key_text() -> str:
    """Return a new encryption key as it is written in `ENCRYPTION_KEYS`: base64 of 32 bytes."""
    raise NotImplementedError
