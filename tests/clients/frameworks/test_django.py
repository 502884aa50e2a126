"""The Django shop, which uses the client's plain functions: it needs the extra `clients`."""

from __future__ import annotations

from pathlib import Path

from tests.clients.test_instance import follow_the_customer


def test_the_django_shop_runs_by_one_command_and_follows_what_the_customer_does(tmp_path: Path) -> None:
    follow_the_customer("django", tmp_path)
