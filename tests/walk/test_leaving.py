"""An organisation leaves, through the front door: the API, the clock, the command line, the product's callbacks."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from tests.lemonsqueezy import (
    Purchase,
    order_created,
    subscription_cancelled,
    subscription_created,
    subscription_expired,
    subscription_payment_failed,
    subscription_updated,
)
from tests.walk.house import TOKEN, House, days


def bought(house: House, start: datetime) -> Purchase:
    purchase = house.purchase()
    house.tell(subscription_created(purchase=purchase, at=start, began=start))
    return purchase


def test_an_organisation_that_asks_to_be_deleted_is_closed_when_its_period_has_run_out_13(
    house: House, start: datetime
) -> None:
    purchase = bought(house, start)

    asked = house.post(f"/v1/accounts/{purchase.account}/closure", {"reason": "we stop"})
    assert asked.status_code == 201
    assert asked.json()["obstacles"] == ["subscription_runs"]
    assert house.post(f"/v1/accounts/{purchase.account}/closure", {}).json()["id"] == asked.json()["id"]
    house.settle()
    assert house.account(purchase)["plan"] == "professional"
    house.tell(subscription_cancelled(purchase=purchase, at=start + days(1), ends_at=start + days(20)))
    house.advance_to(start + days(19))
    assert house.account(purchase)["standing"] == "good"
    house.advance_to(start + days(21))

    account = house.account(purchase)
    assert (account["standing"], account["plan"], account["access"]) == ("closed", "free", "none")
    assert [one["state"] for one in account["closures"]] == ["closed"]
    told = [kind for kind in house.heard(purchase) if kind != "ops.alert"]
    assert told[-2:] == ["account.data_deletion_due", "account.closed"]
    assert house.run("ledger", "verify", str(purchase.account))[0] == 0
    assert house.run("replay", "--shuffle")[0] == 0


def test_late_news_of_a_closed_account_change_nothing_and_can_be_seen(house: House, start: datetime) -> None:
    purchase = bought(house, start)
    house.cli("account", "erase", str(purchase.account), "--reason", "Art. 17", "--yes", "--json")
    house.settle()

    late = subscription_updated(purchase=purchase, at=start + timedelta(hours=1))
    answer = house.deliver(late)
    house.settle()

    assert answer["status"] == "accepted"
    assert house.deliver(late)["status"] == "duplicate"
    shown = house.cli("events", "show", answer["event"], "--json")
    assert (shown["state"], shown["account_id"]) == ("ignored", purchase.account)
    assert "destroyed" in shown["reason"]
    assert house.account(purchase)["standing"] == "closed"
    assert house.cli("replay", "--json")["erased"] >= 1


def test_a_lost_chargeback_deletes_after_its_notices_and_an_approval_10(house: House, start: datetime) -> None:
    purchase = bought(house, start)
    house.tell(subscription_cancelled(purchase=purchase, at=start, ends_at=start + days(5)))
    opened = house.post(
        f"/v1/accounts/{purchase.account}/disputes", {"amount": 1999, "currency": "EUR", "reason": "fraudulent"}
    ).json()
    house.advance_to(start + days(1))
    assert house.post(f"/v1/disputes/{opened['id']}/close", {"outcome": "lost"}).status_code == 200
    house.settle()
    path = f"/v1/accounts/{purchase.account}/deletion/approve"
    assert house.post(path, {"reason": "too early"}).status_code == 409

    house.advance_to(start + days(33))
    assert house.mails(purchase).count("data_deletion_notice") == 3
    assert house.account(purchase)["standing"] == "suspended"
    approved = house.post(path, {"reason": "the case is closed"})
    house.settle()

    assert approved.status_code == 200, approved.text
    assert house.account(purchase)["standing"] == "closed"
    assert house.post(path, {"reason": "again"}).status_code == 409


def test_what_the_law_keeps_is_listed_and_certified(house: House, start: datetime, tmp_path: Path) -> None:
    purchase = bought(house, start)
    house.cli("account", "erase", str(purchase.account), "--reason", "Art. 17", "--yes", "--json")

    shown = house.cli("retention", "certificates", str(purchase.account), "--out", str(tmp_path / "c"), "--json")
    assert [one["cause"] for one in shown["certificates"]] == ["erasure"]
    assert shown["certificates"][0]["genuine"] is True
    assert house.get(f"/v1/accounts/{purchase.account}/certificates")["certificates"] == shown["certificates"]
    (file,) = (tmp_path / "c").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert house.cli("retention", "due", "--json")["due"] == []
    assert house.run("account", "show", "nobody")[0] == 1


def test_a_merchant_answers_a_chargeback_with_evidence_that_anybody_can_check(
    house: House, start: datetime, tmp_path: Path
) -> None:
    purchase = bought(house, start)
    dispute = {"amount": 1999, "currency": "EUR", "reason": "fraudulent", "reference": "case-77"}
    assert house.post(f"/v1/accounts/{purchase.account}/disputes", dispute).status_code == 201
    house.settle()

    answer = house.session.get(
        f"{house.url}/v1/accounts/{purchase.account}/evidence", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
    )
    file = tmp_path / "evidence.html"
    file.write_bytes(answer.content)
    key = house.cli("ledger", "key", "--json")["public_key"]

    assert answer.status_code == 200
    assert "case-77" in answer.text
    assert purchase.email in answer.text
    assert house.cli("evidence", "verify", str(file), "--key", key, "--json")["sound"] is True
    file.write_bytes(answer.content.replace(b"case-77", b"case-78"))
    assert house.run("evidence", "verify", str(file))[0] == 1


def test_a_refund_that_was_asked_for_is_decided_before_anything_is_deleted_9(house: House, start: datetime) -> None:
    purchase = bought(house, start)
    house.tell(order_created(at=start, purchase=purchase))
    form = {"account_id": purchase.account, "payment_id": str(purchase.order)}
    asked = house.post("/v1/refund-requests", form | {"contact_email": purchase.email, "organisation": "Bakery"}).json()
    house.post(f"/v1/accounts/{purchase.account}/closure", {"reason": "we stop"})
    house.settle()
    house.tell(subscription_cancelled(purchase=purchase, at=start + days(1), ends_at=start + days(20)))

    house.advance_to(start + days(25))
    (waiting,) = house.account(purchase)["closures"]
    told = house.cli("account", "explain", str(purchase.account), "--json")
    refused = house.run("account", "erase", str(purchase.account), "--reason", "Art. 17", "--yes")
    denied = house.post(f"/v1/refund-requests/{asked['id']}/deny", {"reason": "not this one"})
    house.settle()

    assert (waiting["state"], waiting["obstacles"]) == ("waiting", ["refund_open"])
    assert any("a refund was asked for" in line for line in told["outlook"])
    assert (refused[0], asked["id"] in refused[2]) == (1, True)
    assert denied.status_code == 200, denied.text
    assert house.account(purchase)["standing"] == "closed"
    heard = [kind for kind in house.heard(purchase) if kind != "ops.alert"]
    assert heard[-3:] == ["refund.decided", "account.data_deletion_due", "account.closed"]
    assert house.mails(purchase)[-1] == "refund_decided"
    assert house.run("replay", "--shuffle")[0] == 0


def test_a_subscription_that_expires_early_is_not_brought_back_for_who_asked_to_be_deleted_13(
    house: House, start: datetime
) -> None:
    purchase = house.purchase()
    created = subscription_created(purchase=purchase, at=start, began=start)
    house.provider.add(created)
    house.tell(created)
    house.post(f"/v1/accounts/{purchase.account}/closure", {"reason": "we stop"})
    ends = start + days(30)
    held = {"kind": "legal_hold", "until": (ends + days(2)).isoformat(), "reason": "a lawsuit"}
    assert house.post(f"/v1/accounts/{purchase.account}/overrides", held).status_code == 201
    house.settle()
    house.tell(subscription_cancelled(purchase=purchase, at=start + days(1), ends_at=ends))

    house.advance_to(ends - timedelta(hours=2))
    house.tell(subscription_expired(purchase=purchase, at=ends - timedelta(hours=2), ends_at=ends))
    house.advance_to(ends + days(3))

    calls = [call.split()[0] for call in house.provider.calls if call.endswith(f"/{purchase.subscription}")]
    assert (calls.count("DELETE"), calls.count("PATCH")) == (1, 0)
    assert "ops.alert" not in house.heard(purchase)
    assert house.account(purchase)["standing"] == "closed"


def test_the_story_tells_our_own_cancellation_by_the_clause_that_it_was_for_6_2(house: House, start: datetime) -> None:
    purchase = bought(house, start - days(30))
    house.tell(
        subscription_payment_failed(at=start, purchase=purchase),
        subscription_updated(at=start, purchase=purchase, status="past_due"),
    )
    house.provider.add(subscription_updated(at=start, purchase=purchase, status="past_due"))
    house.advance_to(start + days(7))

    ends = start + days(10)
    house.tell(subscription_cancelled(at=start + days(7), purchase=purchase, ends_at=ends))

    told = house.cli("account", "explain", str(purchase.account), "--json")
    steps = [(change["rule"], change["clause"]) for step in told["steps"] for change in step["changes"]]
    words = [line for step in told["steps"] for line in step["sentences"]]
    assert ("subscription.cancelled_by_us", "6.2") in steps
    assert ("subscription.cancelled", "4") not in steps
    assert not [line for line in words if "is cancelled. Access stays to" in line]
