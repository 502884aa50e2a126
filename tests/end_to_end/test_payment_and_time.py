"""Paid is paid, everything ends, and facts come before timers: one story for all providers, through the front door.

But for the last stories nobody holds an API key, so that what was told decides alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from kulanz.policy import document
from tests import lemonsqueezy as ls
from tests import paddle, standard, stripe
from tests.adapters.apis import Api, an_api
from tests.end_to_end.instance import Instance, an_instance_on_its_database
from tests.faults import parts
from tests.purchase import Payload
from tests.sellers import A_MINUTE, BUYERS_BANK, DAY, PLANS, SELLERS, SOON, LemonSqueezy, Seller
from tests.test_spooling import locked

BEGAN = ls.MONDAY
HOUR = timedelta(hours=1)
DELIVERIES = {
    "lemonsqueezy": ls.delivery,
    "stripe": stripe.delivery,
    "paddle": paddle.delivery,
    "standard": standard.delivery,
}
EVENTS_OF_A_STEP = 250
KEPT, LOST = ("good", "professional"), ("on_hold", "free")
GRACE = ("grace", "professional")


@dataclass(slots=True)
class Market:
    """An instance at which every provider sells, and the buyers of the present story."""

    instance: Instance
    sellers: list[Seller] = field(default_factory=list)
    number: int = 0
    ends: datetime = BEGAN
    """When the months end that were bought."""
    api: Api = field(default_factory=Api)
    """Where Stripe and Paddle are asked, if anywhere."""

    @property
    def database_url(self) -> str:
        own = self.instance.environ
        return own.get("DATABASE_URL", f"sqlite:///{own['KULANZ_DATA_DIR']}/kulanz.db")

    def opens(self, each: int = 1) -> None:
        """Let every provider sell months that end now, a day after the story before."""
        now = self.instance.now() if self.number else BEGAN
        self.ends = now.replace(microsecond=0) + DAY
        self.instance.cli("clock", "set", self.ends.isoformat())
        self.sellers = []
        for seller in SELLERS:
            for _ in range(each):
                self.number += 1
                self.sellers.append(seller(self.number, self.ends))
        self.tell(*(seller.buys() for seller in self.sellers))
        self.settle()

    def post(self, seller: type[Seller] | Seller, payload: Payload) -> None:
        body, headers = DELIVERIES[seller.endpoint](payload)
        url = f"{self.instance.url}/webhooks/{seller.endpoint}"
        answer = self.instance.session.post(url, data=body, headers=headers, timeout=20)
        assert answer.status_code == 200, (seller.name, answer.text)

    def tell(self, *told: Sequence[Payload]) -> None:
        """Deliver what each seller tells, in the order of the sellers."""
        for seller, payloads in zip(self.sellers, told, strict=True):
            for payload in payloads:
                self.post(seller, payload)

    def happens(self, what: Callable[[Seller, datetime], Iterable[Payload]], after: timedelta) -> None:
        """Let the same happen to every buyer, so long after the months have ended, and all that follows be done."""
        at = self.ends + after
        self.go_to(after)
        self.tell(*(list(what(seller, at)) for seller in self.sellers))
        self.settle()

    def provider_holds(self, what: Callable[[Seller], Iterable[Payload]]) -> None:
        """Let each provider's API answer with what these payloads carry."""
        for seller in self.sellers:
            for payload in what(seller):
                if seller.name == "lemonsqueezy":
                    self.instance.provider.add(payload)
                elif seller.name == "stripe":
                    held = payload["data"]["object"]
                    self.api.held[f"/v1/{held['object']}s/{held['id']}"] = held
                else:
                    kind = payload["event_type"].partition(".")[0]
                    self.api.held[f"/{kind}s/{payload['data']['id']}"] = {"data": payload["data"]}

    def asked(self) -> dict[str, bool]:
        """Return whether each provider was asked for the subscription of the story."""
        calls = [*self.instance.provider.calls, *self.api.calls]
        return {
            seller.name: any(call.startswith("GET") and seller.subscription in call for call in calls)
            for seller in self.sellers
        }

    def unverified(self) -> dict[str, bool]:
        """Return whether a decision says that access was taken without the provider's word."""
        told = {}
        for seller in self.sellers:
            decisions = self.instance.get(f"/v1/accounts/{seller.account}/timeline?limit=500")["decisions"]
            changes = [change for decision in decisions for change in decision["changes"]]
            told[seller.name] = any(change["detail"].get("unverified") for change in changes)
        return told

    def settle(self) -> None:
        self.instance.settle()

    def go_to(self, after: timedelta) -> None:
        """Go on from due time to due time."""
        self.api.now = self.instance.provider.now = self.ends + after
        seconds = math.ceil((self.ends + after - self.instance.now()).total_seconds())
        if seconds > 0:
            self.instance.advance(f"{seconds}s")

    def jump_to(self, after: timedelta) -> None:
        """Let a time be there at once, as after an outage."""
        self.instance.cli("clock", "set", (self.ends + after).isoformat())

    def accounts(self) -> dict[str, dict[str, Any]]:
        return {seller.account: self.instance.account(seller.account) for seller in self.sellers}

    def stand(self) -> dict[str, tuple[str, str]]:
        """Return the standing and plan of every buyer, by who sold it."""
        told = self.accounts()
        return {
            seller.name: (told[seller.account]["standing"], told[seller.account]["plan"]) for seller in self.sellers
        }

    def all(self, standing: tuple[str, str]) -> dict[str, tuple[str, str]]:
        return dict.fromkeys((seller.name for seller in self.sellers), standing)

    def only(self, has: Callable[[Seller], object]) -> None:
        """Go on with those sellers that have something to tell."""
        self.sellers = [seller for seller in self.sellers if has(seller)]

    def mails(self) -> dict[str, list[str]]:
        got = self.instance.mailbox.accepted
        return {
            seller.name: [str(item["X-Kulanz-Notice"]) for item in got if seller.email in str(item["To"])]
            for seller in self.sellers
        }

    def callbacks(self) -> dict[str, set[str]]:
        return {seller.name: set(self.instance.callbacks_received(seller.account)) for seller in self.sellers}

    def topics(self) -> list[str]:
        told = self.instance.callbacks.documents
        return [str(item["data"]["topic"]) for item in told if item["type"] == "ops.alert"]

    @contextmanager
    def worker_hangs(self) -> Iterator[None]:
        """Let deliveries be acknowledged and none be applied."""
        assert self.instance.process is not None
        worker = parts.found(self.instance.process.pid, "events")
        assert worker is not None
        worker.suspend()
        try:
            yield
        finally:
            worker.resume()

    def many_deliveries_of_another(self) -> None:
        """Acknowledge more than a worker applies in one step."""
        self.number += 1
        other = LemonSqueezy(self.number, self.ends)
        for second in range(EVENTS_OF_A_STEP + 10):
            for payload in other.is_called("active", other.began + second * SOON):
                self.post(LemonSqueezy, payload)


def a_policy(folder: Path, **lines: str) -> str:
    """Write plexo's policy with other lines, and return where it is."""
    text = document.preset("plexo")
    for key, line in lines.items():
        (old,) = [each for each in text.splitlines() if each.startswith(f"{key} =")]
        text = text.replace(old, line)
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@contextmanager
def a_market(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    keys: Mapping[str, str] = MappingProxyType({"LEMONSQUEEZY_API_KEY": ""}),
    **lines: str,
) -> Iterator[Market]:
    settings = {
        "KULANZ_PLANS": PLANS,
        **keys,
        "STRIPE_WEBHOOK_SECRETS": stripe.SECRET,
        "PADDLE_WEBHOOK_SECRETS": paddle.SECRET,
        "STANDARD_WEBHOOK_SECRETS": standard.SECRET,
        "KULANZ_POLICY": a_policy(tmp_path_factory.mktemp("policy"), **lines),
    }
    with an_instance_on_its_database(request, tmp_path_factory, **settings) as instance:
        yield Market(instance)


DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(scope="module", params=DATABASES)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    review = 'scope = "account"\nreview_above = 1000'
    with a_market(request, tmp_path_factory, scope=review) as market:
        yield market


@pytest.fixture
def market(shared: Market) -> Market:
    shared.opens()
    return shared


@pytest.fixture(scope="module", params=DATABASES)
def crowded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market of its own for those who lose the plan by the dozen."""
    with a_market(request, tmp_path_factory) as market:
        yield market


@pytest.fixture(scope="module", params=DATABASES)
def strict(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market where access is barred at once."""
    graceless = {"grace": 'grace = "0d"', "reminders": "reminders = []"}
    with a_market(request, tmp_path_factory, **graceless) as market:
        yield market


def test_who_is_never_paid_by_loses_the_plan_after_a_week_of_grace(market: Market) -> None:
    market.happens(lambda seller, at: seller.fails(at), timedelta())
    in_grace = market.stand()

    market.go_to(8 * DAY)

    assert in_grace == market.all(GRACE)
    assert market.stand() == market.all(LOST)


def test_a_payment_behind_a_worker_that_hangs_is_read_before_grace_ends(market: Market) -> None:
    market.happens(lambda seller, at: seller.fails(at), timedelta())
    market.go_to(7 * DAY - HOUR)

    with market.worker_hangs():
        market.many_deliveries_of_another()
        paid = market.ends + 7 * DAY - A_MINUTE
        market.tell(*([*seller.invoice_is_paid(paid), *seller.is_called("active", paid)] for seller in market.sellers))
        market.jump_to(8 * DAY)
    market.settle()

    assert market.stand() == market.all(KEPT)
    assert not any("account.downgraded" in told for told in market.callbacks().values())


def test_a_payment_in_the_spool_is_read_before_grace_ends(market: Market) -> None:
    market.happens(lambda seller, at: seller.fails(at), timedelta())
    market.go_to(7 * DAY - HOUR)
    paid = market.ends + 7 * DAY - A_MINUTE

    with market.worker_hangs():
        market.jump_to(8 * DAY)
        with locked(market.database_url):
            market.tell(
                *([*seller.invoice_is_paid(paid), *seller.is_called("active", paid)] for seller in market.sellers)
            )
    market.settle()

    assert market.stand() == market.all(KEPT)
    assert not any("account.downgraded" in told for told in market.callbacks().values())


def test_a_grace_of_zero_days_takes_nothing_before_a_payment_that_was_acknowledged(strict: Market) -> None:
    strict.opens()

    with strict.worker_hangs():
        strict.tell(*(seller.fails(strict.ends) for seller in strict.sellers))
        strict.many_deliveries_of_another()
        paid = strict.ends + A_MINUTE
        strict.tell(*([*seller.invoice_is_paid(paid), *seller.is_called("active", paid)] for seller in strict.sellers))
    strict.settle()

    assert strict.stand() == strict.all(KEPT)
    assert not any("account.downgraded" in told for told in strict.callbacks().values())


def test_providers_that_call_many_accounts_in_grace_expired_take_no_more_than_the_limit(
    crowded: Market,
) -> None:
    crowded.opens(each=6)
    crowded.happens(lambda seller, at: seller.fails(at), timedelta())

    crowded.happens(lambda seller, at: seller.ends_now(at), DAY)
    still = [account["plan"] for account in crowded.accounts().values()]
    crowded.go_to(8 * DAY)

    plans = [account["plan"] for account in crowded.accounts().values()]
    assert (len(plans), still.count("professional"), plans.count("free")) == (30, 30, 25)
    assert crowded.instance.cli("breaker", "show", "--json")["on_since"] is not None


def test_many_accounts_in_good_standing_that_expire_lose_the_plan_and_operators_are_told(crowded: Market) -> None:
    crowded.opens(each=6)
    before = crowded.topics().count("mass_expiry")

    crowded.happens(lambda seller, at: seller.ends_now(at), timedelta())

    assert {account["plan"] for account in crowded.accounts().values()} == {"free"}
    assert crowded.topics().count("mass_expiry") == before + 1


def test_an_upgrade_that_is_never_paid_and_taken_back_leaves_the_paid_plan_month_after_month(market: Market) -> None:
    market.happens(lambda seller, at: seller.invoice_is_paid(at), timedelta())
    for month in (timedelta(), 30 * DAY):
        # Of the second renewal nothing is told but that it runs.
        market.happens(lambda seller, at: seller.is_called("active", at), month + A_MINUTE)
        market.happens(lambda seller, at: seller.upgrades_unpaid(at), month + DAY)
        market.happens(lambda seller, at: seller.is_called("active", at), month + DAY + A_MINUTE)

        assert market.stand() == market.all(KEPT)


def test_an_unpaid_upgrade_leaves_the_paid_plan_to_the_end_of_the_period_and_then_a_whole_grace(market: Market) -> None:
    market.happens(lambda seller, at: [*seller.invoice_is_paid(at), *seller.is_called("active", at)], timedelta())

    market.happens(lambda seller, at: seller.upgrades_unpaid(at), DAY)
    unpaid = {
        seller.name
        for seller in market.sellers
        if market.accounts()[seller.account]["subscriptions"][0]["upgrade_unpaid"]
    }
    market.go_to(29 * DAY)
    before = market.stand()
    market.go_to(31 * DAY)
    after = market.stand()

    assert unpaid == {seller.name for seller in market.sellers}
    assert before == market.all(KEPT)
    assert after == market.all(GRACE)
    market.go_to(36 * DAY)
    assert market.stand() == market.all(GRACE)


def test_a_customer_on_hold_who_resumes_in_the_portal_and_pays_nothing_stays_on_hold(market: Market) -> None:
    market.happens(lambda seller, at: seller.fails(at), timedelta())
    market.happens(lambda seller, at: seller.is_cancelled_for_later(at, at + 20 * DAY), 8 * DAY)

    market.happens(lambda seller, at: seller.resumes(at), 9 * DAY)
    market.go_to(12 * DAY)

    assert market.stand() == market.all(LOST)
    assert not any("account.recovered" in told for told in market.callbacks().values())


def test_an_invoice_that_fails_on_and_on_keeps_its_first_deadline(market: Market) -> None:
    market.happens(lambda seller, at: seller.fails(at), timedelta())
    for day in (2, 4, 6):
        market.happens(lambda seller, at: seller.is_called("active", at), day * DAY)
        market.happens(lambda seller, at: seller.fails(at), day * DAY + A_MINUTE)

    deadlines = {
        seller.name: datetime.fromisoformat(market.accounts()[seller.account]["grace_ends_at"]) - market.ends
        for seller in market.sellers
    }

    assert all(7 * DAY <= deadline <= 7 * DAY + SOON for deadline in deadlines.values()), deadlines


def test_a_success_for_something_else_leaves_the_renewal_owed(market: Market) -> None:
    market.happens(lambda seller, at: seller.is_called("past_due", at), timedelta())

    market.happens(lambda seller, at: seller.something_else_is_paid(at).values(), DAY)

    assert market.stand() == market.all(GRACE)


def test_a_cancellation_without_dates_ends_with_the_paid_period(market: Market) -> None:
    market.only(lambda seller: seller.is_cancelled_without_dates(market.ends))
    market.happens(lambda seller, at: [*seller.invoice_is_paid(at), *seller.is_called("active", at)], timedelta())

    market.happens(lambda seller, at: seller.is_cancelled_without_dates(at), DAY)
    market.go_to(31 * DAY)

    assert {name: plan for name, (_, plan) in market.stand().items()} == dict.fromkeys(
        ("lemonsqueezy", "paddle", "dodo", "polar"), "free"
    )
    assert "None" not in "".join(story(market))


def test_a_cancellation_after_a_pause_brings_no_plan_back(market: Market) -> None:
    market.happens(lambda seller, at: [*seller.invoice_is_paid(at), *seller.is_called("active", at)], timedelta())
    market.happens(lambda seller, at: seller.is_paused(at, free=False), DAY)
    paused = market.stand()

    market.happens(lambda seller, at: seller.is_cancelled_without_dates(at), 2 * DAY)

    assert paused == market.all(("good", "free"))
    assert market.stand() == market.all(("good", "free"))
    assert "None" not in "".join(story(market))


def story(market: Market) -> Iterator[str]:
    """Yield what the command line says of every account."""
    for seller in market.sellers:
        code, text, _ = market.instance.run("account", "explain", seller.account)
        assert code == 0
        yield text


def test_dunning_rests_in_a_free_pause_and_goes_on_after_it(market: Market) -> None:
    market.only(lambda seller: seller.is_paused(market.ends, free=True))
    market.happens(lambda seller, at: seller.fails(at), timedelta())

    market.happens(lambda seller, at: seller.is_paused(at, free=True), DAY)
    market.go_to(40 * DAY)
    resting, mails = market.stand(), market.mails()
    market.happens(lambda seller, at: seller.is_called("past_due", at), 41 * DAY)
    market.go_to(45 * DAY)
    running = market.stand()
    market.go_to(48 * DAY)

    assert set(resting) == {"lemonsqueezy", "stripe"}
    assert resting == running == market.all(GRACE)
    assert not any(mails.values())
    assert market.stand() == market.all(LOST)


def test_a_void_pause_gives_nothing_and_the_case_goes_on_with_its_remaining_time(market: Market) -> None:
    market.happens(lambda seller, at: seller.fails(at), timedelta())
    market.happens(lambda seller, at: seller.is_paused(at, free=False), 2 * DAY)
    paused = {name: plan for name, (_, plan) in market.stand().items()}
    market.happens(lambda seller, at: seller.is_called("past_due", at), 20 * DAY)
    again = market.stand()
    market.go_to(24 * DAY)
    running = market.stand()
    market.go_to(27 * DAY)

    assert paused == dict.fromkeys(paused, "free")
    assert again == running == market.all(GRACE)
    assert market.stand() == market.all(LOST)


def test_a_payment_that_cannot_be_applied_holds_back_warning_and_hold(market: Market) -> None:
    market.happens(lambda seller, at: seller.fails(at), timedelta())

    market.happens(lambda seller, at: seller.pays_in_words_nobody_knows(at), DAY)
    market.go_to(20 * DAY)

    assert market.stand() == market.all(GRACE)
    assert not any(market.mails().values())
    parked = market.instance.cli("events", "list", "--state", "parked", "--json")["events"]
    waiting = market.instance.cli("events", "list", "--state", "waiting", "--json")["events"]
    for event in [*parked, *waiting]:
        market.instance.cli("events", "skip", event["id"], "--reason", "it was no renewal")
    market.settle()
    market.go_to(30 * DAY)
    assert market.stand() == market.all(LOST)


def denied(market: Market) -> None:
    """Every buyer asks for the money of the first payment, and an operator says no."""
    for seller in market.sellers:
        form = {"account_id": seller.account, "payment_id": seller.first_payment}
        form |= {"contact_email": seller.email, "organisation": "A bakery"}
        asked = market.instance.post("/v1/refund-requests", form)
        assert asked.status_code in {200, 201}, (seller.name, asked.text)
        answer = market.instance.post(f"/v1/refund-requests/{asked.json()['id']}/deny", {"reason": "too late"})
        assert answer.status_code == 200, answer.text
    market.settle()


@pytest.mark.parametrize("contacted", [True, False], ids=["asked before", "above the limit"])
def test_a_lost_chargeback_that_held_nothing_switches_no_dunning_off(market: Market, *, contacted: bool) -> None:
    if contacted:
        denied(market)
    opened = market.ends + A_MINUTE
    market.happens(lambda seller, at: seller.is_disputed(at, "opened", opened=opened, reason="fraudulent"), A_MINUTE)
    market.happens(lambda seller, at: seller.fails(at), DAY)
    frozen = {name: market.accounts()[name]["dunning_cases"][0]["state"] for name in market.accounts()}

    market.happens(lambda seller, at: seller.is_disputed(at, "lost", opened=opened, reason="fraudulent"), 5 * DAY)
    market.go_to(14 * DAY)

    assert set(frozen.values()) == {"frozen"}
    assert market.stand() == market.all(LOST) | {"paddle": GRACE}
    market.go_to(140 * DAY)
    assert market.stand()["paddle"] == LOST


def returned(market: Market) -> None:
    """The banks of all buyers return their debits, each for another reason."""
    opened, reasons = market.ends + A_MINUTE, cycle(BUYERS_BANK)
    market.only(lambda seller: seller.is_disputed(opened, "lost", opened=opened, reason=BUYERS_BANK[0]))
    market.happens(lambda seller, at: seller.is_disputed(at, "lost", opened=opened, reason=next(reasons)), A_MINUTE)
    assert market.stand() == market.all(GRACE)


def test_a_debit_that_the_bank_returned_is_a_failed_payment(market: Market) -> None:
    returned(market)

    market.happens(lambda seller, at: seller.is_called("active", at), DAY)
    market.go_to(8 * DAY)

    assert market.stand() == market.all(LOST)
    assert not any("suspended" in got for got in market.mails().values())


def test_a_returned_debit_is_settled_by_a_later_charge_for_as_much(market: Market) -> None:
    returned(market)

    market.happens(lambda seller, at: seller.invoice_is_paid(at), 3 * DAY)
    market.go_to(8 * DAY)

    assert market.stand() == market.all(KEPT)


def test_a_renewal_that_nothing_is_heard_of_is_shown_to_operators_and_keeps_the_plan(market: Market) -> None:
    before = market.topics().count("renewal_overdue")

    market.go_to(10 * DAY)

    assert market.stand() == market.all(KEPT)
    assert market.topics().count("renewal_overdue") >= before + len(market.sellers)


@pytest.fixture(scope="module", params=DATABASES)
def with_keys(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market whose providers can be asked."""
    with an_api() as api:
        keys = {"STRIPE_API_KEY": "sk_test_1", "STRIPE_API_URL": f"{api.url}/v1"}
        keys |= {"PADDLE_API_KEY": "pdl_sdbx_1", "PADDLE_API_URL": api.url}
        with a_market(request, tmp_path_factory, keys) as market:
            market.api = api
            yield market


@pytest.fixture
def asked_market(with_keys: Market) -> Market:
    """The same, with those sellers that have an API that we ask."""
    with_keys.opens()
    with_keys.only(lambda seller: seller.name in {"lemonsqueezy", "stripe", "paddle"})
    with_keys.provider_holds(
        lambda seller: [*seller.is_called("past_due", with_keys.ends), *seller.invoice_fails(with_keys.ends)]
    )
    with_keys.happens(lambda seller, at: seller.fails(at), timedelta())
    return with_keys


def test_expired_in_grace_takes_the_plan_only_after_a_look(asked_market: Market) -> None:
    market = asked_market
    market.provider_holds(lambda seller: seller.ends_now(market.ends + DAY))
    market.happens(lambda seller, at: seller.ends_now(at), DAY)
    market.go_to(6 * DAY)
    before, asked = market.stand(), market.asked()

    market.go_to(8 * DAY)

    assert before == market.all(GRACE)
    assert not any(asked.values())
    assert all(market.asked().values())
    assert {name: plan for name, (_, plan) in market.stand().items()} == dict.fromkeys(before, "free")
    assert not any(market.unverified().values())


def test_expired_in_grace_takes_nothing_where_the_look_finds_the_invoice_paid(asked_market: Market) -> None:
    market, paid = asked_market, asked_market.ends + 2 * DAY
    market.happens(lambda seller, at: seller.ends_now(at), DAY)
    market.provider_holds(lambda seller: [*seller.is_called("active", paid), *seller.invoice_is_paid(paid)])

    market.go_to(8 * DAY)

    assert market.stand() == market.all(KEPT)


def test_a_word_that_a_look_does_not_know_is_no_payment_and_after_a_day_our_own_facts_decide(
    asked_market: Market,
) -> None:
    market = asked_market
    market.provider_holds(lambda seller: seller.is_called("zombie", market.ends + DAY))

    market.go_to(7 * DAY + 23 * HOUR)
    before = market.stand()
    market.go_to(8 * DAY + 2 * HOUR)

    assert before == market.all(GRACE)
    assert all(market.asked().values())
    assert market.stand() == market.all(LOST)
    assert all(market.unverified().values())


def test_a_resumption_on_hold_has_the_invoice_looked_up_and_only_its_payment_counts(asked_market: Market) -> None:
    market = asked_market
    market.go_to(8 * DAY)
    market.happens(lambda seller, at: seller.is_cancelled_for_later(at, at + 20 * DAY), 8 * DAY)
    resumed = market.ends + 9 * DAY
    market.provider_holds(lambda seller: [*seller.is_called("active", resumed), *seller.invoice_fails(resumed)])
    market.happens(lambda seller, at: seller.resumes(at), 9 * DAY)
    unpaid = market.stand()

    again = market.ends + 11 * DAY
    market.happens(lambda seller, at: seller.is_cancelled_for_later(at, at + 20 * DAY), 10 * DAY)
    market.provider_holds(lambda seller: [*seller.is_called("active", again), *seller.invoice_is_paid(again)])
    market.happens(lambda seller, at: seller.resumes(at), 11 * DAY)

    assert unpaid == market.all(LOST)
    assert market.stand() == market.all(KEPT)
