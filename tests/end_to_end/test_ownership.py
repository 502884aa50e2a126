"""One owner for every purchase: what strangers, late words and moved claims change, and what they never do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count, permutations
from typing import Any

import pytest

from kulanz.providers.signing import account_signature
from tests import paddle, standard, stripe
from tests.end_to_end.instance import Instance, an_instance_on_its_database
from tests.lemonsqueezy import (
    Purchase,
    subscription_created,
    subscription_expired,
    subscription_payment_failed,
    subscription_payment_success,
    subscription_updated,
)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ENTERPRISE = 47002
SECRET = "the-account-secret-of-the-shop"
_numbers = count(9_000, 10)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance that takes signed claims, and Stripe's and Paddle's deliveries."""
    settings = {
        "KULANZ_ACCOUNT_SECRET": SECRET,
        "KULANZ_PLANS": "lemonsqueezy:47001=professional,lemonsqueezy:47002=enterprise,"
        "stripe:price_pro=professional,paddle:pri_pro=professional,standard:prod_pro=professional",
        "KULANZ_ACCOUNT_FROM": "metadata.account_id,client_reference_id,customer.external_id,"
        "customer.metadata.account_id",
        "STANDARD_WEBHOOK_SECRETS": standard.SECRET,
        "STRIPE_WEBHOOK_SECRETS": stripe.SECRET,
        "PADDLE_WEBHOOK_SECRETS": paddle.SECRET,
    }
    with an_instance_on_its_database(request, tmp_path_factory, **settings) as instance:
        yield instance


@pytest.fixture
def number() -> int:
    """A number that no other story has."""
    return next(_numbers)


def plans(instance: Instance, *names: str) -> list[str]:
    """Return the plans of accounts; `-` where there is no such account."""
    answers = [instance.ask(f"/v1/accounts/{name}") for name in names]
    return [answer.json()["plan"] if answer.status_code == 200 else "-" for answer in answers]


def alerts(instance: Instance, topic: str) -> list[str]:
    """Return what operators were told about a topic."""
    heard = (document["data"] for document in instance.callbacks.documents if document["type"] == "ops.alert")
    return [data["subject"] for data in heard if data["topic"] == topic]


def bought(number: int, account: str | None, began: datetime, **told: Any) -> Purchase:
    """Return a purchase of customer `number`; its other numbers are its own."""
    own = next(_numbers)
    ids = {"customer": number, "subscription": own, "order": own + 1, "invoice": own + 2}
    email = f"buyer{own}@shop.example"
    return replace(Purchase(account=account, email=email, began=began, **ids), **told)


@pytest.mark.parametrize("is_signed", [False, True])
def test_a_trial_of_the_same_customer_takes_no_plan_of_what_is_unnamed(
    instance: Instance, start: datetime, number: int, *, is_signed: bool
) -> None:
    mallory, owner = f"mallory_{number}", f"lemonsqueezy-{number}"
    theirs = bought(number, None, start)
    instance.deliver_event(subscription_created(purchase=theirs, at=start, variant_id=ENTERPRISE))

    custom: dict[str, Any] = {"account_id": mallory}
    if is_signed:
        custom["account_sig"] = account_signature(mallory, SECRET)
    trial = bought(number, mallory, start)
    instance.deliver_event(subscription_created(purchase=trial, at=start + HOUR, status="on_trial", custom_data=custom))

    assert plans(instance, owner, mallory) == ["enterprise", "professional"]
    assert owner in alerts(instance, "account_could_be_linked")


def test_a_payment_of_an_unknown_subscription_names_that_one_alone(
    instance: Instance, start: datetime, number: int
) -> None:
    org, unnamed = f"org_{number}", f"lemonsqueezy-{number}"
    known, unknown = bought(number, None, start), bought(number, org, start)
    instance.deliver_event(subscription_created(purchase=known, at=start))
    instance.deliver_event(subscription_payment_failed(purchase=unknown, at=start + HOUR, billing_reason="initial"))
    instance.provider.add(subscription_created(purchase=replace(unknown, account=None), at=start))

    instance.advance_to(start + 8 * DAY)
    instance.deliver_event(
        subscription_updated(purchase=known, at=start + 8 * DAY, status="past_due"),
        subscription_payment_failed(purchase=known, at=start + 8 * DAY),
    )

    assert instance.account(unnamed)["standing"] == "grace"
    assert plans(instance, org) == ["professional"]
    assert [sub["id"] for sub in instance.account(org)["subscriptions"]] == [str(unknown.subscription)]


def test_a_customer_who_names_two_accounts_leaves_the_unnamed_purchase_where_it_is_in_every_order(
    instance: Instance, start: datetime, number: int
) -> None:
    outcomes = []
    for turn, order in enumerate(permutations(range(3))):
        customer = number * 10 + turn
        names = (None, f"org_{customer}a", f"org_{customer}b")
        events = [
            subscription_created(
                purchase=bought(customer, name, start),
                at=start + place * HOUR,
                variant_id=47001 if name else ENTERPRISE,
            )
            for place, name in enumerate(names)
        ]
        instance.deliver_event(*(events[place] for place in order))
        outcomes.append(plans(instance, f"lemonsqueezy-{customer}", *filter(None, names)))

    assert outcomes == [["enterprise", "professional", "professional"]] * 6


def test_a_subscription_whose_claim_changes_goes_with_its_case_to_the_newer_account_alone(
    instance: Instance, start: datetime, number: int
) -> None:
    first, second = f"org_{number}a", f"org_{number}b"
    purchase = bought(number, first, start)
    instance.deliver_event(subscription_created(purchase=purchase, at=start))
    moved = replace(purchase, account=second)
    instance.deliver_event(subscription_updated(purchase=moved, at=start + HOUR))
    unnamed = replace(purchase, account=None)

    instance.deliver_event(
        subscription_payment_failed(purchase=unnamed, at=start + 2 * HOUR),
        subscription_updated(purchase=unnamed, at=start + 2 * HOUR, status="past_due"),
    )
    failing = [instance.account(name)["standing"] for name in (first, second)]
    given = plans(instance, first, second)
    late = replace(purchase, account=first)
    instance.deliver_event(subscription_updated(purchase=late, at=start + HOUR / 2))
    instance.deliver_event(subscription_expired(purchase=moved, at=start + 20 * DAY))
    instance.advance_to(start + 60 * DAY)

    assert failing == ["good", "grace"]
    assert given == ["free", "professional"]
    assert plans(instance, first, second) == ["free", "free"]
    assert instance.callbacks_received(first) == ["account.entitlement_changed"] * 2
    steps = instance.cli("account", "explain", first, "--json")["steps"]
    assert "ownership.moved" in [step["rule"] for step in steps]


def edited(provider: str, org: str, number: int, start: datetime) -> Any:
    """Return what makes a snapshot of one subscription of a provider: its time, the account it names, its end."""
    began = {"began": start, "email": f"{org}@shop.example"}
    if provider == "stripe":
        there = stripe_purchase(f"s{number}", f"cus_{number}", start)
        return lambda name, account, at: stripe.delivery(
            stripe.subscription(
                {"end": "deleted"}.get(name, name),
                at=at,
                purchase=replace(there, account=account),
                status="canceled" if name == "end" else "active",
            )
        )
    if provider == "paddle":
        bought_there = paddle.Purchase(customer=f"ctm_{number}", subscription=f"sub_{number}", **began)
        return lambda name, account, at: paddle.delivery(
            paddle.subscription(
                {"end": "canceled"}.get(name, name), at=at, purchase=replace(bought_there, account=account)
            )
        )
    sold = standard.Purchase(customer=f"c{number}", subscription=f"s{number}", product="prod_pro", **began)
    return lambda name, account, at: standard.delivery(
        standard.polar_subscription({"end": "revoked"}.get(name, name), at=at, purchase=replace(sold, account=account))
    )


@pytest.mark.parametrize("provider", ["stripe", "paddle", "standard"])
def test_a_subscription_whose_metadata_are_edited_is_the_newer_account_s_alone_and_then_nobody_s(
    instance: Instance, start: datetime, number: int, provider: str
) -> None:
    first, second = f"org_{number}a", f"org_{number}b"
    snapshot = edited(provider, first, number, start)
    post(instance, provider, snapshot("created", first, start))
    post(instance, provider, snapshot("updated", second, start + HOUR))
    given = plans(instance, first, second)

    post(instance, provider, snapshot("updated", first, start + HOUR / 2), snapshot("end", second, start + DAY))
    instance.advance_to(start + 40 * DAY)

    assert given == ["free", "professional"]
    assert plans(instance, first, second) == ["free", "free"]


def test_what_moved_is_replayed_after_the_old_account_was_erased(
    instance: Instance, start: datetime, number: int
) -> None:
    first, second = f"org_{number}a", f"org_{number}b"
    purchase = bought(number, first, start)
    instance.deliver_event(
        subscription_created(purchase=purchase, at=start),
        subscription_updated(purchase=purchase, at=start + HOUR, status="past_due"),
        subscription_payment_failed(purchase=purchase, at=start + HOUR),
    )
    moved = replace(purchase, account=second)
    instance.deliver_event(subscription_updated(purchase=moved, at=start + 2 * HOUR, status="past_due"))
    promised = instance.account(second)["grace_ends_at"]

    instance.cli("account", "erase", first, "--actor", "ada", "--reason", "they asked", "--yes")
    instance.settle()

    code, out, err = instance.run("replay", "--shuffle")
    assert code == 0, (out, err)
    assert instance.account(second)["grace_ends_at"] == promised is not None
    assert instance.account(second)["standing"] == "grace"


def stripe_purchase(account: str, customer: str, start: datetime) -> stripe.Purchase:
    """Return a purchase at Stripe whose every object bears its account's name."""
    ids = {kind: f"{kind[:2]}_{account}" for kind in ("subscription", "invoice", "charge", "dispute")}
    return stripe.Purchase(account=account, customer=customer, began=start, email=f"{account}@shop.example", **ids)


def tell_stripe(instance: Instance, *payloads: dict[str, Any]) -> None:
    """Deliver events as Stripe does."""
    post(instance, "stripe", *(stripe.delivery(payload) for payload in payloads))


def post(instance: Instance, endpoint: str, *deliveries: tuple[bytes, dict[str, str]]) -> None:
    """Deliver, and wait until all that follows is done."""
    for body, headers in deliveries:
        url = f"{instance.url}/webhooks/{endpoint}"
        answer = instance.session.post(url, data=body, headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text
    instance.settle()


@pytest.mark.parametrize("by", ["the charge's invoice", "the invoice's charge", "the payment intent", "nothing"])
def test_a_disputed_charge_is_of_the_account_whose_invoice_it_paid(
    instance: Instance, start: datetime, number: int, by: str
) -> None:
    first, second = (stripe_purchase(f"org{number}{letter}", f"cus_{number}", start) for letter in "ab")
    tell_stripe(instance, *(stripe.subscription("created", at=start, purchase=each) for each in (first, second)))
    charged: dict[str, Any] = {"payment_intent": f"pi_{number}" if by == "the payment intent" else None}
    charged |= {"invoice": second.invoice} if by == "the charge's invoice" else {}
    billed: dict[str, Any] = {"charge": second.charge} if by == "the invoice's charge" else {}
    billed |= {"payment_intent": f"pi_{number}"} if by == "the payment intent" else {}

    tell_stripe(
        instance,
        stripe.charge("succeeded", at=start, purchase=second, **charged),
        stripe.dispute("created", at=start + DAY, purchase=second),
        stripe.invoice("paid", at=start, purchase=second, **billed),
    )

    standings = [instance.account(str(each.account))["standing"] for each in (first, second)]
    assert standings == ["good", "good" if by == "nothing" else "suspended"]
    assert plans(instance, str(first.account)) == ["professional"]


def test_two_accounts_of_one_paddle_customer_are_both_mailed(instance: Instance, start: datetime, number: int) -> None:
    names = [f"org_{number}a", f"org_{number}b"]
    both = [
        paddle.Purchase(
            account=name,
            customer=f"ctm_{number}",
            subscription=f"sub_{name}",
            transaction=f"txn_{name}",
            email=f"buyer{number}@shop.example",
            began=start,
        )
        for name in names
    ]
    told = [paddle.subscription("created", at=start, purchase=both[0])]
    told.append(paddle.customer(at=start, purchase=both[0]))
    told.append(paddle.subscription("created", at=start, purchase=both[1]))
    post(instance, "paddle", *map(paddle.delivery, told))

    failed = [
        event
        for purchase in both
        for event in (
            paddle.subscription("past_due", at=start + 30 * DAY, purchase=purchase),
            paddle.transaction("payment_failed", at=start + 30 * DAY, purchase=purchase),
        )
    ]
    instance.advance_to(start + 30 * DAY)
    post(instance, "paddle", *map(paddle.delivery, failed))
    instance.advance_to(start + 40 * DAY)

    heard = [str(item["X-Kulanz-Notice"]) for item in instance.mailbox.accepted if both[0].email in str(item["To"])]
    assert heard.count("grace_warning") == 2
    assert plans(instance, *names) == ["free", "free"]


def test_an_operator_links_what_is_unnamed_sees_it_before_and_can_take_it_back(
    instance: Instance, start: datetime, number: int
) -> None:
    org, unnamed = f"org_{number}", f"lemonsqueezy-{number}"
    instance.deliver_event(
        subscription_created(purchase=bought(number, None, start), at=start, variant_id=ENTERPRISE),
        subscription_created(purchase=bought(number, org, start), at=start),
    )
    told = ("--reason", "they wrote to us", "--actor", "ada", "--json")

    preview = instance.cli("account", "link", unnamed, org, "--dry-run", *told)
    before = plans(instance, unnamed, org)
    instance.cli("account", "link", unnamed, org, *told)
    instance.settle()
    linked = plans(instance, unnamed, org)
    instance.deliver_event(subscription_created(purchase=bought(number, None, start), at=start + HOUR))
    followed = len(instance.account(org)["subscriptions"])
    shown = instance.account(org)["links"]
    why = " ".join(instance.cli("account", "explain", org, "--json")["why"])
    instance.cli("account", "link", unnamed, org, "--undo", *told)
    instance.settle()

    assert preview["links"][0]["plans"] == {unnamed: "free", org: "enterprise"}
    assert before == ["enterprise", "professional"]
    assert linked == ["enterprise", "enterprise"]
    assert [link["from"] for link in shown] == [unnamed]
    assert f"what belonged to {unnamed} belongs here" in why
    assert instance.account(unnamed)["linkable_to"] == org
    assert instance.account(org)["links"] == []
    assert instance.account(unnamed)["account_id"] == unnamed
    assert followed == 3
    assert plans(instance, unnamed, org) == ["enterprise", "professional"]
    code, out, err = instance.run("replay", "--shuffle")
    assert code == 0, (out, err)


def test_a_link_of_nothing_is_refused_in_one_line(instance: Instance, start: datetime, number: int) -> None:
    instance.deliver_event(subscription_created(purchase=bought(number, f"org_{number}", start), at=start))

    for arguments, problem in (
        (("lemonsqueezy-0", "org_1"), "no account 'lemonsqueezy-0'"),
        ((f"org_{number}", f"org_{number}"), "linked to itself"),
        ((f"org_{number}", "../up"), "no account '../up'"),
        ((f"org_{number}", f"org_{number}x", "--undo"), "no account"),
        ((f"org_{number}",), "FROM and TO, or --file"),
    ):
        code, _, err = instance.run("account", "link", *arguments, "--reason", "a test", "--actor", "ada")
        assert code != 0
        assert problem in err
        assert err.count("\n") == 1


def test_operators_see_who_pays_twice_for_one_plan_after_a_day(
    instance: Instance, start: datetime, number: int
) -> None:
    org = f"org_{number}"
    instance.deliver_event(subscription_created(purchase=bought(number, org, start), at=start))
    other = paddle.Purchase(account=org, customer=f"ctm_{number}", subscription=f"sub_{number}", began=start)
    post(instance, "paddle", paddle.delivery(paddle.subscription("created", at=start, purchase=other)))
    at_once = [subject for subject in alerts(instance, "paid_twice") if str(number) in subject]

    instance.advance("25h")

    assert at_once == []
    assert [subject for subject in alerts(instance, "paid_twice") if str(number) in subject] == [f"paddle:sub_{number}"]
    shown = {sub["id"]: sub["paid_twice"] for sub in instance.account(org)["subscriptions"]}
    assert {ident for ident, twice in shown.items() if twice} == {f"sub_{number}"}
    told = " ".join(instance.cli("account", "explain", org, "--json")["outlook"])
    assert f"paddle:sub_{number} pays for a plan that another subscription pays for" in told


def test_a_claim_that_names_a_closed_account_moves_nothing_and_is_shown(
    instance: Instance, start: datetime, number: int
) -> None:
    org, gone = f"org_{number}", f"org_{number}x"
    purchase = bought(number, org, start)
    instance.deliver_event(
        subscription_created(purchase=purchase, at=start),
        subscription_created(purchase=bought(number + 1, gone, start), at=start),
    )
    instance.cli("account", "erase", gone, "--actor", "ada", "--reason", "they asked", "--yes")

    instance.deliver_event(subscription_updated(purchase=replace(purchase, account=gone), at=start + HOUR))

    assert plans(instance, org) == ["professional"]
    shown = alerts(instance, "account_claim_closed")
    assert shown == [f"lemonsqueezy:subscription:{purchase.subscription}"]


def test_a_parked_event_keeps_dunning_away_from_the_account_that_its_purchase_moved_to(
    instance: Instance, start: datetime, number: int
) -> None:
    first, second = f"org_{number}a", f"org_{number}b"
    purchase = bought(number, first, start)
    instance.deliver_event(subscription_created(purchase=purchase, at=start))
    instance.deliver_event(subscription_payment_success(purchase=purchase, at=start + HOUR, total="a lot"))

    moved = replace(purchase, account=second)
    instance.deliver_event(
        subscription_updated(purchase=moved, at=start + HOUR, status="past_due"),
        subscription_payment_failed(purchase=moved, at=start + HOUR, id=purchase.invoice + 5),
    )
    instance.advance_to(start + 20 * DAY)

    assert instance.account(second)["standing"] == "grace"


def test_the_api_links_accounts_once_and_shows_a_dry_run(instance: Instance, start: datetime, number: int) -> None:
    org, unnamed = f"org_{number}", f"lemonsqueezy-{number}"
    instance.deliver_event(
        subscription_created(purchase=bought(number, None, start), at=start, variant_id=ENTERPRISE),
        subscription_created(purchase=bought(number, org, start), at=start),
    )
    wanted = {"to": org, "reason": "they wrote to us"}

    preview = instance.post(f"/v1/accounts/{unnamed}/links", {**wanted, "dry_run": True})
    before = plans(instance, unnamed, org)
    linked = instance.post(f"/v1/accounts/{unnamed}/links", wanted)

    assert (preview.status_code, linked.status_code) == (200, 201)
    assert before == ["enterprise", "professional"]
    assert linked.json()["plans"] == preview.json()["plans"] == {unnamed: "free", org: "enterprise"}
    assert plans(instance, unnamed, org) == ["enterprise", "enterprise"]
    nothing = instance.post("/v1/accounts/lemonsqueezy-0/links", wanted)
    assert nothing.status_code == 404


def unnamed_at_stripe(number: int, start: datetime) -> stripe.Purchase:
    """Return a purchase at Stripe whose own metadata name nobody."""
    return replace(stripe_purchase(f"x{number}", f"cus_{number}", start), account=None)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["session-first", "subscription-first"])
@pytest.mark.parametrize("place", ["metadata", "reference"])
def test_a_checkout_session_names_the_account_of_what_was_bought_there(
    instance: Instance, start: datetime, number: int, order: tuple[int, int], place: str
) -> None:
    org, own, purchase = f"org_{number}", f"own_{number}", unnamed_at_stripe(number, start)
    told = {"metadata": {"account_id": org}} if place == "metadata" else {"client_reference_id": org}
    events = [
        stripe.checkout(at=start, purchase=purchase, **told),
        stripe.subscription("created", at=start, purchase=purchase),
    ]

    tell_stripe(instance, *(events[each] for each in order))
    tell_stripe(instance, stripe.subscription("updated", at=start + DAY, purchase=purchase))
    given = plans(instance, org)
    tell_stripe(instance, stripe.subscription("updated", at=start + 2 * DAY, purchase=replace(purchase, account=own)))

    assert given == ["professional"]
    # A claim on the subscription itself counts before that of its session.
    assert plans(instance, org, own) == ["free", "professional"]
    code, out, err = instance.run("replay", "--shuffle")
    assert code == 0, (out, err)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["session-first", "charge-first"])
def test_a_checkout_session_names_the_account_of_a_single_payment(
    instance: Instance, start: datetime, number: int, order: tuple[int, int]
) -> None:
    org, purchase = f"org_{number}", unnamed_at_stripe(number, start)
    told = {"mode": "payment", "subscription": None, "payment_intent": f"pi_{number}"}
    events = [
        stripe.checkout(at=start, purchase=purchase, client_reference_id=org, **told),
        stripe.charge("succeeded", at=start, purchase=purchase, payment_intent=f"pi_{number}"),
    ]

    tell_stripe(instance, *(events[each] for each in order))
    tell_stripe(instance, stripe.dispute("created", at=start + DAY, purchase=purchase))

    assert [each["payment_id"] for each in instance.account(org)["disputes"]] == [purchase.charge]
    code, out, err = instance.run("replay", "--shuffle")
    assert code == 0, (out, err)


def test_a_checkout_session_of_nobody_is_ignored_and_stops_nothing(instance: Instance, start: datetime) -> None:
    before = instance.cli("events", "list", "--state", "parked", "--json")["events"]

    tell_stripe(instance, stripe.checkout(at=start, mode="setup", customer=None, subscription=None))

    assert instance.cli("events", "list", "--state", "parked", "--json")["events"] == before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["customer-first", "subscription-first"])
@pytest.mark.parametrize("owner", ["org", "stripe-cus"])
def test_a_stripe_customer_names_the_account_only_of_what_is_made_afterwards(
    instance: Instance, start: datetime, number: int, order: tuple[int, int], owner: str
) -> None:
    named_at = start if owner == "org" else start + HOUR
    org, purchase = f"org_{number}", unnamed_at_stripe(number, start)
    events = [
        stripe.customer(at=named_at, purchase=purchase, metadata={"account_id": org}),
        stripe.subscription("created", at=start + HOUR / 2, purchase=purchase),
    ]

    tell_stripe(instance, *(events[each] for each in order))
    tell_stripe(instance, stripe.subscription("updated", at=start + DAY, purchase=purchase))

    assert plans(instance, f"{owner}_{number}") == ["professional"]
    assert (f"stripe-cus_{number}" in alerts(instance, "account_could_be_linked")) is (owner != "org")
    code, out, err = instance.run("replay", "--shuffle")
    assert code == 0, (out, err)


def test_polar_s_external_id_names_the_account_and_a_list_for_metadata_names_nobody(
    instance: Instance, start: datetime, number: int
) -> None:
    org = f"org_{number}"
    bought_there = standard.Purchase(
        customer=f"c{number}", subscription=f"s{number}", product="prod_pro", account=None, began=start
    )
    customer = {"id": bought_there.customer, "email": "a@shop.example", "external_id": org}

    created = standard.polar_subscription("created", at=start, purchase=bought_there, customer=customer, metadata=[])
    post(instance, "standard", standard.delivery(created))

    assert plans(instance, org) == ["professional"]


def test_explain_says_what_is_missing_where_no_purchase_names_an_account(
    instance: Instance, start: datetime, number: int
) -> None:
    purchase = unnamed_at_stripe(number, start)
    tell_stripe(instance, stripe.subscription("created", at=start, purchase=purchase))

    why = " ".join(instance.cli("account", "explain", f"stripe-cus_{number}", "--json")["why"])

    for words in ("metadata.account_id, client_reference_id", "subscription_data.metadata", "KULANZ_ACCOUNT_FROM"):
        assert words in why
    named = stripe_purchase(f"org_{number}", f"cus_{number}", start)
    tell_stripe(instance, stripe.subscription("created", at=start, purchase=named))
    assert "KULANZ_ACCOUNT_FROM" not in str(instance.cli("account", "explain", f"org_{number}", "--json")["why"])


def test_the_command_makes_a_signature_that_ends(instance: Instance, start: datetime, number: int) -> None:
    org = f"org_{number}"
    told = instance.cli("account", "sign", org, "--until", start.isoformat(), "--json")

    assert told["account_sig"] == account_signature(org, SECRET, int(start.timestamp()))
    assert instance.cli("account", "sign", org, "--json")["account_sig"] == account_signature(org, SECRET)
    code, _, err = instance.run("account", "sign", "../up")
    assert (code, err.count("\n")) == (1, 1) or code == 2
