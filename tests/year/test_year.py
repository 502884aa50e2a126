"""A season of a small store, with everything that goes wrong; `python -m tests.year` plays a whole year."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from kulanz_simulator import ApiVersion, LemonSqueezySimulator, Simulator, StripeSimulator
from tests.lemonsqueezy import MONDAY
from tests.shop import a_shop
from tests.year.judge import judge
from tests.year.play import play


@pytest.mark.parametrize(
    ("database_url", "provider", "seed"),
    [
        ("postgresql", LemonSqueezySimulator, 5),
        ("sqlite", partial(StripeSimulator, version=ApiVersion.ACACIA), 5),
    ],
    ids=["lemonsqueezy-postgresql", "stripe-old-sqlite"],
    indirect=["database_url"],
)
def test_a_season_of_lost_doubled_and_late_deliveries_ends_as_the_provider_has_it(
    database_url: str, tmp_path: Path, provider: Callable[[datetime], Simulator], seed: int
) -> None:
    with a_shop(tmp_path, database_url, simulator=provider(MONDAY)) as shop:
        played = play(shop, customers=8, days=75, seed=seed)
        verdict = judge(shop, played)
        totals = shop.simulator.totals()

    assert (verdict.wrong, verdict.unwarned) == ((), ())
    assert verdict.accounts == 8
    assert len(played.backlogs) == 2
    assert totals["lost"] > 0
    assert sum(played.repaired.values()) > 0
