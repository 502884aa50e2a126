"""Both clients against a real Kulanz: signed webhooks in, entitlements and callbacks out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from kulanz_client import Access, Callback, Client, ConfigurationError, Count, OnFailure, Source

from tests.clients.instance import EXAMPLES, ROOT, Instance, until

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no node here")


def _client(instance: Instance) -> Client:
    plans = ("professional", "enterprise")
    return Client(instance.url, instance.token, callback_secret=instance.callback_secret, plans=plans)


def _heard(instance: Instance, client: Client, account: str, kind: str) -> Callback:
    """Verify everything that the product got, and return the callback of this type."""

    def ask() -> list[Callback]:
        received = [client.receive(*raw) for raw in tuple(instance.product.received)]
        return [callback for callback in received if (callback.account_id, callback.type) == (account, kind)]

    return until(ask)[0]


def test_a_purchase_and_a_chargeback_reach_the_product(instance: Instance) -> None:
    client = _client(instance)
    stranger = client.entitlement("python_1")

    instance.play("bought", "python_1")
    bought = _heard(instance, client, "python_1", "account.entitlement_changed")
    paid = client.entitlement("python_1", refresh=True)
    again = client.entitlement("python_1", refresh=True)

    assert (stranger.known, stranger.plan) == (False, "free")
    assert bought.entitlement is not None
    assert (bought.entitlement.plan, bought.entitlement.version) == ("professional", paid.version)
    assert (paid.plan, paid.access, paid.known, paid.source) == ("professional", Access.FULL, True, Source.KULANZ)
    assert again == paid or again.version == paid.version
    assert client.counts[Count.NOT_MODIFIED] == 1
    assert client.covers(paid, "professional")
    assert not client.covers(paid, "enterprise")

    instance.play("chargeback", "python_1")
    suspended = _heard(instance, client, "python_1", "account.suspended")
    now = client.entitlement("python_1")

    assert suspended.rule == "dispute.suspended"
    assert (now.access, now.source) == (Access.NONE, Source.CACHE)
    assert now.may("export")
    assert not now.may("use_free")
    assert client.counts[Count.CALLBACK_REFUSED] == 0

    shown = client.entitlement("python_1", refresh=True).notice
    assert shown is not None
    assert (shown.severity, shown.text, shown.who) == ("critical", "Your account has been suspended", "everyone")


def test_a_wrong_token_or_path_is_a_mistake_of_the_configuration(instance: Instance) -> None:
    for url, token in ((instance.url, "wrong"), (f"{instance.url}/elsewhere", instance.token)):
        with pytest.raises(ConfigurationError):
            Client(url, token).entitlement("anybody", on_failure=OnFailure.OPEN)


def test_nothing_listens_there_and_each_mode_says_so(instance: Instance) -> None:
    client = Client("http://127.0.0.1:9", instance.token, timeout=timedelta(milliseconds=500))

    assert client.entitlement("anybody", on_failure=OnFailure.CLOSED).source is Source.CLOSED


@needs_node
def test_the_javascript_client_passes_its_own_tests() -> None:
    _node("--test", cwd=ROOT / "clients" / "js")


@needs_node
def test_the_javascript_client_hears_of_a_purchase_and_a_chargeback(instance: Instance) -> None:
    _node(
        *("--test", str(ROOT / "tests" / "clients" / "instance.test.js")),
        cwd=ROOT,
        KULANZ_URL=instance.url,
        KULANZ_TOKEN=instance.token,
        KULANZ_CALLBACK_SECRET=instance.callback_secret,
        KULANZ_DATA=str(instance.data_dir),
        PRODUCT_URL=instance.product.url,
        PYTHON=sys.executable,
        PLAY=str(EXAMPLES / "play.py"),
    )


def _node(*arguments: str, cwd: Path, **environ: str) -> None:
    assert NODE is not None
    done = subprocess.run(
        [NODE, *arguments], cwd=cwd, env=os.environ | environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
