"""A season of a small store, with everything that goes wrong; `python -m tests.year` plays a whole year."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shop import a_shop
from tests.year.judge import judge
from tests.year.play import play


@pytest.mark.parametrize("seed", [3, 8])
def test_a_season_of_lost_doubled_and_late_deliveries_ends_as_the_provider_has_it(
    sqlite_url: str, tmp_path: Path, seed: int
) -> None:
    with a_shop(tmp_path, sqlite_url, seed=seed) as shop:
        played = play(shop, customers=8, days=75, seed=seed)
        verdict = judge(shop, played)
        totals = shop.simulator.totals()
        reasons = [payload["data"]["attributes"].get("billing_reason") for _, payload in shop.simulator.sender.told]

    assert (verdict.wrong, verdict.unwarned) == ((), ())
    assert verdict.accounts == 8
    assert totals["failed"] > 0
    assert "updated" in reasons, "no charge for a changed plan failed"
    assert len(played.backlogs) == 2
    assert totals["lost"] > 0
    assert sum(played.repaired.values()) > 0
