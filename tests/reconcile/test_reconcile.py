"""What we missed: each class of drift is found, written down nowhere unless asked, and repaired where it is certain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from kulanz.errors import FarEndError
from kulanz.policy.facts import Provenance
from kulanz.queries.replay.replay import recorded, replay
from kulanz.reconcile import DriftKind, ReconcileReport, Window, reconcile
from kulanz.store import journal
from kulanz_simulator import Faults
from tests.lemonsqueezy import Purchase
from tests.reconcile.rows import everything
from tests.replacing import replace
from tests.shop import Shop

DAY = timedelta(days=1)
DEAF = Faults(lost=1.0)
LATER = timedelta(minutes=10)


def kinds(report: ReconcileReport) -> list[str]:
    return [str(drift.kind) for drift in report.drifts]


def bought(shop: Shop, *, licence: bool = False) -> Purchase:
    """A subscription that both sides know."""
    purchase = shop.simulator.sell(licence=licence)
    shop.advance(LATER)
    return purchase


def unheard(shop: Shop, act: Callable[[], object]) -> None:
    """Let something happen of which no webhook arrives, long enough ago to be judged."""
    shop.simulator.faults = DEAF
    act()
    shop.advance(LATER)
    shop.simulator.faults = Faults()


def test_where_nothing_was_lost_there_is_no_difference(shop: Shop) -> None:
    purchase = bought(shop, licence=True)
    shop.simulator.desk.refund_order(str(purchase.order), 100)
    shop.advance(40 * DAY)

    report = reconcile(shop.services)

    assert report.drifts == ()
    assert (report.compared, report.in_flight, report.unreadable) == (5, 0, ())


def test_a_whole_life_that_nobody_told_of_becomes_an_account(shop: Shop) -> None:
    sold: list[Purchase] = []
    unheard(shop, lambda: sold.append(shop.simulator.sell(licence=True)))

    report = reconcile(shop.services, apply=True)

    assert sorted(kinds(report)) == ["unknown_invoice", "unknown_licence", "unknown_order", "unknown_subscription"]
    assert report.left == 0
    account = shop.account(f"lemonsqueezy-{sold[0].customer}")
    assert (account["plan"], account["standing"]) == ("professional", "good")


def test_a_lost_sale_of_a_known_customer_stays_unnamed_as_the_api_tells_no_account(shop: Shop) -> None:
    first = bought(shop)
    unheard(shop, lambda: shop.simulator.sell(customer=first.customer, account=first.account, variant=47002))

    reconcile(shop.services, apply=True)

    accounts = [shop.account(name) for name in (first.account, f"lemonsqueezy-{first.customer}")]
    assert [(account["plan"], len(account["subscriptions"])) for account in accounts] == [
        ("professional", 1),
        ("enterprise", 1),
    ]


def test_a_stale_status_is_brought_up_to_date_and_opens_the_case_that_it_should_have(shop: Shop) -> None:
    purchase = bought(shop)
    unheard(shop, lambda: shop.simulator.desk.fail(str(purchase.subscription)))

    report = reconcile(shop.services, apply=True)

    assert sorted(kinds(report)) == ["stale_status", "unknown_invoice"]
    (stale,) = [drift for drift in report.drifts if drift.kind is DriftKind.STALE_STATUS]
    assert (stale.ours, stale.theirs, stale.account) == ("active", "past_due", purchase.account)
    account = shop.account(purchase.account)
    assert (account["standing"], account["access"]) == ("grace", "full")


def test_a_change_under_the_same_status_is_a_missing_event(shop: Shop) -> None:
    purchase = bought(shop)
    unheard(shop, lambda: shop.simulator.desk.change_plan(str(purchase.subscription), 47002, "Enterprise"))

    report = reconcile(shop.services, apply=True)

    assert kinds(report) == ["missing_event"]
    assert shop.account(purchase.account)["plan"] == "enterprise"


def test_an_unseen_payment_closes_the_case(shop: Shop) -> None:
    purchase = bought(shop)
    shop.simulator.desk.fail(str(purchase.subscription))
    shop.advance(LATER)
    unheard(shop, lambda: shop.simulator.desk.recover(str(purchase.subscription)))

    report = reconcile(shop.services, apply=True)

    assert sorted(kinds(report)) == ["stale_status", "unseen_payment"]
    assert shop.account(purchase.account)["standing"] == "good"


def test_an_unseen_refund_is_seen_and_shown_to_operators_as_any_other(shop: Shop) -> None:
    purchase = bought(shop)
    unheard(shop, lambda: shop.simulator.desk.refund_order(str(purchase.order)))

    report = reconcile(shop.services, apply=True)
    shop.settle()

    assert kinds(report) == ["unseen_refund", "unseen_refund"]
    assert "unrequested_refund" in [document["data"].get("topic") for document in shop.callbacks.documents]


def test_an_order_that_turned_fraudulent_in_silence_suspends_the_account(shop: Shop) -> None:
    purchase = bought(shop)
    unheard(shop, lambda: shop.simulator.desk.call_fraudulent(str(purchase.order)))

    report = reconcile(shop.services, apply=True)

    assert kinds(report) == ["order_turned_fraudulent"]
    assert shop.account(purchase.account)["standing"] == "suspended"


def test_a_cancellation_of_ours_that_the_provider_does_not_show_goes_to_operators(shop: Shop) -> None:
    purchase = bought(shop)
    own = str(purchase.subscription)
    shop.simulator.desk.fail(own)
    shop.advance(7 * DAY + timedelta(hours=2))
    assert shop.simulator.subscription(own)["status"] == "expired"
    shop.simulator.store.told("subscriptions", own).update(status="past_due", cancelled=False, ends_at=None)

    report = reconcile(shop.services, apply=True)
    again = reconcile(shop.services, apply=True)
    shop.settle()

    assert "cancel_did_not_stick" in kinds(report)
    assert [drift.applied for drift in report.drifts if drift.kind is DriftKind.CANCEL_DID_NOT_STICK] == [False]
    assert (report.left, again.left) == (1, 1)
    topics = [document["data"].get("topic") for document in shop.callbacks.documents]
    assert topics.count("reconcile_cancel_did_not_stick") == 1


def test_a_resumption_of_ours_that_the_provider_does_not_show_goes_to_operators(shop: Shop) -> None:
    purchase = bought(shop)
    shop.simulator.desk.call_fraudulent(str(purchase.order))
    shop.advance(LATER)
    shop.simulator.desk.clear(str(purchase.order))
    shop.advance(LATER)
    before = shop.simulator.subscription(purchase.subscription)
    assert before["status"] == "active"
    shop.simulator.store.told("subscriptions", purchase.subscription).update(status="cancelled", cancelled=True)

    report = reconcile(shop.services, apply=True)

    assert "resume_did_not_stick" in kinds(report)


def test_a_subscription_that_the_provider_does_not_list_goes_to_operators(shop: Shop) -> None:
    purchase = bought(shop)
    del shop.simulator.store.objects["subscriptions"][str(purchase.subscription)]

    report = reconcile(shop.services, apply=True)

    assert kinds(report) == ["not_at_provider"]
    assert report.left == 1


def test_without_apply_nothing_at_all_is_written(shop: Shop) -> None:
    purchase, other = bought(shop, licence=True), bought(shop)
    service = shop.simulator.desk
    unheard(shop, lambda: service.fail(str(purchase.subscription)))
    unheard(shop, lambda: service.call_fraudulent(str(other.order)))
    unheard(shop, lambda: service.refund_order(str(purchase.order)))
    unheard(shop, lambda: shop.simulator.sell(licence=True))
    del shop.simulator.store.objects["subscriptions"][str(other.subscription)]
    before = everything(shop.services.database)

    report = reconcile(shop.services)

    assert len(report.drifts) == report.left == 10
    assert everything(shop.services.database) == before
    assert len(shop.callbacks.requests) == len(shop.callbacks.documents)


def test_what_was_taken_in_is_journalled_as_reconciled_and_replays(shop: Shop) -> None:
    purchase = bought(shop)
    unheard(shop, lambda: shop.simulator.desk.fail(str(purchase.subscription)))

    reconcile(shop.services, apply=True)

    with shop.services.database.read() as conn:
        facts = list(recorded(shop.services, conn, str(purchase.account)))
    provenances = {getattr(fact, "provenance", None) for fact in facts}
    assert Provenance.RECONCILED in provenances
    assert [finding.differs for finding in replay(shop.services)] == [()]


def test_a_second_round_finds_nothing_and_writes_nothing(shop: Shop) -> None:
    purchase = bought(shop, licence=True)
    unheard(shop, lambda: shop.simulator.desk.refund_order(str(purchase.order)))
    unheard(shop, lambda: shop.simulator.desk.fail(str(purchase.subscription)))
    reconcile(shop.services, apply=True)
    shop.settle()
    before = everything(shop.services.database)

    report = reconcile(shop.services, apply=True)

    assert report.drifts == ()
    assert everything(shop.services.database) == before


def test_the_webhook_that_arrives_after_all_changes_nothing_more(shop: Shop) -> None:
    purchase = bought(shop)
    unheard(shop, lambda: shop.simulator.desk.change_plan(str(purchase.subscription), 47002, "Enterprise"))
    reconcile(shop.services, apply=True)
    shop.settle()
    entitled = shop.account(purchase.account)

    lost = next(
        webhook_delivery for webhook_delivery in shop.simulator.sender.deliveries if webhook_delivery.state == "lost"
    )
    shop.simulator.sender.resend(shop.now, lost.number)
    shop.advance(LATER)

    assert shop.account(purchase.account) == entitled


def test_what_did_we_miss_between_two_instants(shop: Shop) -> None:
    early, late = bought(shop), bought(shop)
    unheard(shop, lambda: shop.simulator.desk.cancel(str(early.subscription)))
    shop.advance(DAY)
    since = shop.now
    unheard(shop, lambda: shop.simulator.desk.cancel(str(late.subscription)))

    missed = reconcile(shop.services, window=Window(since=since, until=shop.now))
    before = reconcile(shop.services, window=Window(until=since - LATER))

    assert [drift.account for drift in missed.drifts] == [late.account]
    assert [drift.account for drift in before.drifts] == [early.account]


def test_what_changed_a_moment_ago_is_not_judged_yet(shop: Shop) -> None:
    purchase = bought(shop)
    shop.simulator.faults = DEAF
    shop.simulator.desk.cancel(str(purchase.subscription))
    shop.advance(timedelta(minutes=4))

    report = reconcile(shop.services, apply=True)

    assert (report.drifts, report.in_flight) == ((), 1)


def test_what_another_store_or_mode_holds_is_left_alone(shop: Shop) -> None:
    unheard(shop, shop.simulator.sell)
    settings = replace(shop.services.settings, lemonsqueezy_store_ids=frozenset({"1"}))

    report = reconcile(replace(shop.services, settings=settings))

    assert (report.drifts, report.compared) == ((), 0)


def test_a_provider_that_is_away_is_said_so_and_nothing_is_half_done(shop: Shop) -> None:
    unheard(shop, shop.simulator.sell)
    slept: list[float] = []
    pace = replace(shop.services.rate_limit, sleep=slept.append)
    shop.simulator.conditions.away = True
    before = everything(shop.services.database)

    with pytest.raises(FarEndError, match="no answer"):
        reconcile(replace(shop.services, rate_limit=pace), apply=True)

    assert len(slept) == 5
    assert everything(shop.services.database) == before


def test_a_parked_payment_goes_on_when_its_lost_subscription_is_taken_in(shop: Shop) -> None:
    shop.simulator.faults = DEAF
    purchase = shop.simulator.sell()
    shop.simulator.faults = Faults()
    shop.advance(LATER)
    paid = next(
        webhook_delivery
        for webhook_delivery in shop.simulator.sender.deliveries
        if webhook_delivery.name == "subscription_payment_success"
    )
    shop.simulator.sender.resend(shop.now, paid.number)
    shop.advance(LATER)
    assert shop.received()["waiting"] == 1

    reconcile(shop.services, apply=True)
    shop.settle()

    assert shop.received()["waiting"] == 0
    with shop.services.database.read() as conn:
        assert list(journal.of_account(conn, f"lemonsqueezy-{purchase.customer}"))
