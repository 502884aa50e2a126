"""The signature of an installation: Ed25519, so that the public key alone verifies it offline."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class Signer:
    """Signs with a key of the installation's own, made from 32 random bytes that the keyring keeps wrapped."""

    __slots__ = ("_key", "_mac_key", "public")

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._mac_key = hmac.digest(seed, b"kulanz account statement", "sha256")
        self.public = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return a signature of 64 bytes."""
        return self._key.sign(message)

    def mac(self, message: bytes) -> bytes:
        """Return a MAC of 32 bytes, for messages that only this installation checks: far quicker than a signature."""
        return hmac.digest(self._mac_key, message, "sha256")

    def has_mac(self, message: bytes, mac: bytes) -> bool:
        """Whether this installation made a MAC."""
        return hmac.compare_digest(self.mac(message), mac)


def has_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the holder of a public key signed a message; malformed input counts as no."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def fingerprint(public: bytes) -> str:
    """Return a fingerprint of a public key for people to compare: 16 groups of four hexadecimal digits."""
    digits = hashlib.sha256(public).hexdigest()
    return " ".join(digits[place : place + 4] for place in range(0, len(digits), 4))
