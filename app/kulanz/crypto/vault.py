"""Sealing what is personal: AES-GCM, a data key per account, every one of them wrapped by an encryption key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Sequence
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kulanz.crypto.signing import Signer
from kulanz.errors import ConfigurationError, UnreadableError

_KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT_BYTES = 16
_ID_BYTES = 4
_VERSION = b"\x01"
_DATA_VERSION = b"\x02"
_HEAD_BYTES = len(_VERSION) + _ID_BYTES
_ZERO_NONCE = bytes(_NONCE_BYTES)


class KeyStore(Protocol):
    """Where the wrapped index key is kept."""

    def wrapped(self, name: str, new: Callable[[], bytes]) -> bytes:
        """Return the wrapped key of that name, keeping a new one the first time."""


class DataKey:
    """The unwrapped key of one account."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes) -> bytes:
        """Encrypt under a fresh nonce."""
        nonce = os.urandom(_NONCE_BYTES)
        return _DATA_VERSION + nonce + self._cipher.encrypt(nonce, plain, _DATA_VERSION)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt; UnreadableError if it was sealed with another key or has been changed."""
        if sealed[:1] != _DATA_VERSION:
            raise UnreadableError("this was not sealed with a data key")
        try:
            return self._cipher.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], _DATA_VERSION)
        except (InvalidTag, ValueError) as error:
            raise UnreadableError("sealed with another data key, or changed since") from error


class Vault:
    """Seals with the first key, opens with all of them."""

    def __init__(self, keys: Sequence[bytes], keyring: KeyStore | None = None) -> None:
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise ConfigurationError([f"ENCRYPTION_KEYS: keys of {_KEY_BYTES} bytes are needed"])
        seals = [_Seal(key) for key in keys]
        self._first = seals[0]
        self._seals = {seal.head: seal for seal in reversed(seals)}
        self._seals_in_order = tuple(dict.fromkeys(seal.head for seal in seals))
        self._keyring = keyring
        self._index_key: bytes | None = None
        self._signet: Signer | None = None

    def seal(self, plain: bytes) -> bytes:
        """Encrypt what belongs to no account yet."""
        return self._first.seal(self._first.intake, plain)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt what any of the keys has sealed; UnreadableError otherwise."""
        seal = self._seal_of(sealed)
        return seal.open(seal.intake, sealed)

    @staticmethod
    def has_sealed(sealed: bytes) -> bool:
        """Tell what a vault has sealed from what a data key has."""
        return sealed.startswith(_VERSION)

    def new_data_key(self) -> bytes:
        """Return a new random data key, wrapped."""
        return self._first.seal(self._first.wrapping, os.urandom(_KEY_BYTES))

    def data_key(self, wrapped: bytes) -> DataKey:
        """Unwrap a data key."""
        return DataKey(self._unwrap(wrapped))

    def rewrap(self, wrapped: bytes) -> bytes:
        """Wrap a data key with the first key; unchanged if it is already."""
        if wrapped.startswith(self._first.head):
            return wrapped
        return self._first.seal(self._first.wrapping, self._unwrap(wrapped))

    def reseal(self, sealed: bytes) -> bytes:
        """Seal anew with the first key what belongs to no account; unchanged if it is already."""
        return sealed if sealed.startswith(self._first.head) else self.seal(self.open(sealed))

    @property
    def heads(self) -> tuple[bytes, ...]:
        """What the things begin with that each of the keys has sealed, in the order of the keys."""
        return self._seals_in_order

    def fingerprint(self, value: str) -> bytes:
        """Return a keyed hash to look a value up by: the same after a rotation, and nothing without the keyring."""
        return hmac.digest(self._index(), value.encode(), "sha256")

    @property
    def signer(self) -> Signer:
        """What signs for this installation; the same after a rotation of the encryption keys."""
        if self._signet is None:
            self._signet = Signer(self._kept("ledger"))
        return self._signet

    def prepare(self) -> None:
        """Have index key and signer at hand. Call it before a transaction that decides: the first call makes them."""
        self._index()
        _ = self.signer

    def sign(self, message: bytes) -> bytes:
        """Return a MAC of a message that leaves the house and comes back."""
        return self._first.mac(message)

    def has_signed(self, message: bytes, mac: bytes) -> bool:
        """Whether any of the keys has made this MAC."""
        return any(hmac.compare_digest(seal.mac(message), mac) for seal in self._seals.values())

    def _unwrap(self, wrapped: bytes) -> bytes:
        seal = self._seal_of(wrapped)
        return seal.open(seal.wrapping, wrapped)

    def _seal_of(self, sealed: bytes) -> _Seal:
        seal = self._seals.get(sealed[:_HEAD_BYTES])
        if seal is None:
            raise UnreadableError("none of the ENCRYPTION_KEYS has sealed this")
        return seal

    def _index(self) -> bytes:
        if self._index_key is None:
            self._index_key = self._kept("index")
        return self._index_key

    def _kept(self, name: str) -> bytes:
        if self._keyring is None:
            raise ConfigurationError(["fingerprints and signatures need the keyring"])
        return self._unwrap(self._keyring.wrapped(name, self.new_data_key))


def random_key_text() -> str:
    """Return a new encryption key as it is written in `ENCRYPTION_KEYS`: base64 of 32 bytes."""
    return base64.b64encode(os.urandom(_KEY_BYTES)).decode()


class _Seal:
    """What is derived from one encryption key.

    One key seals every delivery, far more than random nonces allow for under a single AES-GCM key; so each message
    has a key of its own, from a random salt, and the nonce need not differ. What a key does before it sees the salt is
    done once.
    """

    __slots__ = ("head", "intake", "signing", "wrapping")

    def __init__(self, key: bytes) -> None:
        self.head = _VERSION + hashlib.sha256(_derive(key, b"kulanz key id")).digest()[:_ID_BYTES]
        self.intake = _hmac(_derive(key, b"kulanz intake"))
        self.wrapping = _hmac(_derive(key, b"kulanz wrapping"))
        self.signing = _derive(key, b"kulanz signing")

    def mac(self, message: bytes) -> bytes:
        return hmac.digest(self.signing, message, "sha256")

    def seal(self, purpose: HMAC, plain: bytes) -> bytes:
        salt = os.urandom(_SALT_BYTES)
        return self.head + salt + _cipher(purpose, salt).encrypt(_ZERO_NONCE, plain, self.head)

    def open(self, purpose: HMAC, sealed: bytes) -> bytes:
        salt, body = sealed[_HEAD_BYTES : _HEAD_BYTES + _SALT_BYTES], sealed[_HEAD_BYTES + _SALT_BYTES :]
        try:
            return _cipher(purpose, salt).decrypt(_ZERO_NONCE, body, self.head)
        except (InvalidTag, ValueError) as error:
            raise UnreadableError("changed since it was sealed, or sealed for another purpose") from error


def _cipher(purpose: HMAC, salt: bytes) -> AESGCM:
    salted = purpose.copy()
    salted.update(salt)
    return AESGCM(salted.finalize())


def _hmac(key: bytes) -> HMAC:
    return HMAC(key, hashes.SHA256())


def _derive(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(key)
