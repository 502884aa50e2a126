"""`secrets … --webhook`: a webhook secret is changed with evidence, and none is taken away that is still in use."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import timedelta

import pytest

from kulanz.cli.up.secrets import write_private
from kulanz.config import load
from kulanz.ingest.receiver import Receiver
from kulanz.services import Services, build
from kulanz.store import secret_use
from tests.cli.conftest import Kulanz
from tests.lemonsqueezy import delivery, subscription_updated

NAME = "LEMONSQUEEZY_WEBHOOK_SECRETS"


@pytest.fixture
def services(kulanz: Kulanz) -> Iterator[Services]:
    """An instance whose webhook secret is kept by `kulanz up`, as after a rotation: there is a new and an old one."""
    kulanz.data_dir.mkdir(mode=0o700)
    write_private(kulanz.data_dir / "secrets.toml", {NAME: "the-first-one"})
    del kulanz.settings[NAME]
    assert kulanz("migrate").code == 0
    assert kulanz("secrets", "rotate", "--webhook", "lemonsqueezy").code == 0
    services = build(load(kulanz.environ()))
    yield services
    services.close()


def test_a_new_secret_is_put_before_the_old_one_which_still_counts(kulanz, services):
    new, old = stored(kulanz)

    assert old == "the-first-one"
    assert 6 <= len(new) <= 40
    assert (kulanz.data_dir / "secrets.toml").stat().st_mode & 0o777 == 0o600
    assert [deliver(services, secret) for secret in (new, old)] == [200, 200]


def test_a_secret_that_is_still_in_use_is_not_retired(kulanz, services):
    new, old = stored(kulanz)
    deliver(services, old)
    deliver(services, new)

    refused = kulanz("secrets", "retire", "--webhook", "lemonsqueezy")

    assert refused.code == 1
    assert "still in use" in refused.err
    assert old not in refused.err
    assert stored(kulanz) == [new, old]


def test_a_secret_is_not_retired_before_a_newer_one_has_proved_itself(kulanz, services):
    _, old = stored(kulanz)
    deliver(services, old)
    a_day_passes(services)

    refused = kulanz("secrets", "retire", "--webhook", "lemonsqueezy")

    assert refused.code == 1
    assert "no newer one has verified a delivery since" in refused.err


def test_a_secret_that_the_provider_has_left_is_retired(kulanz, services):
    new, old = stored(kulanz)
    deliver(services, old)
    a_day_passes(services)
    deliver(services, new)

    tried = kulanz("secrets", "retire", "--webhook", "lemonsqueezy", "--dry-run")
    assert (tried.code, stored(kulanz)) == (0, [new, old])
    done = kulanz("secrets", "retire", "--webhook", "lemonsqueezy", "--json", "--actor", "ann")

    assert done.document == {"retired": 1, "dry_run": False, "actor": "ann"}
    assert stored(kulanz) == [new]
    assert kulanz("secrets", "status").code == 0


def test_a_secret_that_has_leaked_is_retired_at_once(kulanz, services):
    new, old = stored(kulanz)
    deliver(services, old)

    assert kulanz("secrets", "retire", "--webhook", "lemonsqueezy", "--leaked").code == 0

    assert stored(kulanz) == [new]
    assert deliver(build(load(kulanz.environ())), old) == 401


def test_the_status_tells_which_secrets_are_in_use_without_showing_them(kulanz, services):
    new, old = stored(kulanz)
    deliver(services, old)

    shown = kulanz("secrets", "status", "--json")

    result = shown.document["webhook_secrets"]
    assert [(each["position"], each["in_use"], each["safe_to_retire"]) for each in result] == [
        (1, False, False),
        (2, True, False),
    ]
    assert result[1]["last_used"].endswith("Z")
    assert not [secret for secret in (new, old) if secret in shown.out]
    assert "still needed" in kulanz("secrets", "status").out


def test_the_status_objects_to_a_secret_that_was_taken_out_of_the_settings_while_in_use(kulanz, services):
    new, old = stored(kulanz)
    deliver(services, old)

    refused = kulanz("secrets", "status", **{NAME: new})

    assert refused.code == 1
    assert "in use and configured no longer" in refused.err
    assert "in use, and configured no longer" in refused.out


def test_secrets_that_are_kept_elsewhere_are_not_made_or_retired_here(kulanz, services):
    new, old = stored(kulanz)
    deliver(services, old)
    a_day_passes(services)
    deliver(services, new)

    made = kulanz("secrets", "rotate", "--webhook", "stripe")
    retired = kulanz("secrets", "retire", "--webhook", "lemonsqueezy", **{NAME: f"{new},{old}"})

    assert "STRIPE_WEBHOOK_SECRETS is not kept by `kulanz up`" in made.err
    assert "not kept by `kulanz up`" in retired.err


def stored(kulanz: Kulanz) -> list[str]:
    return tomllib.loads((kulanz.data_dir / "secrets.toml").read_text())[NAME].split(",")


def deliver(services: Services, secret: str) -> int:
    receiver = Receiver(services)
    body, headers = delivery(subscription_updated(), secret)
    answer = receiver.accept("lemonsqueezy", headers, body)
    receiver.close()
    return answer.status


def a_day_passes(services: Services) -> None:
    """Let every use that is noted be two days old."""
    with services.database.write() as tx:
        before = {name: at - timedelta(days=2) for name, at in secret_use.last(tx).items()}
        secret_use.shared_values.put(tx, "webhook_secrets", {name: at.isoformat() for name, at in before.items()})
