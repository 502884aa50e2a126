"""What the simulator delivers, when, and how often."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from kulanz.errors import RefusedError
from kulanz.providers import PROVIDERS, Naming
from kulanz_simulator import Assumptions, Faults, LemonSqueezySimulator
from tests.fake_servers import Answer, CallbackReceiver, a_free_port
from tests.lemonsqueezy import MONDAY, SECRET

DAY = timedelta(days=1)
LEMONSQUEEZY = PROVIDERS["lemonsqueezy"]


def payloads(receiver: CallbackReceiver) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in receiver.requests]


def names(receiver: CallbackReceiver) -> list[str]:
    return [payload["meta"]["event_name"] for payload in payloads(receiver)]


def test_a_sale_is_told_by_three_events_with_good_signatures(
    simulator: LemonSqueezySimulator, receiver: CallbackReceiver
) -> None:
    bought = simulator.sell(account="org_42")

    simulator.advance(timedelta(seconds=2))

    assert names(receiver) == ["order_created", "subscription_created", "subscription_payment_success"]
    for request in receiver.requests:
        assert LEMONSQUEEZY.verify(request.headers, request.body, [SECRET.encode()]) == 0
        assert request.headers["user-agent"] == "LemonSqueezy-Hookshot"
    created, paid = payloads(receiver)[1:]
    assert created["meta"]["custom_data"] == {"account_id": "org_42"}
    assert "custom_data" not in paid["meta"]
    assert paid["data"]["attributes"]["subscription_id"] == bought.subscription


def test_bytes_are_those_of_php(simulator: LemonSqueezySimulator, receiver: CallbackReceiver) -> None:
    simulator.sell(buyer="Änne / Öztürk")

    simulator.advance(timedelta(seconds=2))

    body = receiver.requests[0].body
    assert b'"user_name":"\\u00c4nne \\/ \\u00d6zt\\u00fcrk"' in body
    assert body.startswith(b'{"meta":{"test_mode":true,"event_name":"order_created"')


def test_anything_but_200_is_tried_again_after_5_25_and_125_seconds(
    simulator: LemonSqueezySimulator, receiver: CallbackReceiver
) -> None:
    receiver.answers.extend([Answer(status=503), Answer(status=202), Answer(drop=True)])
    simulator.sell()
    simulator.sender._due[1:] = []

    at = []
    for seconds in (1, 5, 25, 125, 1000):
        simulator.advance(timedelta(seconds=seconds))
        at.append(len(receiver.requests))

    assert at == [1, 2, 3, 4, 4]
    assert len({payload["meta"]["webhook_id"] for payload in payloads(receiver)}) == 1
    assert simulator.sender.deliveries[0].state == "delivered"


def test_after_four_attempts_an_event_is_given_up(simulator: LemonSqueezySimulator) -> None:
    simulator.deliver_to(f"http://127.0.0.1:{a_free_port()}/", SECRET)
    simulator.sell()

    simulator.advance(timedelta(seconds=157))

    assert [webhook_delivery.answers for webhook_delivery in simulator.sender.deliveries] == [[0, 0, 0, 0]] * 3
    assert {webhook_delivery.state for webhook_delivery in simulator.sender.deliveries} == {"failed"}


def test_a_resend_has_another_delivery_id_and_the_same_data(
    simulator: LemonSqueezySimulator, receiver: CallbackReceiver
) -> None:
    simulator.sell()
    simulator.advance(timedelta(minutes=1))

    simulator.sender.resend(simulator.now, simulator.sender.deliveries[0].number)
    simulator.advance(timedelta(minutes=1))

    first, resent = payloads(receiver)[0], payloads(receiver)[-1]
    assert first["data"] == resent["data"]
    assert first["meta"]["webhook_id"] != resent["meta"]["webhook_id"]
    assert receiver.requests[0].headers["x-signature"] != receiver.requests[-1].headers["x-signature"]


def test_time_that_several_let_go_on_at_once_adds_up(simulator: LemonSqueezySimulator) -> None:
    began, ready = simulator.now, threading.Barrier(8)
    simulator.sell()

    def advance(_: int) -> None:
        ready.wait()
        simulator.advance(31 * DAY)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(advance, range(8)))

    assert simulator.now == began + 8 * 31 * DAY


def test_a_year_of_a_good_card_is_twelve_renewals(simulator: LemonSqueezySimulator, receiver: CallbackReceiver) -> None:
    simulator.sell()

    simulator.advance(365 * DAY)

    assert names(receiver).count("subscription_payment_success") == 13
    assert names(receiver).count("subscription_updated") == 12


def test_a_card_that_stays_bad_is_charged_four_times_more_and_then_the_subscription_ends(
    simulator: LemonSqueezySimulator,
) -> None:
    sub = str(simulator.sell().subscription)
    simulator.store.contract(sub).card_works = False

    statuses = {}
    for day in (29, 30, 33, 43, 44, 58):
        simulator.advance_to(MONDAY + day * DAY)
        statuses[day] = simulator.subscription(sub)["status"]

    assert statuses == {29: "active", 30: "past_due", 33: "past_due", 43: "past_due", 44: "unpaid", 58: "expired"}
    stated = [name for name, _ in simulator.sender.told]
    assert stated.count("subscription_payment_failed") == 5
    assert stated[-2:] == ["subscription_expired", "subscription_updated"]


def test_a_card_that_works_at_the_second_attempt_recovers_and_keeps_the_anchor(
    simulator: LemonSqueezySimulator,
) -> None:
    sub = str(simulator.sell().subscription)
    simulator.store.contract(sub).charges = [False, True]

    simulator.advance(34 * DAY)

    assert [name for name, _ in simulator.sender.told][-3:] == [
        "subscription_payment_recovered",
        "subscription_payment_success",
        "subscription_updated",
    ]
    assert datetime.fromisoformat(simulator.subscription(sub)["renews_at"]) == MONDAY + 60 * DAY


def test_what_has_expired_is_charged_no_more(simulator: LemonSqueezySimulator) -> None:
    sub = str(simulator.sell().subscription)
    simulator.desk.fail(sub)
    simulator.desk.cancel(sub)

    with pytest.raises(RefusedError, match="expired"):
        simulator.desk.recover(sub)


def test_a_past_due_subscription_that_is_cancelled_expires_at_once_or_at_the_end_as_assumed() -> None:
    ends = {}
    for at_once in (True, False):
        simulator = LemonSqueezySimulator(MONDAY, assumptions=Assumptions(cancelling_expires_past_due=at_once))
        sub = str(simulator.sell().subscription)
        simulator.desk.fail(sub)
        simulator.desk.cancel(sub)
        ends[at_once] = simulator.subscription(sub)["status"]

    assert ends == {True: "expired", False: "cancelled"}


def test_faults_are_a_share_of_all_events_and_the_same_for_a_seed(receiver: CallbackReceiver) -> None:
    def play(seed: int) -> dict[str, int]:
        simulator = LemonSqueezySimulator(MONDAY, seed=seed)
        simulator.deliver_to(receiver.url, SECRET)
        simulator.faults = Faults(lost=0.1, twice=0.2, late=0.2)
        for _ in range(40):
            simulator.sell()
        simulator.advance(timedelta(hours=1))
        simulator.sender.close()
        return simulator.totals()

    first, again, other = play(7), play(7), play(8)

    assert first == again != other
    assert 2 <= first["lost"] <= 30
    assert first["delivered"] > 120 - first["lost"]
    assert first["waiting"] == first["failed"] == 0


@pytest.mark.parametrize("told_by", ["order_refunded", "order_created", "nothing"])
def test_an_order_that_turns_fraudulent_is_told_as_assumed(
    simulator: LemonSqueezySimulator, receiver: CallbackReceiver, told_by: str
) -> None:
    bought = simulator.sell()
    simulator.advance(timedelta(minutes=1))
    before = len(receiver.requests)

    simulator.desk.call_fraudulent(str(bought.order), told_by=told_by)
    simulator.advance(timedelta(minutes=1))

    stated = names(receiver)[before:]
    assert stated == ([] if told_by == "nothing" else [told_by])
    assert simulator.store.told("orders", bought.order)["status"] == "fraudulent"


def test_every_event_of_a_life_is_one_that_kulanz_can_translate(simulator: LemonSqueezySimulator) -> None:
    sub = simulator.sell(licence=True)
    service, own = simulator.desk, str(sub.subscription)
    service.pause(own, "free")
    service.unpause(own)
    service.change_plan(own, 47002, "Enterprise")
    service.fail(own)
    service.recover(own)
    service.cancel(own)
    service.resume(own)
    service.refund_order(str(sub.order), 100)
    service.call_fraudulent(str(sub.order))
    service.clear(str(sub.order))
    service.change_licence(str(sub.licence), {"disabled": True})
    service.cancel(own)
    simulator.advance(60 * DAY)

    facts = [_facts(name, payload) for name, payload in simulator.sender.told]

    assert all(facts)
    assert {name for name, _ in simulator.sender.told} >= {
        "subscription_paused",
        "subscription_unpaused",
        "subscription_payment_recovered",
        "subscription_payment_refunded",
        "subscription_resumed",
        "subscription_expired",
        "license_key_updated",
        "order_refunded",
    }


def _facts(name: str, payload: Any) -> tuple[object, ...]:

    return tuple(LEMONSQUEEZY.translate(name, payload, "0" * 64, Naming()))
