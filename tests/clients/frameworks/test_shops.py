"""The example shops by their one command; Django's, with the client's plain functions, needs the extra `clients`."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.clients.instance import a_shop, play, until


@pytest.mark.parametrize("framework", ["django", "flask"])
def test_a_shop_runs_by_one_command_and_follows_what_the_customer_does(tmp_path: Path, framework: str) -> None:
    with a_shop(framework, tmp_path) as (shop, data_dir):

        def sees(text: str) -> bool:
            return text in requests.get(shop, timeout=5).text

        assert sees("Plan: free, access: free")
        assert requests.get(f"{shop}/reports", timeout=5).status_code == 403

        play("bought", "anna", data_dir)
        until(lambda: sees("Plan: professional, access: full"))
        assert requests.get(f"{shop}/reports", timeout=5).status_code == 200

        play("chargeback", "anna", data_dir)
        until(lambda: sees("Plan: free, access: none"))
        denied = requests.get(f"{shop}/reports", timeout=5)
        assert denied.status_code == 403
        assert "You can export your data" in denied.text
        assert requests.post(f"{shop}/kulanz", data="{}", timeout=5).status_code == 401
