"""A dispute that comes before what it is about suspends once, in whatever order the rest comes."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.days import product, settings_of, settle, tell
from tests.lemonsqueezy import (
    MONDAY,
    a_buyer,
    dispute_created,
    order_created,
    subscription_created,
    subscription_payment_success,
)

BUYER, LATER = a_buyer(7, began=MONDAY), MONDAY + timedelta(days=30)
BOUGHT = {
    "order": order_created(at=MONDAY, purchase=BUYER),
    "subscription": subscription_created(at=MONDAY, purchase=BUYER),
    "payment": subscription_payment_success(at=MONDAY, purchase=BUYER, billing_reason="initial"),
}


@pytest.mark.parametrize("names", list(permutations(BOUGHT)), ids="-".join)
def test_an_account_is_suspended_once_and_told_so_once(names: tuple[str, ...], sqlite_url: str, tmp_path: Path) -> None:
    product_url = {"callback_url": "http://127.0.0.1:9/", "callback_secret": "whsec_" + "A" * 32}
    told = {**product_url, "ops_alert_to": "ops@shop.example"}

    with product(settings_of(tmp_path, sqlite_url, test_clock=True, **told), at=LATER) as services:
        tell(services, dispute_created(at=LATER, purchase=BUYER))
        settle(services)  # The alert to operators goes out first: it is no notice to the customer.
        tell(services, *(BOUGHT[name] for name in names))
        with services.database.read() as conn:
            sent = [row[0] for row in conn.execute(text("SELECT type FROM effects"))]
            standing = conn.execute(text("SELECT standing FROM accounts WHERE id = 'org_7'")).scalar()

    assert (standing, sent.count("account.suspended"), sent.count("suspended")) == ("suspended", 1, 1)
