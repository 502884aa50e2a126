"""Which addresses count as link-local."""

from __future__ import annotations

import pytest

from app.gateway.guard import is_link_local


@pytest.mark.parametrize(
    "address", ["169.254.0.1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "febf::1", "::ffff:169.254.1.1"]
)
def test_a_link_local_address_is_known_in_every_form(address: str) -> None:
    assert is_link_local(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fd00::1", "169.253.1.1", "8.8.8.8"]
)
def test_private_and_public_addresses_are_none(address: str) -> None:
    assert not is_link_local(address)
