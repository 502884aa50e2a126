"""A real Kulanz: `kulanz up` in a folder of its own, and a product that keeps the callbacks that it gets."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

import requests

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PLANS = "lemonsqueezy:47001=professional,lemonsqueezy:47002=enterprise"
WITHIN = 30.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    url: str
    data_dir: Path
    token: str
    callback_secret: str
    product: Product

    def play(self, act: str, account: str) -> None:
        play(act, account, self.data_dir)


@dataclass(slots=True)
class Product:
    """A receiver of callbacks; `GET` answers all that it got, for other programs."""

    url: str = ""
    received: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)


def play(act: str, account: str, data_dir: Path) -> None:
    """Send signed webhooks by `kulanz send`."""
    command = [sys.executable, str(EXAMPLES / "play.py"), act, account, "--data-dir", str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def until(ask: Callable[[], T]) -> T:
    """Return what is true in the end."""
    deadline = time.monotonic() + WITHIN
    while not (result := ask()):
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)
    return result


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(url, timeout=5).ok
    return False


@contextmanager
def a_program(command: Sequence[str], log: Path, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program and stop it as a platform does; it has to end well."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, env={**os.environ, **environ}, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=40)
    assert code == 0, log.read_text()


@contextmanager
def an_instance(folder: Path) -> Iterator[Instance]:
    url = f"http://127.0.0.1:{a_free_port()}"
    data_dir = folder / "kulanz"
    kulanz = str(Path(sys.executable).with_name("kulanz"))
    command = [kulanz, "up", "--port", url.rpartition(":")[2], "--data-dir", str(data_dir)]
    with (
        a_product() as product,
        a_program(command, folder / "log", CALLBACK_URL=product.url, KULANZ_PLANS=PLANS) as process,
    ):
        until(lambda: process.poll() is not None or answers(f"{url}/readyz"))
        assert process.poll() is None, (folder / "log").read_text()
        secrets = tomllib.loads((data_dir / "secrets.toml").read_text())
        token, callback_secret = secrets["API_TOKENS"].partition(":")[2], secrets["CALLBACK_SECRET"]
        yield Instance(url=url, data_dir=data_dir, token=token, callback_secret=callback_secret, product=product)


@contextmanager
def a_shop(name: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Run an example by its one command; give its address and the data directory of the Kulanz beside it."""
    port, data_dir = a_free_port(), folder / "kulanz"
    ports = ["--port", str(port), "--kulanz-port", str(a_free_port())]
    command = [sys.executable, str(EXAMPLES / "run.py"), name, *ports, "--data-dir", str(data_dir)]
    with a_program(command, folder / "log", PYTHONPATH=str(ROOT / "clients" / "python")) as process:
        url = f"http://127.0.0.1:{port}"
        until(lambda: process.poll() is not None or answers(url))
        assert process.poll() is None, (folder / "log").read_text()
        yield url, data_dir


@contextmanager
def a_product() -> Iterator[Product]:
    product = Product()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(product))
    product.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield product
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(product: Product) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            product.received.append((body, dict(self.headers.items())))
            self.send_response(204)
            self.end_headers()

        def do_GET(self) -> None:
            stated = [{"body": base64.b64encode(body).decode(), "headers": heads} for body, heads in product.received]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(stated).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    return Handler
