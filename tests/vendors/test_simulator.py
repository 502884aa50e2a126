"""The simulated Stripe, judged by the library's own classes: of today's release, and of one from before `basil`.

The old one is unpacked beside the virtual environment's packages, as two releases cannot be installed at once:
`pip install --no-deps --target .venv/stripe-old 'stripe>=11,<12'`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import stripe as stripe_sdk

from kulanz_simulator import ApiVersion, StripeSimulator
from kulanz_simulator.stripe.desk import REASONS
from kulanz_simulator.stripe.documents import BY_HAND, Item
from kulanz_simulator.stripe.store import INTENTS, REFUNDS
from kulanz_simulator.stripe.versions import rendered
from tests.purchase import MONDAY
from tests.vendors.stripe_types import StripeTypes

DAY = timedelta(days=1)
TODAY = Path(stripe_sdk.__file__).parent
OLD = Path(__file__).parents[2] / ".venv" / "stripe-old" / "stripe"
EVENTS = {
    "charge.failed",
    "charge.pending",
    "charge.refunded",
    "customer.subscription.deleted",
    "invoice.marked_uncollectible",
    "invoice.overdue",
    "invoice.payment_failed",
    "invoice.voided",
    "radar.early_fraud_warning.created",
    "refund.created",
}


def everything_happens(version: ApiVersion) -> StripeSimulator:
    simulator = StripeSimulator(MONDAY, version=version)
    desk = simulator.desk
    for reason in REASONS:
        charge = simulator.invoices(simulator.sell().subscription)[0]["paid_with"]
        for status in ("needs_response", "under_review", "won"):
            if status == "needs_response":
                dispute = desk.dispute(charge, reason, "warning_needs_response")["id"]
            desk.move_dispute(dispute, status)
    simulator.sell(charges=[False])
    simulator.sell(charges=[True, *[False] * 5])
    simulator.sell(collection=BY_HAND)
    simulator.sell(trial=14 * DAY)
    debit = simulator.sell(debit=True, charges=[True, False])
    several = simulator.sell(items=(Item(price="price_seat", quantity=3), Item(price="price_ent")))
    paused = [simulator.sell() for _ in range(2)]
    for bought, behaviour in zip(paused, ("void", "mark_uncollectible"), strict=True):
        desk.pause(bought.subscription, behaviour)
    simulator.advance(10 * DAY)
    desk.bounce(simulator.invoices(debit.subscription)[0]["paid_with"])
    charge = simulator.invoices(several.subscription)[0]["paid_with"]
    desk.warn(charge)
    desk.refund(charge, 500)
    simulator.store.contract(several.subscription).charges = [False]
    desk.change_items(
        several.subscription,
        [Item(price="price_ent", quantity=2)],
        proration="always_invoice",
        payment="pending_if_incomplete",
    )
    simulator.advance(90 * DAY)
    desk.cancel(several.subscription)
    return simulator


@pytest.mark.parametrize(
    ("version", "folder"), [(ApiVersion.ENDIVE, TODAY), (ApiVersion.BASIL, TODAY), (ApiVersion.ACACIA, OLD)]
)
def test_every_event_and_object_has_the_fields_and_kinds_of_the_library(version: ApiVersion, folder: Path) -> None:
    assert folder.is_dir(), f"{folder} is not there: see the top of this file"
    types, simulator = StripeTypes(folder), everything_happens(version)

    complaints = {
        line
        for _, event in simulator.sender.told
        for line in (*types.complaints(event), *types.complaints(event["data"]["object"]))
    }
    held = [each for kind in (INTENTS, REFUNDS) for each in simulator.store.all(kind)]
    complaints |= {line for each in held for line in types.complaints(rendered(each, version))}

    assert complaints == set()
    assert {name for name, _ in simulator.sender.told} >= EVENTS


def test_the_judge_finds_what_is_missing_unknown_or_of_another_kind() -> None:
    simulator = StripeSimulator(MONDAY)
    document = dict(simulator.subscription(simulator.sell().subscription))
    document |= {"status": "zombie", "created": "today", "invented": 1}
    del document["currency"]

    assert sorted(StripeTypes(TODAY).complaints(document)) == [
        "subscription.created: str, not int",
        "subscription.currency: missing",
        "subscription.invented: not known",
        "subscription.status: 'zombie' is none of its words",
    ]
