"""The tables of a policy document that every policy has: each key with its meaning, unit and default."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from kulanz.policy.calendar.hours import SendHours, Window
from kulanz.policy.calendar.time import Span
from kulanz.policy.document import reading as read
from kulanz.policy.document.collections import LevelRules
from kulanz.policy.facts.words import OverrideKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRules:
    """A trial gives its plan to its end and is billed automatically (plexo 2)."""

    plans: tuple[str, ...] = read.key(
        read.names, "plans whose trials the clause speaks of; empty: every plan", read.NEUTRAL, default=()
    )
    length: Span | None = read.key(
        read.span, "how long the trials are that the clause speaks of; none: any length", read.NEUTRAL, default=None
    )
    first_only: bool = read.key(
        read.flag, "whether the clause speaks of a customer's first trial alone", read.NEUTRAL, default=False
    )
    clause: str = read.key(read.clause, "clause that decisions about trials name", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRules:
    """Cancellation: what cancelling does to access (plexo 4)."""

    clause: str = read.key(read.clause, "clause that decisions about cancellations name", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChangeRules:
    """Change of plan: when another plan begins to count (plexo 5)."""

    downgrade: str = read.key(
        read.one_of("period_end", "at_once"),
        "when a lower plan takes effect: at the end of the period paid for, or at once",
        kinder=("at_once", "period_end"),
        default="period_end",
    )
    upgrade: str = read.key(
        read.one_of("at_once", "when_paid"),
        "when a dearer plan counts: from the change, unless its charge is known to be unpaid, or once it is paid",
        kinder=("when_paid", "at_once"),
        default="at_once",
    )
    downgrade_clause: str = read.key(read.clause, "clause that a downgrade names", default="")
    upgrade_clause: str = read.key(read.clause, "clause that an upgrade names", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepaidRules:
    """A period is paid in full before it begins, in no instalments, and counts to its end (bitrix24)."""

    terms: tuple[int, ...] = read.key(read.months, "the terms that are sold, in months", read.MORE, default=(1, 3, 12))
    clause: str = read.key(read.clause, "clause that decisions about a term paid name", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalRules:
    """Renewals: when a silent renewal is looked into."""

    overdue_after: Span = read.key(
        read.span,
        "after a renewal date without news, when the provider or operators are asked",
        read.NEUTRAL,
        default=Span(days=7),
    )
    overdue_after_by_hand: Span = read.key(
        read.span, "the same where the customer pays invoices by hand", read.NEUTRAL, default=Span(days=45)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MassActionLimit:
    """The circuit breaker: more than both figures within an hour stops dunning holds until an operator releases it."""

    accounts: int = read.key(
        read.count, "accounts that may lose access by dunning within an hour in any case", read.NEUTRAL, default=25
    )
    share: float = read.key(read.share, "share of all accounts that may, where that is more", read.NEUTRAL, default=0.1)


@dataclass(frozen=True, kw_only=True)
class NoticeRules:
    """Notices: when to write to customers; a final warning or a notice of deletion is rather early than late."""

    send_between: Window | None = read.key(
        read.window,
        "in which hours of the account's zone the start of grace, reminders, the final warning, dunning letters and"
        " notices of deletion go out; none: at any hour",
        read.NEUTRAL,
        default=None,
    )
    weekends: bool = read.key(read.flag, "whether they go out on Saturdays and Sundays", read.NEUTRAL, default=True)
    one_a_day: bool = read.key(
        read.flag,
        "whether a reminder waits for a day on which its mail address got no other notice, from any account",
        read.NEUTRAL,
        default=False,
    )

    @cached_property
    def hours(self) -> SendHours | None:
        """The hours in which notices go out; None: at any hour."""
        if self.send_between is None and self.weekends:
            return None
        return SendHours(window=self.send_between or Window(), weekends=self.weekends)

    def at_or_after(self, instant: datetime, zone: str) -> datetime:
        """Return the first moment of the hours from an instant on."""
        hours = self.hours
        return instant if hours is None else hours.at_or_after(instant, zone)

    def at_or_before(self, instant: datetime, zone: str) -> datetime:
        """Return the last moment of the hours up to an instant: for what is promised to come no later."""
        hours = self.hours
        return instant if hours is None else hours.at_or_before(instant, zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningRules:
    """Dunning: what follows a failed renewal (plexo 6)."""

    grace: Span = read.key(read.span, "from the first failure to the end of access; 0d removes access at once")
    reminders: tuple[Span, ...] = read.key(
        read.spans, "after the first failure, when to remind the customer", read.NEUTRAL, default=()
    )
    final_warning: Span = read.key(
        read.span, "before the end of grace, when the final warning goes out", default=Span(rest=Span.parse("48h").rest)
    )
    warning_notice: Span = read.key(
        read.span, "how long before the end it must have been delivered", default=Span(rest=Span.parse("24h").rest)
    )
    warn_by: str = read.key(
        read.one_of("mail", "callback"), "whose delivery counts: the mail's or the callback's", default="mail"
    )
    max_warnings: int = read.key(read.count, "undelivered warnings after which operators decide", read.MORE, default=3)
    on_grace_end: str = read.key(
        read.one_of("cancel", "hold_only"),
        "whether the subscription is also cancelled at the provider",
        kinder=("cancel", "hold_only"),
        default="hold_only",
    )
    hold_access: str = read.key(
        read.one_of("free", "none"), "what is left of access while on hold", ("none", "free"), default="free"
    )
    hold_days: Span = read.key(
        read.span, "how long a hold waits for a late payment before the subscription is given up", default=Span(days=30)
    )
    hold_ends: str = read.key(
        read.one_of("hold_days", "paid"),
        "what ends a hold: that `hold_days` are over, or only that the debt is paid, waived or void",
        kinder=("paid", "hold_days"),
        default="hold_days",
    )
    cancelled: str = read.key(
        read.one_of("ends", "goes_on"),
        "whether the dunning of a renewal that fell due before ends when the customer cancels, or continues",
        kinder=("goes_on", "ends"),
        default="ends",
    )
    opens_on: tuple[str, ...] = read.key(
        read.some_of("initial", "renewal", "updated"),
        "billing reasons whose failure opens a case",
        read.LESS,
        default=("renewal",),
    )
    provider_sends_failure_mail: bool | tuple[str, ...] = read.key(
        read.flag_or_providers,
        "the provider, or each of those that are named, mails the customer on each failure, so `grace_started` is"
        " not mailed by us",
        kinder=read.NEUTRAL,
        default=False,
    )
    grace_clause: str = read.key(read.clause, "clause of the grace period", default="")
    hold_clause: str = read.key(read.clause, "clause of the downgrade", default="")
    levels_from: str = read.key(
        read.one_of("overdue", "exhausted"),
        "what the dunning levels count from: the first failure, or the day on which the subscription is given up",
        kinder=("overdue", "exhausted"),
        default="overdue",
    )
    levels: tuple[LevelRules, ...] = read.tables(
        LevelRules, "dunning letters, one after the other, while a debt is unpaid", default=()
    )
    mass_action_limit: MassActionLimit = read.table(MassActionLimit, "the circuit breaker for mass downgrades")

    def is_mailed_by_provider(self, subscription: str) -> bool:
        """Whether the provider of a subscription mails its customer that a payment failed."""
        by = self.provider_sends_failure_mail
        return by if isinstance(by, bool) else subscription.partition(":")[0] in by


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeRules:
    """Disputes: what follows a chargeback (plexo 10)."""

    scope: str = read.key(
        read.one_of("account", "subscription"),
        "what a dispute restricts",
        ("account", "subscription"),
        default="account",
    )
    review_above: int | None = read.key(
        read.amount, "minor units above which operators decide instead", read.LESS, default=None
    )
    deletion_after: Span = read.key(
        read.span, "from the opening, and again from the loss, to when data may be deleted", default=Span(days=30)
    )
    deletion_notices: tuple[Span, ...] = read.key(
        read.spans, "before that day, when to tell the customer", read.NEUTRAL, default=()
    )
    partially_lost: str = read.key(
        read.one_of("lost", "restore"), "what a partial loss counts as", ("lost", "restore"), default="lost"
    )
    unrequested_full_refund: str = read.key(
        read.one_of("suspend", "review", "ignore"),
        "what a full refund without a request here means",
        kinder=("suspend", "review", "ignore"),
        default="review",
    )
    bounced: str = read.key(
        read.one_of("failed_payment", "dispute", "review"),
        "what a direct debit means that the bank returned: a failed payment, a chargeback, or neither",
        kinder=("dispute", "failed_payment", "review"),
        default="failed_payment",
    )
    charges_fee: bool = read.key(
        read.flag,
        "whether the notice of a suspension says that a fee for the chargeback may be charged",
        kinder=(True, False),
        default=False,
    )
    deletion: str = read.key(
        read.one_of("automatic", "approval"),
        "whether a lost chargeback, after its notices, deletes data automatically or after an operator's approval",
        default="approval",
    )
    clause: str = read.key(read.clause, "clause that decisions about chargebacks name", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRules:
    """Overrides: what operators may do about the policy, and which of them have to agree."""

    second_approver: tuple[str, ...] = read.key(
        read.some_of(*OverrideKind),
        "kinds of exception that count only once a second person has approved them",
        default=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsRules:
    """Terms: how the rules change: for one account by an agreement, for all by a new version (plexo 7, 15)."""

    agreement_clause: str = read.key(
        read.clause, "clause that an account's own terms name, when they begin and end", default=""
    )
    version_clause: str = read.key(
        read.clause, "clause that is named where a new version is applied to what was open", default=""
    )
