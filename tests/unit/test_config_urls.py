"""Addresses with a login: what two libraries may read in two ways is refused, and no password is ever shown."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis
from sqlalchemy import make_url

from kulanz.cli.up import private_redis
from kulanz.config import load, masked
from kulanz.errors import ConfigurationError

ADVICE = "in a user name or password write @ as %40, / as %2F, ? as %3F, # as %23"
FINE = {
    "DATABASE_URL": [
        "postgresql://ann:h%40s%2Fh@db.example:5432/kulanz",
        "postgresql+psycopg://ann:hush@[::1]:5432/kulanz",
        "postgresql://ann:hush@one,two/kulanz",
        "postgresql://ann:hush@/kulanz?host=one:5432&host=two:5432",
        "postgresql:///kulanz?host=/run/postgresql",
        "sqlite:////srv/me@shop/kulanz.db",
        "sqlite:///kulanz.db",
    ],
    "REDIS_URL": [
        "redis://",
        "rediss://ann:hu@sh@cache.example:6380/1",
        "unix:///srv/me@shop/redis.sock",
        "unix://ann:hush@/run/redis.sock?db=1",
        "redis+sentinel://ann:hu@sh@one:26379,two/doorbell/1",
    ],
    "SMTP_URL": ["smtp://ann@shop.example:hush@mail.example:587", "smtps://ann:hush@[::1]"],
    "CALLBACK_URL": ["https://ann:hush@shop.example/@hook", "https://hush@shop.example"],
    "BILLING_URL": ["https://shop.example:8443/@ann?token=hush"],
}
TORN = {
    "DATABASE_URL": [
        "postgresql://ann:hush@shush@127.0.0.1:1/kulanz",
        "postgres://ann:hush/shush@127.0.0.1:1/kulanz",
        "postgresql://ann:hush#shush@127.0.0.1:1/kulanz",
        "postgresql://ann:hush?shush@127.0.0.1:1/kulanz",
        "postgresql://ann:12/shush@127.0.0.1:1/kulanz",
        "postgresql://ann:12?shush@127.0.0.1:1/kulanz",
    ],
    "REDIS_URL": [
        "redis://:hush/shush@127.0.0.1:1/0",
        "redis://:12#shush@127.0.0.1:1/0",
        "unix://ann:hush/shush@/run/redis.sock",
        "redis+sentinel://ann:hush/shush@one:26379/doorbell/0",
        "redis+sentinel://ann:12/shush@one:26379/doorbell/0",
    ],
    "SMTP_URL": ["smtp://ann:hush/shush@mail.example", "smtps://ann:12#shush@mail.example"],
    "CALLBACK_URL": ["https://ann:hush/shush@shop.example/"],
}
NONE = {
    "DATABASE_URL": [
        "postgresql://db.example:hush/kulanz",
        "postgresql://[::1/kulanz",
        "mysql://db/kulanz",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://db/kulanz.db",
    ],
    "REDIS_URL": [
        "redis://cache.example:hush",
        "unix://",
        "redis+sentinel://one:hush/m",
        "redis+sentinel://one/m/hush",
    ],
    "SMTP_URL": ["smtp://mail.example:hush", "smtp://", "smtp://169.254.169.254"],
}


def each(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, texts in table.items() for text in texts]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"KULANZ_DATA_DIR": str(tmp_path), "ENCRYPTION_KEYS": "00" * 32, "CALLBACK_SECRET": "whsec_YWJj"}


def problem_of(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load(environ)
    (problem,) = refused.value.problems
    return problem


@pytest.mark.parametrize(("name", "text"), each(FINE))
def test_an_address_is_taken_and_shown_without_its_password(environ, name, text):
    settings = load({**environ, name: text})

    assert getattr(settings, name.lower()) == text
    assert not any(piece in masked(settings)[name] for piece in ("hush", "h%40s%2Fh", "sh@"))


@pytest.mark.parametrize(("name", "text"), each(TORN))
def test_a_password_that_ends_its_login_too_early_is_refused_with_the_remedy(environ, name, text):
    problem = problem_of({**environ, name: text})

    assert problem.startswith(f"{name}: expected ")
    assert ADVICE in problem
    assert "ush" not in problem


@pytest.mark.parametrize(("name", "text"), each(NONE))
def test_what_is_no_address_is_refused_without_being_repeated(environ, name, text):
    problem = problem_of({**environ, name: text})

    assert problem.startswith(f"{name}: expected ")
    assert "hush" not in problem


def test_hosts_with_ports_and_commas_are_refused_with_the_spelling_that_works(environ):
    problem = problem_of({**environ, "DATABASE_URL": "postgresql://ann:hush@one:5432,two:5432/kulanz"})

    assert problem.endswith("several hosts: postgresql://user:password@/name?host=a:5432&host=b:5432")


@pytest.mark.parametrize("text", [text for text in FINE["DATABASE_URL"] if text.startswith("postgresql")])
def test_both_libraries_find_the_same_login_and_host_in_a_database_url_that_is_taken(text):
    ours, theirs = urlsplit(text), make_url(text)

    assert (ours.username, ours.hostname, ours.port) == (theirs.username, theirs.host, theirs.port)


def test_the_private_redis_is_found_in_a_directory_of_any_name(environ, tmp_path):
    directory = tmp_path / "me@shop #1?"
    directory.mkdir()

    url = private_redis.url(directory)

    assert load({**environ, "REDIS_URL": url}).redis_url == url
    with Redis.from_url(url) as client:
        assert client.connection_pool.connection_kwargs["path"] == str(private_redis.socket_path(directory))
