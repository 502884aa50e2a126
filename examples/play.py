"""Plays Lemon Squeezy for an example shop: `python examples/play.py bought` sends signed webhooks by `kulanz send`.

The payloads have the provider's shape; every value is invented.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from run import program

ACTS = {
    "bought": ("subscription_created", "subscription_payment_success"),
    "payment-failed": ("subscription_payment_failed", "subscription_updated"),
    "chargeback": ("dispute_created",),
    "chargeback-won": ("dispute_resolved",),
}


def main() -> int:
    """Write the payloads of an act and send them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("act", choices=ACTS)
    parser.add_argument("account", nargs="?", default="anna", help="who is signed in at the shop (default: anna)")
    parser.add_argument("--data-dir", type=Path, default=Path(".kulanz-flask"), help="of the running Kulanz")
    options = parser.parse_args()
    if not (options.data_dir / "run.toml").exists():
        parser.error(f"no Kulanz runs with {options.data_dir}: start a shop, or name its --data-dir")
    with tempfile.TemporaryDirectory() as folder:
        files = [_written(Path(folder), name, options.account, options.act) for name in ACTS[options.act]]
        environ = os.environ | {"KULANZ_DATA_DIR": str(options.data_dir)}
        return subprocess.call((program("kulanz"), "send", *files), env=environ)


def payload(name: str, account: str, act: str, now: datetime) -> dict[str, Any]:
    """Return one event about the account's subscription."""
    number = zlib.crc32(account.encode())
    kind, ident, attributes = _object(name, act, number, now)
    about = {"store_id": 1, "customer_id": number, "user_name": account, "user_email": f"{account}@example.com"}
    times = {"created_at": _time(now), "updated_at": _time(now), "test_mode": False}
    custom = {"account_id": account}
    meta = {"event_name": name, "custom_data": custom, "webhook_id": str(uuid.uuid4()), "test_mode": False}
    return {"meta": meta, "data": {"type": kind, "id": str(ident), "attributes": about | times | attributes}}


def _object(name: str, act: str, number: int, now: datetime) -> tuple[str, int, dict[str, Any]]:
    subscription, order, invoice = number + 1, number + 2, number + 3
    money = {"currency": "EUR", "subtotal": 4900, "tax": 0, "total": 4900, "refunded": False, "refunded_amount": 0}
    if name.startswith("dispute"):
        status = "won" if act == "chargeback-won" else "opened"
        ids = {"order_id": order, "subscription_id": subscription}
        return "disputes", number + 4, {**ids, "amount": 4900, "currency": "EUR", "fee": 1500, "status": status}
    if name.startswith("subscription_payment"):
        failed = act == "payment-failed"
        about = {"subscription_id": subscription, "billing_reason": "renewal" if failed else "initial"}
        status = "pending" if failed else "paid"
        return "subscription-invoices", invoice + failed, {**about, "status": status, **money, "refunded_at": None}
    product = {"product_id": 31007, "variant_id": 47001, "product_name": "Professional", "variant_name": "Monthly"}
    status = "past_due" if act == "payment-failed" else "active"
    dates = {"renews_at": _time(now + timedelta(days=30)), "ends_at": None, "trial_ends_at": None}
    state = {"order_id": order, "status": status, "cancelled": False, "pause": None}
    return "subscriptions", subscription, {**product, **state, **dates}


def _written(folder: Path, name: str, account: str, act: str) -> Path:
    file = folder / f"{name}.json"
    file.write_text(json.dumps(payload(name, account, act, datetime.now(UTC))), encoding="utf-8")
    return file


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


if __name__ == "__main__":
    sys.exit(main())
