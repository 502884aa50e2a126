"""Addresses that count as link-local, or as a cloud's metadata service."""

from __future__ import annotations

import pytest
import requests

from kulanz.config.urls import is_metadata
from kulanz.delivery.guard import MetadataAddressError, guarded_session

IPV4 = ("169.254.0.1", "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192")


@pytest.mark.parametrize("address", [*IPV4, "fe80::1", "fe80::1%eth0", "febf::1"])
def test_a_link_local_or_metadata_address_is_known(address: str) -> None:
    assert is_metadata(address)


@pytest.mark.parametrize(
    "address",
    [
        *("fd00:ec2::254", "fd00:ec2::23", "FD00:0EC2:0:0::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe"),
        *("fd00:42::42", "fd00:a9fe:a9fe::1", "fd00:100::100:200", "fd00:ec2::254%eth0"),
    ],
)
def test_a_metadata_service_of_ipv6_is_known(address: str) -> None:
    assert is_metadata(address)


@pytest.mark.parametrize("prefix", ["::", "::ffff:", "::ffff:0:", "64:ff9b::", "64:ff9b:1::", "64:ff9b:1:2:3::"])
@pytest.mark.parametrize("address", IPV4)
def test_an_address_that_ends_in_one_of_ipv4_is_judged_by_it(prefix: str, address: str) -> None:
    assert is_metadata(f"{prefix}{address}")
    assert not is_metadata(f"{prefix}10.0.0.1")


@pytest.mark.parametrize(
    "address", ["2002:a9fe:a9fe::1", "2002:6464:64c8::", "2001:0:a9fe:a9fe::1", "2001::5601:5601", "2001::9b9b:9b37"]
)
def test_an_ipv4_address_inside_6to4_or_teredo_is_judged_too(address: str) -> None:
    assert is_metadata(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "192.168.1.1", "100.64.0.1", "100.100.100.201", "168.63.129.17", "8.8.8.8"),
        *("::1", "fd00::1", "fd00:ec3::254", "fd20:ce::253", "2002:808:808::1", "169.253.1.1", "2001:4860:4860::8888"),
    ],
)
def test_other_private_and_public_addresses_are_none(address: str) -> None:
    assert not is_metadata(address)


@pytest.mark.parametrize("host", ["[fd00:ec2::254]", "100.100.100.200", "[64:ff9b::168.63.129.16]", "0x646464c8"])
def test_nothing_is_connected_to_a_metadata_address(host: str) -> None:
    with guarded_session() as session, pytest.raises(MetadataAddressError):
        session.get(f"http://{host}/", timeout=0.2)


def test_an_address_that_is_none_is_still_an_error_of_its_own() -> None:
    with guarded_session() as session, pytest.raises(requests.exceptions.InvalidURL):
        session.get("http://a..b/", timeout=0.2)
