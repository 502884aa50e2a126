"""Sealing, opening, rotation and look-up keys."""

import base64
import os
from collections.abc import Callable

import pytest

from kulanz.crypto import places
from kulanz.crypto.vault import DataKey, Vault, random_key_text
from kulanz.errors import ConfigurationError, UnreadableError

OLD, NEW = os.urandom(32), os.urandom(32)
HERE, THERE = places.book("org_1"), places.book("org_2")


class AKeyring:
    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}

    def wrapped(self, name: str, new: Callable[[], bytes]) -> bytes:
        return self.keys.setdefault(name, new())


def test_what_is_sealed_can_be_opened_and_does_not_show() -> None:
    vault = Vault([NEW])

    sealed = vault.seal(b"somebody@example.org", HERE)

    assert b"somebody" not in sealed
    assert vault.open(sealed, HERE) == b"somebody@example.org"


def test_the_same_plain_text_never_seals_to_the_same_bytes() -> None:
    vault = Vault([NEW])

    assert len({vault.seal(b"", HERE) for _ in range(100)}) == 100


def test_after_a_rotation_the_old_seal_opens_and_the_new_key_seals() -> None:
    sealed = Vault([OLD]).seal(b"x", HERE)

    rotated = Vault([NEW, OLD])

    assert rotated.open(sealed, HERE) == b"x"
    assert Vault([NEW]).open(rotated.seal(b"y", HERE), HERE) == b"y"


def test_a_key_that_is_gone_is_named_as_the_reason() -> None:
    sealed = Vault([OLD]).seal(b"x", HERE)

    with pytest.raises(UnreadableError, match="none of the ENCRYPTION_KEYS"):
        Vault([NEW]).open(sealed, HERE)


@pytest.mark.parametrize("place", [0, 3, 8, 25, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    vault = Vault([NEW])
    sealed = bytearray(vault.seal(b"some text", HERE))

    sealed[place] ^= 1

    with pytest.raises(UnreadableError):
        vault.open(bytes(sealed), HERE)


@pytest.mark.parametrize("length", range(0, 40, 3))
def test_a_truncated_seal_is_noticed(length: int) -> None:
    vault = Vault([NEW])
    key = vault.data_key(vault.new_data_key("org_1"), "org_1")

    with pytest.raises(UnreadableError):
        vault.open(vault.seal(b"some text", HERE)[:length], HERE)
    with pytest.raises(UnreadableError):
        key.open(key.seal(b"some text", HERE)[: min(length, 30)], HERE)


def test_a_data_key_seals_and_opens_and_is_wrapped_differently_each_time() -> None:
    vault = Vault([NEW])
    wrapped = vault.new_data_key("org_1")

    sealed = vault.data_key(wrapped, "org_1").seal(b"x", HERE)

    assert vault.data_key(wrapped, "org_1").open(sealed, HERE) == b"x"
    assert vault.new_data_key("org_1") != wrapped


def test_without_its_data_key_nothing_opens() -> None:
    vault = Vault([NEW])
    sealed = vault.data_key(vault.new_data_key("org_1"), "org_1").seal(b"x", HERE)

    with pytest.raises(UnreadableError):
        vault.data_key(vault.new_data_key("org_1"), "org_1").open(sealed, HERE)


def test_a_sealed_body_does_not_pass_for_a_wrapped_key() -> None:
    vault = Vault([NEW])

    with pytest.raises(UnreadableError):
        vault.data_key(vault.seal(os.urandom(32), HERE), "org_1")


def test_what_a_vault_has_sealed_can_be_told_from_what_a_data_key_has() -> None:
    vault = Vault([NEW])

    assert Vault.has_sealed(vault.seal(b"x", HERE))
    assert not Vault.has_sealed(vault.data_key(vault.new_data_key("org_1"), "org_1").seal(b"x", HERE))


def test_a_rewrapped_data_key_opens_without_the_old_encryption_key() -> None:
    wrapped = Vault([OLD]).new_data_key("org_1")
    sealed = Vault([OLD]).data_key(wrapped, "org_1").seal(b"x", HERE)

    rewrapped = Vault([NEW, OLD]).rewrap(wrapped, places.data_key("org_1"), bound=True)

    assert Vault([NEW]).data_key(rewrapped, "org_1").open(sealed, HERE) == b"x"
    assert Vault([NEW, OLD]).rewrap(rewrapped, places.data_key("org_1"), bound=True) == rewrapped


def test_what_is_bound_opens_at_its_place_only() -> None:
    vault = Vault([NEW], AKeyring())
    vault.prepare()
    key = vault.data_key(vault.new_data_key("org_1"), "org_1")

    with pytest.raises(UnreadableError):
        key.open(key.seal(b"x", HERE), THERE)
    with pytest.raises(UnreadableError):
        vault.open(vault.seal(b"x", HERE), THERE)
    with pytest.raises(UnreadableError):
        vault.data_key(vault.new_data_key("org_1"), "org_2")


def test_what_an_earlier_version_sealed_opens_and_is_bound_when_it_is_sealed_again() -> None:
    vault = Vault([NEW])
    wrapped = vault.new_data_key("org_1")
    old = vault.data_key(wrapped, "org_1")

    bound = vault.data_key(vault.rewrap(wrapped, places.data_key("org_1"), bound=True), "org_1")

    assert not vault.is_bound(wrapped)
    assert not vault.is_bound(old.seal(b"x", HERE))
    assert bound.open(old.seal(b"x", HERE), HERE) == b"x"
    assert vault.is_bound(bound.seal(b"x", HERE))
    assert vault.is_bound(vault.reseal(vault.seal(b"x", HERE), HERE))


def test_beside_an_index_key_of_an_earlier_version_nothing_is_bound_yet() -> None:
    keyring = AKeyring()
    keyring.keys["index"] = Vault([NEW]).new_key(places.installation_key("index"), bound=False)

    vault = Vault([NEW], keyring)

    assert not vault.binds
    assert not vault.is_bound(keyring.keys["ledger"])
    assert Vault([NEW], AKeyring()).binds


def test_a_fingerprint_survives_a_rotation_and_differs_between_installations() -> None:
    keyring = AKeyring()

    before = Vault([OLD], keyring).fingerprint("a@example.org")

    assert Vault([NEW, OLD], keyring).fingerprint("a@example.org") == before
    assert Vault([OLD], AKeyring()).fingerprint("a@example.org") != before
    assert Vault([OLD], keyring).fingerprint("b@example.org") != before


def test_a_fingerprint_without_a_keyring_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Vault([NEW]).fingerprint("x")


@pytest.mark.parametrize("keys", [[], [b"short"], [NEW, b""]])
def test_keys_of_another_length_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ConfigurationError):
        Vault(keys)


def test_a_random_key_is_written_as_base64_of_32_bytes() -> None:
    key = base64.b64decode(random_key_text())

    assert len(key) == 32
    assert Vault([key]).open(Vault([key]).seal(b"x", HERE), HERE) == b"x"
    assert DataKey(key)
