"""An organisation leaves, through the front door: the API, the clock, the command line, the product's callbacks."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from tests.end_to_end.instance import TOKEN, Instance, days
from tests.lemonsqueezy import (
    Purchase,
    order_created,
    subscription_cancelled,
    subscription_created,
    subscription_expired,
    subscription_payment_failed,
    subscription_updated,
)


def bought(instance: Instance, start: datetime) -> Purchase:
    purchase = instance.purchase()
    instance.deliver_event(subscription_created(purchase=purchase, at=start, began=start))
    return purchase


def test_an_organisation_that_asks_to_be_deleted_is_closed_when_its_period_has_run_out_13(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start)

    requested = instance.post(f"/v1/accounts/{purchase.account}/closure", {"reason": "we stop"})
    assert requested.status_code == 201
    assert requested.json()["obstacles"] == ["subscription_runs"]
    assert instance.post(f"/v1/accounts/{purchase.account}/closure", {}).json()["id"] == requested.json()["id"]
    instance.settle()
    assert instance.account(purchase)["plan"] == "professional"
    instance.deliver_event(subscription_cancelled(purchase=purchase, at=start + days(1), ends_at=start + days(20)))
    instance.advance_to(start + days(19))
    assert instance.account(purchase)["standing"] == "good"
    instance.advance_to(start + days(21))

    account = instance.account(purchase)
    assert (account["standing"], account["plan"], account["access"]) == ("closed", "free", "none")
    assert [item["state"] for item in account["closures"]] == ["closed"]
    stated = [kind for kind in instance.callbacks_received(purchase) if kind != "ops.alert"]
    assert stated[-2:] == ["account.data_deletion_due", "account.closed"]
    assert instance.run("ledger", "verify", str(purchase.account))[0] == 0
    assert instance.run("replay", "--shuffle")[0] == 0


def test_a_deletion_asked_for_in_grace_is_a_cancellation_in_grace_13(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start - days(30))
    past_due = subscription_updated(at=start, purchase=purchase, status="past_due")
    instance.provider.add(past_due)
    instance.deliver_event(subscription_payment_failed(at=start, purchase=purchase), past_due)

    instance.post(f"/v1/accounts/{purchase.account}/closure", {"reason": "we stop"})
    instance.settle()
    instance.advance_to(start + days(6))
    in_time = instance.account(purchase)
    story = instance.cli("account", "explain", str(purchase.account), "--json")
    instance.advance_to(start + days(8))

    assert (in_time["standing"], in_time["plan"], in_time["access"]) == ("good", "professional", "full")
    assert instance.mails(purchase) == []
    assert any("nothing more is asked for" in line for step in story["steps"] for line in step["sentences"])
    assert instance.provider.calls.count(f"DELETE /v1/subscriptions/{purchase.subscription}") == 1
    assert instance.account(purchase)["standing"] == "closed"
    assert instance.run("replay", "--shuffle")[0] == 0


def test_late_news_of_a_closed_account_change_nothing_and_can_be_seen(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    instance.cli("account", "erase", str(purchase.account), "--reason", "Art. 17", "--yes", "--json")
    instance.settle()

    late = subscription_updated(purchase=purchase, at=start + timedelta(hours=1))
    answer = instance.deliver(late)
    instance.settle()

    assert answer["status"] == "accepted"
    assert instance.deliver(late)["status"] == "duplicate"
    shown = instance.cli("events", "show", answer["event"], "--json")
    assert (shown["state"], shown["account_id"]) == ("ignored", purchase.account)
    assert "destroyed" in shown["reason"]
    assert instance.account(purchase)["standing"] == "closed"
    assert instance.cli("replay", "--json")["erased"] >= 1


def test_a_lost_chargeback_deletes_after_its_notices_and_an_approval_10(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    instance.deliver_event(subscription_cancelled(purchase=purchase, at=start, ends_at=start + days(5)))
    opened = instance.post(
        f"/v1/accounts/{purchase.account}/disputes", {"amount": 1999, "currency": "EUR", "reason": "fraudulent"}
    ).json()
    instance.advance_to(start + days(1))
    assert instance.post(f"/v1/disputes/{opened['id']}/close", {"outcome": "lost"}).status_code == 200
    instance.settle()
    path = f"/v1/accounts/{purchase.account}/deletion/approve"
    assert instance.post(path, {"reason": "too early"}).status_code == 409

    instance.advance_to(start + days(33))
    assert instance.mails(purchase).count("data_deletion_notice") == 3
    assert instance.account(purchase)["standing"] == "suspended"
    approved = instance.post(path, {"reason": "the case is closed"})
    instance.settle()

    assert approved.status_code == 200, approved.text
    assert instance.account(purchase)["standing"] == "closed"
    assert instance.post(path, {"reason": "again"}).status_code == 409


def test_what_the_law_keeps_is_listed_and_certified(instance: Instance, start: datetime, tmp_path: Path) -> None:
    purchase = bought(instance, start)
    instance.cli("account", "erase", str(purchase.account), "--reason", "Art. 17", "--yes", "--json")

    shown = instance.cli("retention", "certificates", str(purchase.account), "--out", str(tmp_path / "c"), "--json")
    assert [item["cause"] for item in shown["certificates"]] == ["erasure"]
    assert shown["certificates"][0]["genuine"] is True
    assert instance.get(f"/v1/accounts/{purchase.account}/certificates")["certificates"] == shown["certificates"]
    (file,) = (tmp_path / "c").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert instance.cli("retention", "due", "--json")["due"] == []
    assert instance.run("account", "show", "nobody")[0] == 1


def test_a_merchant_answers_a_chargeback_with_evidence_that_anybody_can_check(
    instance: Instance, start: datetime, tmp_path: Path
) -> None:
    purchase = bought(instance, start)
    dispute = {"amount": 1999, "currency": "EUR", "reason": "fraudulent", "reference": "case-77"}
    assert instance.post(f"/v1/accounts/{purchase.account}/disputes", dispute).status_code == 201
    instance.settle()

    answer = instance.session.get(
        f"{instance.url}/v1/accounts/{purchase.account}/evidence",
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=30,
    )
    file = tmp_path / "evidence.html"
    file.write_bytes(answer.content)
    key = instance.cli("ledger", "key", "--json")["public_key"]

    assert answer.status_code == 200
    assert "case-77" in answer.text
    assert purchase.email in answer.text
    assert instance.cli("evidence", "verify", str(file), "--key", key, "--json")["sound"] is True
    file.write_bytes(answer.content.replace(b"case-77", b"case-78"))
    assert instance.run("evidence", "verify", str(file))[0] == 1


def test_a_refund_that_was_asked_for_is_decided_before_anything_is_deleted_9(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start)
    instance.deliver_event(order_created(at=start, purchase=purchase))
    form = {"account_id": purchase.account, "payment_id": str(purchase.order)}
    requested = instance.post(
        "/v1/refund-requests", form | {"contact_email": purchase.email, "organisation": "Bakery"}
    ).json()
    instance.post(f"/v1/accounts/{purchase.account}/closure", {"reason": "we stop"})
    instance.settle()
    instance.deliver_event(subscription_cancelled(purchase=purchase, at=start + days(1), ends_at=start + days(20)))

    instance.advance_to(start + days(25))
    (waiting,) = instance.account(purchase)["closures"]
    document = instance.cli("account", "explain", str(purchase.account), "--json")
    refused = instance.run("account", "erase", str(purchase.account), "--reason", "Art. 17", "--yes")
    denied = instance.post(f"/v1/refund-requests/{requested['id']}/deny", {"reason": "not this one"})
    instance.settle()

    assert (waiting["state"], waiting["obstacles"]) == ("waiting", ["refund_open"])
    assert any("a refund was asked for" in line for line in document["outlook"])
    assert (refused[0], requested["id"] in refused[2]) == (1, True)
    assert denied.status_code == 200, denied.text
    assert instance.account(purchase)["standing"] == "closed"
    heard = [kind for kind in instance.callbacks_received(purchase) if kind != "ops.alert"]
    assert heard[-3:] == ["refund.decided", "account.data_deletion_due", "account.closed"]
    assert instance.mails(purchase)[-1] == "refund_decided"
    assert instance.run("replay", "--shuffle")[0] == 0


def test_a_subscription_that_expires_early_is_not_brought_back_for_who_asked_to_be_deleted_13(
    instance: Instance, start: datetime
) -> None:
    purchase = instance.purchase()
    created = subscription_created(purchase=purchase, at=start, began=start)
    instance.provider.add(created)
    instance.deliver_event(created)
    instance.post(f"/v1/accounts/{purchase.account}/closure", {"reason": "we stop"})
    ends = start + days(30)
    held = {"kind": "legal_hold", "until": (ends + days(2)).isoformat(), "reason": "a lawsuit"}
    assert instance.post(f"/v1/accounts/{purchase.account}/overrides", held).status_code == 201
    instance.settle()
    instance.deliver_event(subscription_cancelled(purchase=purchase, at=start + days(1), ends_at=ends))

    instance.advance_to(ends - timedelta(hours=2))
    instance.deliver_event(subscription_expired(purchase=purchase, at=ends - timedelta(hours=2), ends_at=ends))
    instance.advance_to(ends + days(3))

    calls = [call.split()[0] for call in instance.provider.calls if call.endswith(f"/{purchase.subscription}")]
    assert (calls.count("DELETE"), calls.count("PATCH")) == (1, 0)
    assert "ops.alert" not in instance.callbacks_received(purchase)
    assert instance.account(purchase)["standing"] == "closed"


def test_the_story_tells_our_own_cancellation_by_the_clause_that_it_was_for_6_2(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start - days(30))
    instance.deliver_event(
        subscription_payment_failed(at=start, purchase=purchase),
        subscription_updated(at=start, purchase=purchase, status="past_due"),
    )
    instance.provider.add(subscription_updated(at=start, purchase=purchase, status="past_due"))
    instance.advance_to(start + days(7))

    ends = start + days(10)
    instance.deliver_event(subscription_cancelled(at=start + days(7), purchase=purchase, ends_at=ends))

    document = instance.cli("account", "explain", str(purchase.account), "--json")
    steps = [(change["rule"], change["clause"]) for step in document["steps"] for change in step["changes"]]
    words = [line for step in document["steps"] for line in step["sentences"]]
    assert ("subscription.cancelled_by_us", "6.2") in steps
    assert ("subscription.cancelled", "4") not in steps
    assert not [line for line in words if "is cancelled. Access stays to" in line]
