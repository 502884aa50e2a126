"""Each provider as the seller of one purchase: what it sends when this or that happens to the buyer.

A story tells the same of every seller at once, so that one story asks every provider; a method that returns nothing
says that the provider has no such thing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from tests import lemonsqueezy as ls
from tests import paddle, standard, stripe
from tests.purchase import Payload

DAY = timedelta(days=1)
SOON = timedelta(seconds=5)
A_MINUTE = timedelta(minutes=1)
BUYERS_BANK = ("insufficient_funds", "bank_cannot_process", "incorrect_account_details", "debit_not_authorized")
"""Why a bank returns a debit that no buyer has questioned."""


class Seller(ABC):
    """One provider, and one buyer of a month of Professional there that ends at `ends`."""

    name: ClassVar[str]
    endpoint: ClassVar[str]
    plans: ClassVar[str]
    """What its variants are, as the setting says it."""

    def __init__(self, number: int, ends: datetime) -> None:
        self.account = f"org_{self.name}{number}"
        self.email = f"{self.name}{number}@shop.example"
        self.ends = ends
        self.began = ends - 30 * DAY

    @property
    @abstractmethod
    def subscription(self) -> str:
        """The provider's id of it."""

    @property
    @abstractmethod
    def first_payment(self) -> str:
        """The provider's id of what was paid first."""

    @abstractmethod
    def buys(self) -> Sequence[Payload]:
        """The first month is paid."""

    @abstractmethod
    def is_called(self, status: str, at: datetime, *, dearer: bool = False) -> Sequence[Payload]:
        """A snapshot that says `active` or `past_due`."""

    @abstractmethod
    def invoice_fails(self, at: datetime) -> Sequence[Payload]:
        """A charge for the renewal fails."""

    @abstractmethod
    def invoice_is_paid(self, at: datetime) -> Sequence[Payload]:
        """A charge for the renewal succeeds."""

    @abstractmethod
    def upgrade_fails(self, at: datetime) -> Sequence[Payload]:
        """The charge for a dearer plan fails."""

    @abstractmethod
    def something_else_is_paid(self, at: datetime) -> Mapping[str, Payload]:
        """Successes that are not the renewal's, each by its name."""

    @abstractmethod
    def is_cancelled_for_later(self, at: datetime, ends_at: datetime) -> Sequence[Payload]:
        """The customer cancels for a later day."""

    @abstractmethod
    def resumes(self, at: datetime) -> Sequence[Payload]:
        """The customer takes the cancellation back in the portal, and pays nothing."""

    @abstractmethod
    def ends_now(self, at: datetime) -> Sequence[Payload]:
        """The provider says that it is over."""

    def is_paused(self, at: datetime, *, free: bool) -> Sequence[Payload]:
        """The service is given for nothing, or not given."""
        return ()

    def is_cancelled_without_dates(self, at: datetime) -> Sequence[Payload]:
        """A cancellation that says no end."""
        return ()

    def pays_in_words_nobody_knows(self, at: datetime) -> Sequence[Payload]:
        """The renewal is paid, and the event cannot be applied: it is parked, or waits."""
        return ()

    def is_disputed(self, at: datetime, status: str, *, opened: datetime, reason: str) -> Sequence[Payload]:
        """The bank takes the first payment back: `opened`, or `lost`."""
        return ()

    def fails(self, at: datetime) -> list[Payload]:
        """The renewal fails, and the provider says so in both ways."""
        return [*self.invoice_fails(at), *self.is_called("past_due", at + SOON)]

    def upgrades_unpaid(self, at: datetime) -> list[Payload]:
        """A dearer plan is chosen, and its charge fails."""
        return [
            *self.is_called("active", at, dearer=True),
            *self.upgrade_fails(at),
            *self.is_called("past_due", at + SOON, dearer=True),
        ]


class LemonSqueezy(Seller):
    """Lemon Squeezy; its disputes are our own extension."""

    name = "lemonsqueezy"
    endpoint = "lemonsqueezy"
    plans = "lemonsqueezy:47001=professional,lemonsqueezy:47002=enterprise"

    def __init__(self, number: int, ends: datetime) -> None:
        super().__init__(number, ends)
        own = ls.a_buyer(number, began=self.began, account=self.account, first=700_000 + 100 * number)
        self.purchase = replace(own, email=self.email)

    @property
    def subscription(self) -> str:
        return str(self.purchase.subscription)

    @property
    def first_payment(self) -> str:
        return str(self.purchase.order)

    def buys(self) -> Sequence[Payload]:
        at, own = self.began, self.purchase
        first = {"id": own.invoice + 50, "billing_reason": "initial", "created_at": at}
        return [
            ls.order_created(at=at, purchase=own),
            ls.subscription_created(at=at, purchase=own),
            ls.subscription_payment_success(at=at, purchase=own, **first),
        ]

    def is_called(self, status: str, at: datetime, *, dearer: bool = False) -> Sequence[Payload]:
        own = replace(self.purchase, variant=47002) if dearer else self.purchase
        return [ls.subscription_updated(at=at, purchase=own, status=status)]

    def invoice_fails(self, at: datetime) -> Sequence[Payload]:
        return [ls.subscription_payment_failed(at=at, purchase=self.purchase, created_at=self.ends)]

    def invoice_is_paid(self, at: datetime) -> Sequence[Payload]:
        return [ls.subscription_payment_success(at=at, purchase=self.purchase, created_at=self.ends)]

    def upgrade_fails(self, at: datetime) -> Sequence[Payload]:
        own = {"id": self.purchase.invoice + _days(at), "billing_reason": "updated", "created_at": at}
        return [ls.subscription_payment_failed(at=at, purchase=self.purchase, **own)]

    def something_else_is_paid(self, at: datetime) -> Mapping[str, Payload]:
        def paid(number: int, **told: Any) -> Payload:
            return ls.subscription_payment_success(
                at=at, purchase=self.purchase, id=self.purchase.invoice + number, created_at=at, **told
            )

        nothing = {"total": 0, "subtotal": 0, "tax": 0}
        return {"nothing": paid(52, **nothing), "an upgrade": paid(53, billing_reason="updated")}

    def is_cancelled_for_later(self, at: datetime, ends_at: datetime) -> Sequence[Payload]:
        return [ls.subscription_cancelled(at=at, purchase=self.purchase, ends_at=ends_at)]

    def resumes(self, at: datetime) -> Sequence[Payload]:
        return [
            ls.subscription_resumed(at=at, purchase=self.purchase),
            ls.subscription_updated(at=at, purchase=self.purchase),
        ]

    def ends_now(self, at: datetime) -> Sequence[Payload]:
        return [ls.subscription_expired(at=at, purchase=self.purchase)]

    def is_paused(self, at: datetime, *, free: bool) -> Sequence[Payload]:
        pause = {"mode": "free" if free else "void", "resumes_at": None}
        return [ls.subscription_paused(at=at, purchase=self.purchase, pause=pause)]

    def is_cancelled_without_dates(self, at: datetime) -> Sequence[Payload]:
        return [ls.subscription_cancelled(at=at, purchase=self.purchase, ends_at=None, renews_at=None)]

    def pays_in_words_nobody_knows(self, at: datetime) -> Sequence[Payload]:
        payload = ls.subscription_payment_success(at=at, purchase=self.purchase, created_at=self.ends)
        payload["data"]["attributes"]["subscription_id"] = None
        del payload["meta"]["custom_data"]
        return [payload]

    def is_disputed(self, at: datetime, status: str, *, opened: datetime, reason: str) -> Sequence[Payload]:
        told: Any = {"at": at, "purchase": self.purchase, "created_at": opened, "reason": reason}
        return [ls.dispute_created(**told) if status == "opened" else ls.dispute_resolved(**told, status=status)]


class Stripe(Seller):
    """Stripe Billing."""

    name = "stripe"
    endpoint = "stripe"
    plans = "stripe:price_pro=professional,stripe:price_ent=enterprise"

    def __init__(self, number: int, ends: datetime) -> None:
        super().__init__(number, ends)
        self.purchase = stripe.Purchase(
            account=self.account,
            email=self.email,
            began=self.began,
            customer=f"cus_{number}",
            subscription=f"sub_{number}",
            invoice=f"in_{number}",
            charge=f"ch_{number}",
            dispute=f"du_{number}",
        )
        self.intent = f"pi_{number}"

    @property
    def subscription(self) -> str:
        return self.purchase.subscription

    @property
    def first_payment(self) -> str:
        return f"{self.purchase.invoice}_first"

    def buys(self) -> Sequence[Payload]:
        at, own = self.began, self.purchase
        first = {"id": f"{own.invoice}_first", "billing_reason": "subscription_create", "payment_intent": self.intent}
        return [
            stripe.subscription("created", at=at, purchase=own, status="incomplete"),
            stripe.charge("succeeded", at=at, purchase=own, payment_intent=self.intent),
            stripe.subscription(at=at, purchase=own, previous={"status": "incomplete"}),
            stripe.invoice("paid", at=at, purchase=own, **first),
        ]

    def is_called(self, status: str, at: datetime, *, dearer: bool = False) -> Sequence[Payload]:
        own = replace(self.purchase, price="price_ent") if dearer else self.purchase
        return [stripe.subscription(at=at, purchase=own, status=status, previous={"status": "another"})]

    def invoice_fails(self, at: datetime) -> Sequence[Payload]:
        return [stripe.invoice("payment_failed", at=at, purchase=self.purchase, created=self.ends)]

    def invoice_is_paid(self, at: datetime) -> Sequence[Payload]:
        return [stripe.invoice("paid", at=at, purchase=self.purchase, created=self.ends)]

    def upgrade_fails(self, at: datetime) -> Sequence[Payload]:
        own = {"id": f"{self.purchase.invoice}_{_days(at)}", "billing_reason": "subscription_update"}
        return [stripe.invoice("payment_failed", at=at, purchase=self.purchase, **own)]

    def something_else_is_paid(self, at: datetime) -> Mapping[str, Payload]:
        def paid(name: str, **told: Any) -> Payload:
            return stripe.invoice("paid", at=at, purchase=self.purchase, id=f"{self.purchase.invoice}_{name}", **told)

        return {
            "nothing": paid("zero", total=0, amount_paid=0, amount_due=0),
            "an upgrade": paid("changed", billing_reason="subscription_update"),
            "one charge": paid("once", billing_reason="manual"),
        }

    def is_cancelled_for_later(self, at: datetime, ends_at: datetime) -> Sequence[Payload]:
        changed = {"cancel_at_period_end": False}
        return [
            stripe.subscription(
                at=at, purchase=self.purchase, cancel_at_period_end=True, cancel_at=ends_at, previous=changed
            )
        ]

    def resumes(self, at: datetime) -> Sequence[Payload]:
        return [stripe.subscription(at=at, purchase=self.purchase, previous={"cancel_at_period_end": True})]

    def ends_now(self, at: datetime) -> Sequence[Payload]:
        return [stripe.subscription("deleted", at=at, purchase=self.purchase, status="canceled", ended_at=at)]

    def is_paused(self, at: datetime, *, free: bool) -> Sequence[Payload]:
        pause = {"behavior": "keep_as_draft" if free else "void", "resumes_at": None}
        return [
            stripe.subscription(
                at=at,
                purchase=self.purchase,
                status="past_due",
                pause_collection=pause,
                previous={"pause_collection": None},
            )
        ]

    def pays_in_words_nobody_knows(self, at: datetime) -> Sequence[Payload]:
        return [stripe.invoice("paid", at=at, purchase=self.purchase, created=self.ends, currency="of the realm")]

    def is_disputed(self, at: datetime, status: str, *, opened: datetime, reason: str) -> Sequence[Payload]:
        told: Any = {"at": at, "purchase": self.purchase, "created": opened, "reason": reason}
        told |= {"payment_intent": self.intent}
        if status == "opened":
            return [stripe.dispute("created", **told)]
        return [stripe.dispute("closed", **told, status=status)]


class Paddle(Seller):
    """Paddle Billing."""

    name = "paddle"
    endpoint = "paddle"
    plans = "paddle:pri_pro=professional,paddle:pri_ent=enterprise"

    def __init__(self, number: int, ends: datetime) -> None:
        super().__init__(number, ends)
        self.purchase = paddle.Purchase(
            account=self.account,
            email=self.email,
            began=self.began,
            customer=f"ctm_{number}",
            subscription=f"sub_p{number}",
            price="pri_pro",
            transaction=f"txn_{number}",
            adjustment=f"adj_{number}xxx",
        )

    @property
    def subscription(self) -> str:
        return self.purchase.subscription

    @property
    def first_payment(self) -> str:
        return f"{self.purchase.transaction}_first"

    def buys(self) -> Sequence[Payload]:
        at, own = self.began, self.purchase
        return [
            paddle.customer(at=at, purchase=own),
            paddle.subscription("created", at=at, purchase=own),
            paddle.subscription("activated", at=at, purchase=own),
            paddle.transaction("completed", at=at, purchase=own, id=f"{own.transaction}_first", origin="web"),
        ]

    def is_called(self, status: str, at: datetime, *, dearer: bool = False) -> Sequence[Payload]:
        own = replace(self.purchase, price="pri_ent") if dearer else self.purchase
        name = "past_due" if status == "past_due" else "updated"
        return [paddle.subscription(name, at=at, purchase=own, status=status)]

    def invoice_fails(self, at: datetime) -> Sequence[Payload]:
        return [paddle.transaction("payment_failed", at=at, purchase=self.purchase, created_at=self.ends)]

    def invoice_is_paid(self, at: datetime) -> Sequence[Payload]:
        return [paddle.transaction("completed", at=at, purchase=self.purchase, created_at=self.ends)]

    def upgrade_fails(self, at: datetime) -> Sequence[Payload]:
        own = {"id": f"{self.purchase.transaction}_{_days(at)}", "origin": "subscription_update"}
        return [paddle.transaction("payment_failed", at=at, purchase=self.purchase, **own)]

    def something_else_is_paid(self, at: datetime) -> Mapping[str, Payload]:
        def paid(origin: str) -> Payload:
            own = {"id": f"{self.purchase.transaction}_{origin}", "origin": origin}
            return paddle.transaction("completed", at=at, purchase=self.purchase, **own)

        return {
            "one charge": paid("subscription_charge"),
            "an upgrade": paid("subscription_update"),
            "a card": paid("subscription_payment_method_change"),
        }

    def is_cancelled_for_later(self, at: datetime, ends_at: datetime) -> Sequence[Payload]:
        change = {"action": "cancel", "effective_at": paddle.moment(ends_at)}
        return [paddle.subscription(at=at, purchase=self.purchase, scheduled_change=change)]

    def resumes(self, at: datetime) -> Sequence[Payload]:
        return [paddle.subscription(at=at, purchase=self.purchase)]

    def ends_now(self, at: datetime) -> Sequence[Payload]:
        return [paddle.subscription("canceled", at=at, purchase=self.purchase)]

    def is_paused(self, at: datetime, *, free: bool) -> Sequence[Payload]:
        told = {"paused_at": at, "next_billed_at": None, "current_billing_period": None}
        return () if free else [paddle.subscription("paused", at=at, purchase=self.purchase, **told)]

    def is_cancelled_without_dates(self, at: datetime) -> Sequence[Payload]:
        gone = {"canceled_at": None, "next_billed_at": None, "current_billing_period": None}
        return [paddle.subscription("canceled", at=at, purchase=self.purchase, **gone)]

    def pays_in_words_nobody_knows(self, at: datetime) -> Sequence[Payload]:
        return [
            paddle.transaction(
                "completed", at=at, purchase=self.purchase, created_at=self.ends, currency_code="of the realm"
            )
        ]

    def is_disputed(self, at: datetime, status: str, *, opened: datetime, reason: str) -> Sequence[Payload]:
        """A chargeback stands as long as it is not reversed: there is no word for one that is lost."""
        if status != "opened":
            return ()
        paid = replace(self.purchase, transaction=f"{self.purchase.transaction}_first")
        return [paddle.adjustment("chargeback", at=at, purchase=paid, created_at=opened, reason=reason)]


class Dodo(Seller):
    """Dodo Payments: each attempt to charge is a payment of its own."""

    name = "dodo"
    endpoint = "standard"
    plans = "standard:pdt_pro=professional,standard:pdt_ent=enterprise"

    def __init__(self, number: int, ends: datetime) -> None:
        super().__init__(number, ends)
        self.attempts = 0
        self.purchase = standard.Purchase(
            account=self.account,
            email=self.email,
            began=self.began,
            customer=f"cus_d{number}",
            subscription=f"sub_d{number}",
            product="pdt_pro",
            payment=f"pay_{number}",
            dispute=f"dp_{number}",
        )

    @property
    def subscription(self) -> str:
        return self.purchase.subscription

    @property
    def first_payment(self) -> str:
        return f"{self.purchase.payment}_first"

    def buys(self) -> Sequence[Payload]:
        at, own = self.began, self.purchase
        first = {"payment_id": f"{own.payment}_first"}
        return [
            standard.dodo_payment("succeeded", at=at, purchase=own, **first),
            standard.dodo_subscription("active", at=at, purchase=own),
        ]

    def is_called(self, status: str, at: datetime, *, dearer: bool = False) -> Sequence[Payload]:
        own = replace(self.purchase, product="pdt_ent") if dearer else self.purchase
        name = "on_hold" if status == "past_due" else "plan_changed" if dearer else "active"
        return [standard.dodo_subscription(name, at=at, purchase=own)]

    def invoice_fails(self, at: datetime) -> Sequence[Payload]:
        return [self._payment("failed", at)]

    def invoice_is_paid(self, at: datetime) -> Sequence[Payload]:
        return [self._payment("succeeded", at)]

    def upgrade_fails(self, at: datetime) -> Sequence[Payload]:
        return [self._payment("failed", at)]

    def something_else_is_paid(self, at: datetime) -> Mapping[str, Payload]:
        return {
            "nothing": self._payment("succeeded", at, total_amount=0, tax=0),
            "a card": self._payment("succeeded", at, is_update_payment_method=True),
            "an upgrade": self._payment("succeeded", at, charge_type="plan_change"),
        }

    def is_cancelled_for_later(self, at: datetime, ends_at: datetime) -> Sequence[Payload]:
        told = {"cancel_at_next_billing_date": True, "cancelled_at": at, "next_billing_date": ends_at}
        return [standard.dodo_subscription("updated", at=at, purchase=self.purchase, **told)]

    def resumes(self, at: datetime) -> Sequence[Payload]:
        return [standard.dodo_subscription("updated", at=at, purchase=self.purchase)]

    def ends_now(self, at: datetime) -> Sequence[Payload]:
        return [standard.dodo_subscription("expired", at=at, purchase=self.purchase)]

    def is_paused(self, at: datetime, *, free: bool) -> Sequence[Payload]:
        told = {"status": "paused"}
        return () if free else [standard.dodo_subscription("paused", at=at, purchase=self.purchase, **told)]

    def is_cancelled_without_dates(self, at: datetime) -> Sequence[Payload]:
        return [standard.dodo_subscription("cancelled", at=at, purchase=self.purchase, next_billing_date=None)]

    def pays_in_words_nobody_knows(self, at: datetime) -> Sequence[Payload]:
        return [self._payment("succeeded", at, currency="of the realm")]

    def is_disputed(self, at: datetime, status: str, *, opened: datetime, reason: str) -> Sequence[Payload]:
        paid = replace(self.purchase, payment=f"{self.purchase.payment}_first")
        return [standard.dodo_dispute(status, at=at, purchase=paid, created_at=opened, reason=reason)]

    def _payment(self, name: str, at: datetime, **told: Any) -> Payload:
        self.attempts += 1
        own = {"payment_id": f"{self.purchase.payment}_{self.attempts}"}
        return standard.dodo_payment(name, at=at, purchase=self.purchase, **own, **told)


class Polar(Seller):
    """Polar: an order with a date for the next attempt is a charge that failed."""

    name = "polar"
    endpoint = "standard"
    plans = "standard:prod_pro=professional,standard:prod_ent=enterprise"

    def __init__(self, number: int, ends: datetime) -> None:
        super().__init__(number, ends)
        self.purchase = standard.Purchase(
            account=self.account,
            email=self.email,
            began=self.began,
            customer=f"0f9a4c27-8f0a-4c0a-9b62-{number:012}",
            subscription=f"subscription-{number}",
            product="prod_pro",
            payment=f"order-{number}",
            dispute=f"dispute-{number}",
        )

    @property
    def subscription(self) -> str:
        return self.purchase.subscription

    @property
    def first_payment(self) -> str:
        return f"{self.purchase.payment}-first"

    def buys(self) -> Sequence[Payload]:
        at, own = self.began, self.purchase
        first = {"id": f"{own.payment}-first", "billing_reason": "subscription_create"}
        return [
            standard.polar_subscription("created", at=at, purchase=own),
            standard.polar_subscription("active", at=at, purchase=own),
            standard.polar_order("paid", at=at, purchase=own, **first),
        ]

    def is_called(self, status: str, at: datetime, *, dearer: bool = False) -> Sequence[Payload]:
        own = replace(self.purchase, product="prod_ent") if dearer else self.purchase
        name = "past_due" if status == "past_due" else "updated" if dearer else "active"
        return [standard.polar_subscription(name, at=at, purchase=own)]

    def invoice_fails(self, at: datetime) -> Sequence[Payload]:
        return [self._order("updated", at, created_at=self.ends, next_payment_attempt_at=at + DAY)]

    def invoice_is_paid(self, at: datetime) -> Sequence[Payload]:
        return [self._order("paid", at, created_at=self.ends)]

    def upgrade_fails(self, at: datetime) -> Sequence[Payload]:
        own = {"id": f"{self.purchase.payment}-{_days(at)}", "billing_reason": "subscription_update"}
        return [self._order("updated", at, next_payment_attempt_at=at + DAY, **own)]

    def something_else_is_paid(self, at: datetime) -> Mapping[str, Payload]:
        own = {"id": f"{self.purchase.payment}-changed", "billing_reason": "subscription_update"}
        return {"an upgrade": self._order("paid", at, **own)}

    def is_cancelled_for_later(self, at: datetime, ends_at: datetime) -> Sequence[Payload]:
        return [standard.polar_subscription("canceled", at=at, purchase=self.purchase, ends_at=ends_at)]

    def resumes(self, at: datetime) -> Sequence[Payload]:
        return [
            standard.polar_subscription("uncanceled", at=at, purchase=self.purchase),
            standard.polar_subscription("updated", at=at, purchase=self.purchase),
        ]

    def ends_now(self, at: datetime) -> Sequence[Payload]:
        return [standard.polar_subscription("revoked", at=at, purchase=self.purchase)]

    def is_paused(self, at: datetime, *, free: bool) -> Sequence[Payload]:
        return () if free else [standard.polar_subscription("paused", at=at, purchase=self.purchase)]

    def is_cancelled_without_dates(self, at: datetime) -> Sequence[Payload]:
        gone = {"ends_at": None, "current_period_end": None, "current_period_start": None}
        return [standard.polar_subscription("canceled", at=at, purchase=self.purchase, **gone)]

    def pays_in_words_nobody_knows(self, at: datetime) -> Sequence[Payload]:
        return [self._order("paid", at, created_at=self.ends, currency="of the realm")]

    def is_disputed(self, at: datetime, status: str, *, opened: datetime, reason: str) -> Sequence[Payload]:
        word = {"opened": "needs_response"}.get(status, status)
        paid = replace(self.purchase, payment=f"{self.purchase.payment}-first")
        payload = standard.polar_refund(word, at=at, purchase=paid, reason=reason)
        payload["data"]["dispute"]["created_at"] = standard.moment(opened)
        return [payload]

    def _order(self, name: str, at: datetime, **told: Any) -> Payload:
        return standard.polar_order(name, at=at, purchase=self.purchase, **told)


def _days(at: datetime) -> int:
    """A number that another day does not have."""
    return at.toordinal()


SELLERS: tuple[type[Seller], ...] = (LemonSqueezy, Stripe, Paddle, Dodo, Polar)
PLANS = ",".join(seller.plans for seller in SELLERS)
