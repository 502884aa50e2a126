from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from kulanz.cli.listening import authority, listening_address
from kulanz.errors import RefusedError
from tests.cli.conftest import Kulanz


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("[::]", "::"), ("::1", "::1"), ("0.0.0.0", "0.0.0.0")],
)
def test_a_server_listens_on_the_number_of_a_name(host, address):
    assert listening_address(host, 0) == address


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "a..b", "x" * 300])
def test_where_nothing_can_listen_is_refused_in_one_line(host):
    with pytest.raises(RefusedError) as refused:
        listening_address(host, 0)

    assert refused.value.detail.startswith(f"cannot listen on {host} port 0: ")
    assert "\n" not in refused.value.detail


def test_an_ipv6_address_stands_in_brackets_in_a_url():
    assert (authority("::1", 80), authority("127.0.0.1", 80)) == ("[::1]:80", "127.0.0.1:80")


@pytest.mark.parametrize("call", [("web", "--host", "127.0.0.1"), ("web", "--host", "localhost"), ("provider-sim",)])
def test_a_taken_port_is_one_line(kulanz: Kulanz, taken: int, call: tuple[str, ...]) -> None:
    extra = ("--port", str(taken)) if call[0] == "provider-sim" else ()

    result = kulanz(*call, *extra, PORT=str(taken))

    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert f"port {taken}: Address already in use" in result.err


@pytest.mark.parametrize("call", ["web", "up"])
def test_a_setting_says_where_to_listen_unless_the_command_line_does(kulanz: Kulanz, call: str) -> None:
    by_setting = kulanz(call, KULANZ_HOST="192.0.2.1", PORT="1")
    by_option = kulanz(call, "--host", "nowhere.invalid", KULANZ_HOST="192.0.2.1", PORT="1")

    assert by_setting.err.startswith("kulanz: cannot listen on 192.0.2.1 port 1: ")
    assert by_option.err.startswith("kulanz: cannot listen on nowhere.invalid port 1: ")
