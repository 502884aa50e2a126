"""Envelope encryption of personal data: AES-GCM, a data key per account, each wrapped by an encryption key."""

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

from kulanz.crypto import places
from kulanz.crypto.signing import Signer
from kulanz.errors import ConfigurationError, UnreadableError

_KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT_BYTES = 16
_ID_BYTES = 4
_VERSION = b"\x01"
_DATA_VERSION = b"\x02"
_BOUND_VERSION = b"\x03"
_BOUND_DATA_VERSION = b"\x04"
"""A bound value can be decrypted only at its place; values of earlier versions anywhere under their key."""
_HEAD_BYTES = len(_VERSION) + _ID_BYTES
_LEDGER, _INDEX = "ledger", "index"
_ZERO_NONCE = bytes(_NONCE_BYTES)


class KeyStore(Protocol):
    """Storage of the wrapped index key."""

    def wrapped(self, name: str, new: Callable[[], bytes]) -> bytes:
        """Return the wrapped key of that name; the first call stores a new one."""


class DataKey:
    """The unwrapped key of one account, or of archived records."""

    __slots__ = ("_cipher", "bound")

    def __init__(self, key: bytes, *, bound: bool = True) -> None:
        self._cipher = AESGCM(key)
        self.bound = bound
        """Whether all its values are bound to their place; not so for a key that an earlier version made."""

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Encrypt for one place under a fresh nonce."""
        nonce = os.urandom(_NONCE_BYTES)
        if not self.bound:
            return _DATA_VERSION + nonce + self._cipher.encrypt(nonce, plain, _DATA_VERSION)
        return _BOUND_DATA_VERSION + nonce + self._cipher.encrypt(nonce, plain, _BOUND_DATA_VERSION + place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Decrypt; UnreadableError for a value of another key or of another place, or one that has been changed."""
        version = sealed[:1]
        if version not in {_DATA_VERSION, _BOUND_DATA_VERSION}:
            raise UnreadableError("this was not encrypted with a data key")
        data = version + place if version == _BOUND_DATA_VERSION else version
        try:
            return self._cipher.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], data)
        except (InvalidTag, ValueError) as error:
            raise UnreadableError("encrypted with another data key or for another place, or changed since") from error


class Vault:
    """Encrypts with the first key, decrypts with all of them."""

    def __init__(self, keys: Sequence[bytes], keyring: KeyStore | None = None) -> None:
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise ConfigurationError([f"ENCRYPTION_KEYS: keys of {_KEY_BYTES} bytes are needed"])
        seals = [_Seal(key) for key in keys]
        self._first = seals[0]
        self._seals = {seal.id: seal for seal in reversed(seals)}
        self._ids_in_order = tuple(dict.fromkeys(seal.id for seal in seals))
        self._keyring = keyring
        self._index_key: bytes | None = None
        self._signet: Signer | None = None
        self._binds = False

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Encrypt a value that belongs to no account yet."""
        return self._first.seal(self._first.intake, plain, place, bound=self._binds)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Decrypt a value that any of the keys has encrypted for this place; UnreadableError otherwise."""
        seal = self._seal_of(sealed)
        return seal.open(seal.intake, sealed, place)

    @staticmethod
    def has_sealed(sealed: bytes) -> bool:
        """Whether a vault has encrypted a value, and no data key."""
        return sealed.startswith((_VERSION, _BOUND_VERSION))

    @staticmethod
    def is_bound(sealed: bytes) -> bool:
        """Whether an encrypted value, or a wrapped key, can be decrypted only at its place."""
        return sealed.startswith((_BOUND_VERSION, _BOUND_DATA_VERSION))

    def new_data_key(self, account: str) -> bytes:
        """Return a new random data key for an account, wrapped."""
        return self.new_key(places.data_key(account), bound=self._binds)

    def new_key(self, place: bytes, *, bound: bool | None = None) -> bytes:
        """Return a new random key, wrapped for its place."""
        return self._wrap(os.urandom(_KEY_BYTES), place, bound=self._binds if bound is None else bound)

    def data_key(self, wrapped: bytes, account: str) -> DataKey:
        """Unwrap the data key of an account."""
        return self.unwrap(wrapped, places.data_key(account))

    def unwrap(self, wrapped: bytes, place: bytes) -> DataKey:
        """Unwrap a key at its place."""
        return DataKey(self._unwrap(wrapped, place), bound=self.is_bound(wrapped))

    def rewrap(self, wrapped: bytes, place: bytes, *, bound: bool) -> bytes:
        """Wrap a key with the first key again; unchanged if it is already."""
        if wrapped[:_HEAD_BYTES] == self._first.head(bound=bound):
            return wrapped
        return self._wrap(self._unwrap(wrapped, place), place, bound=bound)

    def reseal(self, sealed: bytes, place: bytes) -> bytes:
        """Encrypt again with the first key, and bind a value that belongs to no account; unchanged if it is already."""
        if sealed[:_HEAD_BYTES] == self.first_head:
            return sealed
        return self._first.seal(self._first.intake, self.open(sealed, place), place, bound=True)

    @property
    def first_head(self) -> bytes:
        """The first bytes of all bound values and wrapped keys of the first key."""
        return self._first.head(bound=True)

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """The key ids in the headers of encrypted values, in the order of the keys."""
        return self._ids_in_order

    @property
    def binds(self) -> bool:
        """Whether this installation binds its new values: from its first day, or since its keys were rotated."""
        self.prepare()
        return self._binds

    def fingerprint(self, value: str) -> bytes:
        """Return a keyed hash for look-ups of a value: the same after a rotation, and useless without the keyring."""
        return hmac.digest(self._index(), value.encode(), "sha256")

    @property
    def signer(self) -> Signer:
        """Signer of this installation; the same after a rotation of the encryption keys."""
        if self._signet is None:
            # An installation that an earlier version began stays readable for its processes until its keys are rotated.
            wrapped = self._wrapped(_LEDGER, bound=self.is_bound(self._wrapped(_INDEX, bound=True)))
            self._signet = Signer(self._unwrap(wrapped, places.installation_key(_LEDGER)))
            self._binds = self.is_bound(wrapped)
        return self._signet

    def prepare(self) -> None:
        """Load index key and signer. Call it before a transaction that decides: the first call creates them."""
        self._index()
        _ = self.signer

    def sign(self, message: bytes) -> bytes:
        """Return a MAC of a message that leaves this process and comes back."""
        return self._first.mac(message)

    def has_signed(self, message: bytes, mac: bytes) -> bool:
        """Whether any of the keys has made this MAC."""
        return any(hmac.compare_digest(seal.mac(message), mac) for seal in self._seals.values())

    def _wrap(self, key: bytes, place: bytes, *, bound: bool) -> bytes:
        return self._first.seal(self._first.wrapping, key, place, bound=bound)

    def _unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        seal = self._seal_of(wrapped)
        return seal.open(seal.wrapping, wrapped, place)

    def _seal_of(self, sealed: bytes) -> _Seal:
        seal = self._seals.get(sealed[1:_HEAD_BYTES]) if self.has_sealed(sealed) else None
        if seal is None:
            raise UnreadableError("none of the ENCRYPTION_KEYS has encrypted this")
        return seal

    def _index(self) -> bytes:
        if self._index_key is None:
            self._index_key = self._unwrap(self._wrapped(_INDEX, bound=True), places.installation_key(_INDEX))
        return self._index_key

    def _wrapped(self, name: str, *, bound: bool) -> bytes:
        if self._keyring is None:
            raise ConfigurationError(["fingerprints and signatures need the keyring"])
        return self._keyring.wrapped(name, lambda: self.new_key(places.installation_key(name), bound=bound))


def random_key_text() -> str:
    """Return a new encryption key for `ENCRYPTION_KEYS`: base64 of 32 bytes."""
    return base64.b64encode(os.urandom(_KEY_BYTES)).decode()


class _Seal:
    """Keys derived from one encryption key.

    The first key encrypts every delivery. Random nonces would repeat at that number of messages under a single AES-GCM
    key. So each message has its own key, derived with HMAC from a random salt, and the nonce may stay the same. The
    part of the derivation that needs no salt is done once.
    """

    __slots__ = ("id", "intake", "signing", "wrapping")

    def __init__(self, key: bytes) -> None:
        self.id = hashlib.sha256(_derive(key, b"kulanz key id")).digest()[:_ID_BYTES]
        self.intake = _hmac(_derive(key, b"kulanz intake"))
        self.wrapping = _hmac(_derive(key, b"kulanz wrapping"))
        self.signing = _derive(key, b"kulanz signing")

    def head(self, *, bound: bool) -> bytes:
        return (_BOUND_VERSION if bound else _VERSION) + self.id

    def mac(self, message: bytes) -> bytes:
        return hmac.digest(self.signing, message, "sha256")

    def seal(self, purpose: HMAC, plain: bytes, place: bytes, *, bound: bool) -> bytes:
        salt, head = os.urandom(_SALT_BYTES), self.head(bound=bound)
        return head + salt + _cipher(purpose, salt).encrypt(_ZERO_NONCE, plain, head + place if bound else head)

    def open(self, purpose: HMAC, sealed: bytes, place: bytes) -> bytes:
        head = sealed[:_HEAD_BYTES]
        salt, body = sealed[_HEAD_BYTES : _HEAD_BYTES + _SALT_BYTES], sealed[_HEAD_BYTES + _SALT_BYTES :]
        data = head + place if head.startswith(_BOUND_VERSION) else head
        try:
            return _cipher(purpose, salt).decrypt(_ZERO_NONCE, body, data)
        except (InvalidTag, ValueError) as error:
            raise UnreadableError("changed since its encryption, or encrypted for another purpose or place") from error


def _cipher(purpose: HMAC, salt: bytes) -> AESGCM:
    salted = purpose.copy()
    salted.update(salt)
    return AESGCM(salted.finalize())


def _hmac(key: bytes) -> HMAC:
    return HMAC(key, hashes.SHA256())


def _derive(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(key)
