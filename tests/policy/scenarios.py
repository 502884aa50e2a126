"""Random stories of an account, told on the stage, with a witness who knows the invariants of DOMAIN section 7."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from kulanz.commands import add_ons, credit
from kulanz.commands.commands import DecideRefund, RequestRefund
from kulanz.commands.refunds import facts_of
from kulanz.commands.transfers import BankTransfer, recorded
from kulanz.errors import KulanzError
from kulanz.policy import facts as f
from kulanz.policy.areas.refunds.payments import payments
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.calendar.hours import Window
from kulanz.policy.calendar.time import Span
from kulanz.policy.document.collections import LevelRules
from kulanz.policy.document.rules import NoticeRules
from kulanz.policy.effects import AlertOperators, Effect, SendMail
from kulanz.policy.facts import (
    BillingReason,
    DisputeStatus,
    Fact,
    InvoiceStatus,
    OrderStatus,
    Outcome,
    OverrideKind,
    Stamp,
    Status,
)
from kulanz.policy.state import FREE, Access, Account, CaseState, Decision, Hold, Moment, Owner, Situation, State, Terms
from kulanz.policy.state.bookings import BookingStatus
from tests.policy.policy_changes import A_POLICY_CHANGE, POLICY_CHANGES, repinned, with_versions
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    HOUR,
    MONDAY,
    OTHER,
    OWNER,
    PRO,
    SEATS,
    STRANGER,
    SUB,
    Decide,
    Stage,
    a_dispute,
    a_failure,
    a_refund,
    a_subscription,
    a_success,
    an_invoice,
    an_order,
    an_override,
    plexo_but,
    terms,
    told_by_operator,
)
from tests.replacing import replace

_LEVELS = (
    LevelRules(after=Span(days=2), text="reminder"),
    LevelRules(after=Span(days=6), text="demand", fee=(("EUR", 500),)),
)
TERMS = tuple(
    with_versions(each)
    for each in (
        terms(),
        terms(api_key=True, zone="Europe/Vienna"),
        terms(plexo_but(on_grace_end="hold_only", hold_days="5d", provider_sends_failure_mail=False), api_key=True),
        terms(plexo_but(grace="0d", reminders=(), hold_access="none")),
        terms(plexo_but(warn_by="callback", dispute={"unrequested_full_refund": "suspend"}), zone="America/New_York"),
        terms(plexo_but(dispute={"scope": "subscription", "partially_lost": "restore"}), api_key=True),
        terms(plexo_but(levels=_LEVELS, hold_days="9d", cancelled="goes_on")),
        terms(
            plexo_but(levels=_LEVELS, levels_from="exhausted", hold_days="5d", on_grace_end="hold_only"), api_key=True
        ),
        terms(
            replace(
                plexo_but(provider_sends_failure_mail=("stripe",)),
                mails=("grace_reminder", "recovered"),
                notices=NoticeRules(send_between=Window.parse("09:00-17:00"), weekends=False, one_a_day=True),
            ),
            zone="America/New_York",
        ),
    )
)

Step = Callable[["Witness"], None]
InitialState = tuple[tuple[str, Step], ...]


@dataclass(frozen=True)
class Scenario:
    """What happens to an account, in the order in which it reaches us."""

    terms: Terms
    steps: tuple[tuple[str, Step], ...]

    def __repr__(self) -> str:
        return "\n  ".join([f"Tale by terms {TERMS.index(self.terms)}:", *(text for text, _ in self.steps)])

    def _repr_pretty_(self, printer: Any, _: bool) -> None:  # noqa: FBT001 - as Hypothesis calls it
        """Show the story, and not the whole policies that it goes by."""
        printer.text(repr(self))

    def run(self, decide: Decide | None = None) -> Witness:
        """Tell it, and return who saw it."""
        witness = Witness(terms=self.terms, now=MONDAY)
        if decide is not None:
            witness.decide = decide
        for _, step in self.steps:
            step(witness)
        return witness


@dataclass(kw_only=True)
class Witness(Stage):
    """A stage on which every decision is held against the invariants."""

    broken: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)
    heard: list[Fact] = field(default_factory=list)
    quoted: dict[str, datetime] = field(default_factory=dict)
    delivered: dict[str, list[datetime]] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    sent: set[tuple[str, str, int]] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    asked: Book = field(default_factory=Book)
    """What we asked of the provider, remembered by somebody else than the account."""

    def _decided(self, facts: Iterable[Fact]) -> Decision:
        facts = tuple(facts)
        before = self.last
        version = self.account.version
        self.heard.extend(facts)
        self.paid.update(fact.invoice.key for fact in facts if isinstance(fact, f.PaymentSucceeded))
        self._note_deliveries(facts)
        decision = super()._decided(facts)
        self.heard.extend(decision.facts)
        requested = (f.RenewalStopped, f.RenewalResumed)
        self.asked = self.asked.with_facts(
            [other_fact for other_fact in (*facts, *decision.facts) if isinstance(other_fact, requested)]
        )
        self.broken.update(self._violations(facts, before, version, decision))
        self.reached.update(_reached(decision))
        return decision

    def _attempt(self, effect: Effect) -> tuple[Fact, ...]:
        # What is broken may never come to rest.
        return () if self.broken else super()._attempt(effect)

    def _note_deliveries(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, f.NoticeReported) and fact.outcome is Outcome.DONE:
                self.delivered.setdefault(f"{fact.subject}|{fact.kind}", []).append(fact.at)

    def _violations(
        self, facts: Sequence[Fact], before: State | None, version: int, decision: Decision
    ) -> Iterator[str]:
        state = decision.state
        yield from self._unwarned(decision)
        yield from self._early(decision)
        yield from _released(facts, before, state)
        yield from _wrong_rights(decision, self.terms)
        yield from self._repeated(decision)
        yield from _idle_or_restless(state, self.now)
        yield from _untold(before, version, decision)
        if any(case.open and case.invoice in self.paid for case in state.cases):
            yield "I10"
        yield from self._dunned_though_paid(decision)
        yield from _blind_repeats(decision, self.asked)
        yield from repinned((*facts, *decision.facts), before, state)
        if _is_stale(decision.account):
            yield "assessed"

    def _unwarned(self, decision: Decision) -> Iterator[str]:
        for fact in decision.facts:
            case = decision.state.case(fact.case) if isinstance(fact, f.HoldPlaced) else None
            existing_case = (
                decision.before.case(fact.case) if isinstance(fact, f.HoldPlaced) and decision.before else None
            )
            handed_on = existing_case is not None and existing_case.held_at is not None
            if case is None or handed_on or not case.policy.dunning.grace:
                continue
            # Of a claim the product hears nothing.
            by_mail = case.policy.dunning.warn_by == "mail" or case.claim
            kind = "grace_warning" if by_mail else "grace_warning.callback"
            stated = [at for name in case.names for at in self.delivered.get(f"{name}|{kind}", [])]
            if not any(case.policy.dunning.warning_notice.after(at, "UTC") <= self.now for at in stated):
                yield "I2"

    def _dunned_though_paid(self, decision: Decision) -> Iterator[str]:
        """I16: no warning and no hold for an invoice of which a delivery or a look says that it is paid."""
        paid = {name for case in decision.state.cases if case.invoice in self.paid for name in case.names}
        for fact in decision.facts:
            warned = isinstance(fact, f.NoticeReported) and fact.kind.startswith("grace_") and fact.subject in paid
            if warned or (isinstance(fact, f.HoldPlaced) and fact.case in paid):
                yield "I16"

    def _early(self, decision: Decision) -> Iterator[str]:
        for case in decision.state.cases:
            quoted = max((self.quoted[name] for name in case.names if name in self.quoted), default=None)
            if case.state in {CaseState.GRACE, CaseState.VOLUNTARY}:
                if quoted is not None and case.deadline < quoted:
                    yield "I3"
                self.quoted[case.key] = max(quoted or case.deadline, case.deadline)
            elif case.state is CaseState.VOID or quoted is None or self.now >= quoted:
                continue
            elif self._just_enforced(case.names, decision):
                yield "I3"

    def _just_enforced(self, names: tuple[str, ...], decision: Decision) -> bool:
        """Whether a case that was in grace a moment ago has lost its plan."""
        cases = [case for case in decision.before.cases if case.key in names] if decision.before else []
        return bool(cases) and all(case.state is CaseState.GRACE for case in cases)

    def _repeated(self, decision: Decision) -> Iterator[str]:
        for effect in decision.effects:
            if isinstance(effect, SendMail):
                key = (effect.subject, effect.notice, effect.step)
                if key in self.sent:
                    yield "I5"
                self.sent.add(key)
            if effect.id in self.ids and not isinstance(effect, AlertOperators):
                yield "I5"
            self.ids.add(effect.id)


def _is_stale(account: Account) -> bool:
    """Whether the assessment that an account carries with it is not what its book gives."""
    assessed = account.assessed
    if assessed is None or assessed.book is not account.book:
        return False
    fresh = assess(account.book, assessed.terms, account.zone(assessed.terms), assessed.state.as_of)
    return replace(fresh, timers=()) != replace(assessed.state, timers=())


def _released(facts: Sequence[Fact], before: State | None, state: State) -> Iterator[str]:
    """I4: a fact about one object releases no hold of another."""
    if before is None or not facts:
        return
    left = {hold.key for hold in state.holds}
    left.update(f"dunning:{case.key}" for case in state.cases if case.state is CaseState.EXHAUSTED)
    joined = {f"dunning:{name}": f"dunning:{case.key}" for case in state.cases for name in case.names}
    for hold in before.holds:
        gone = hold.key not in left and joined.get(hold.key) not in left
        if gone and not any(_may_release(fact, hold, before) for fact in facts):
            yield "I4"


def _may_release(fact: Fact, hold: Hold, before: State) -> bool:
    if isinstance(fact, f.OverrideSet) and fact.kind is OverrideKind.REINSTATE:
        return True
    if hold.owner is Owner.REFUND:
        # What was paid for again is given again; and a dispute may turn out to be older than the refund.
        return isinstance(fact, f.PaymentSucceeded | f.InvoiceSeen | f.PaymentRefunded | f.DisputeSeen | f.OrderSeen)
    return _may_release_what_was_taken(fact, hold, before)


def _may_release_what_was_taken(fact: Fact, hold: Hold, before: State) -> bool:
    dunning = hold.owner is Owner.DUNNING
    inferred = hold.owner is Owner.DISPUTE and "-" in hold.key
    match fact:
        case f.OverrideSet():
            return dunning
        case f.PaymentFailed(invoice=seen) | f.PaymentSucceeded(invoice=seen) | f.PaymentRefunded(invoice=seen):
            return inferred or (dunning and seen.subscription in hold.subscriptions)
        case f.InvoiceSeen(subscription=key) | f.SubscriptionSeen(key=key) | f.SubscriptionLookedUp(subscription=key):
            return inferred or (dunning and key in hold.subscriptions)
        case f.DisputeSeen(key=key) | f.OrderSeen(key=key) | f.VersionApplied(subject=key):
            return inferred or hold.source == key
        case f.AddOnCancelled(withdrawn=True, at=at):
            # It asks for money back: where the dispute is dated later, that is a contact before it.
            return any(chargeback.key == hold.source and at < chargeback.opened_at for chargeback in before.chargebacks)
        case _:
            extra = isinstance(fact, f.AddOnBooked | f.AddOnCancelled | f.CreditBooked | f.CreditEnded)
            return dunning and not extra and before.case(hold.source) is not None


def _wrong_rights(decision: Decision, terms: Terms) -> Iterator[str]:
    """DOMAIN section 2: what the subscriptions give, minus the union of the holds, and nothing else."""
    state = decision.state
    whole = [hold for hold in state.holds if hold.scope == "account"]
    held = {key for hold in state.holds for key in hold.subscriptions}
    plans = [item.plan for item in state.grants if item.subscription not in held and item.add_on is None]
    plan = FREE if whole else max(plans, key=terms.catalogue.rank, default=FREE)
    access = Access.FREE if plan == FREE else Access.FULL
    if any(hold.access is Access.NONE for hold in whole):
        access = Access.NONE
    booked = [] if whole else [item for item in state.bookings if item.usable and item.subscription not in held]
    quantities: Counter[str] = Counter()
    for item in booked:
        quantities[item.kind] += item.amount
    for grant in () if whole else state.grants:
        if grant.add_on is not None and grant.subscription not in held:
            quantities[grant.add_on] += grant.quantity
    if dict(state.quantities) != quantities or decision.account.rights != state.rights:
        yield "I4"
    if (state.plan, state.access) != (plan, access):
        yield "I4"


def _idle_or_restless(state: State, now: datetime) -> Iterator[str]:
    """I6, and its other half: what is open has a timer, and no timer is due already."""
    subjects = {timer.subject.partition("|")[0] for timer in state.timers if timer.kind != "period_end"}
    for case in state.cases:
        runs = case.open and case.frozen_since is None
        given_up = case.state is CaseState.EXHAUSTED and case.policy.dunning.levels and case.frozen_since is None
        if (case.key in subjects) != runs and not given_up:
            yield "I6"
    existing = {case.key for case in state.cases}
    ours = {"grace_end", "grace_reminder", "grace_warning", "hold_end", "dunning_level"}
    if any(timer.subject.partition("|")[0] not in existing for timer in state.timers if timer.kind in ours):
        yield "I6"
    if any(timer.due_at <= now for timer in state.timers):
        yield "I6"


def _untold(before: State | None, version: int, decision: Decision) -> Iterator[str]:
    state = decision.state
    if before is not None and _visible(before) != _visible(state) and not decision.changes:
        yield "I7"
    grown = decision.account.version - version
    changed = before is None or before.rights != state.rights
    if grown != changed:
        yield "I7"


def _visible(state: State) -> object:
    """What a decision has to account for. The deadline of a closed case binds no more: late news may shift it."""
    cases = [
        (case.key, case.state, case.deadline if case.open else None, case.failures, case.frozen_since is None)
        for case in state.cases
    ]
    disputes = [(chargeback.key, chargeback.status) for chargeback in state.chargebacks]
    return state.standing, state.rights, cases, {hold.key for hold in state.holds}, disputes


def _blind_repeats(decision: Decision, book: Book) -> Iterator[str]:
    stopping = (fact for fact in decision.facts if isinstance(fact, f.RenewalStopped | f.RenewalResumed))
    for key in {fact.subscription for fact in stopping}:
        sub, turns = decision.account.book.subscriptions[key], book.renewals[key].turns
        if [turn.step for turn in turns] != list(range(1, len(turns) + 1)):
            yield "I11"
        if len(turns) < 2 or (turns[-1].cause is None) != (turns[-2].cause is None):
            continue
        last = turns[-2].asked
        ran = sub.running is not None and last.seen is not None and sub.running.at > last.seen
        resolved = last.outcome in {Outcome.FAILED, Outcome.REFUSED, Outcome.WITHDRAWN} or ran
        moved_on = last.outcome is Outcome.DONE and last.seen is not None and sub.seen.stamp.at > last.seen
        if not resolved and not moved_on:
            yield "I11"


def _reached(decision: Decision) -> Iterator[str]:
    yield from (change.rule for change in decision.changes)
    yield from (str(case.state) for case in decision.state.cases)
    yield from ("frozen" for case in decision.state.cases if case.frozen_since)
    yield from ("joined" for case in decision.state.cases if len(case.names) > 1)
    yield from ("two holds" for _ in decision.state.holds[1:2])
    yield from ("stranger's claim" for hold in decision.state.holds if not hold.counts)


_MOMENTS = st.builds(
    lambda days, hours: MONDAY + days * DAY + hours * HOUR,
    st.sampled_from([-20, -1, 0, 0, 1, 2, 5, 7, 8, 9, 12, 30, 45]),
    st.sampled_from([0, 0, 0, 1, 13]),
)
_CUSTOMERS = {SUB: OWNER, OTHER: STRANGER, "lemonsqueezy:421955": OWNER}
_VARIANTS = {SUB: PRO, OTHER: ENTERPRISE, "lemonsqueezy:421955": SEATS}
_SUBS = st.sampled_from([SUB, SUB, SUB, OTHER, "lemonsqueezy:421955"])
_REASONS = {1: BillingReason.RENEWAL, 2: BillingReason.RENEWAL, 3: BillingReason.INITIAL, 4: BillingReason.UPDATED}
_MADE = {1: MONDAY, 2: MONDAY + 30 * DAY, 3: MONDAY, 4: MONDAY}
_INVOICES = st.sampled_from([1, 1, 1, 1, 1, 2, 2, 3, 4])


@st.composite
def _snapshots(draw: st.DrawFn) -> Fact:
    key = draw(_SUBS)
    status = draw(st.sampled_from(list(Status)))
    at = draw(_MOMENTS)
    return a_subscription(
        status,
        at,
        key=key,
        customer=_CUSTOMERS[key],
        variant=draw(st.sampled_from([_VARIANTS[key], _VARIANTS[key], PRO])),
        email=draw(st.sampled_from([f"{key[-2:]}@example.com", f"{key[-2:]}@example.com", None])),
        stamp=Stamp(at, draw(st.integers(0, 8)), draw(st.sampled_from(["a", "b"]))),
        renews_at=at + 30 * DAY,
        ends_at=_end(at, draw(st.sampled_from([0, 3, 20, None]))) if status in {"cancelled", "expired"} else None,
        trial_ends_at=at + 14 * DAY if status is Status.ON_TRIAL else None,
        pause_mode=draw(st.sampled_from(["free", "void"])) if status is Status.PAUSED else None,
    )


def _end(at: datetime, days: int | None) -> datetime | None:
    return None if days is None else at + days * DAY


@st.composite
def _payments(draw: st.DrawFn) -> Fact:
    key, number, at = draw(_SUBS), draw(_INVOICES), draw(_MOMENTS)
    stated = {
        "key": f"lemonsqueezy:{key[-3:]}{number}",
        "subscription": key,
        "reason": _REASONS[number],
        # An invoice is made once; not every event of it says when.
        "created_at": draw(st.sampled_from([None, _MADE[number]])),
    }
    match draw(st.sampled_from(["fails", "fails", "fails", "succeeds", "refunded", "void"])):
        case "fails":
            return a_failure(at, **stated)
        case "succeeds":
            return a_success(at, **stated)
        case "refunded":
            return a_refund(at, draw(st.sampled_from([500, 1999])), **stated)
        case _:
            return an_invoice(at, InvoiceStatus.VOID, **stated)


@st.composite
def _disputes(draw: st.DrawFn) -> Fact:
    status, at = draw(st.sampled_from(list(DisputeStatus))), draw(_MOMENTS)
    builder = draw(st.sampled_from([a_dispute, a_dispute, told_by_operator]))
    document = {"key": f"lemonsqueezy:d{draw(_INVOICES)}", "opened_at": draw(_MOMENTS)}
    if builder is a_dispute:
        document |= {
            "customer": draw(st.sampled_from([OWNER, STRANGER])),
            "signed": draw(st.sampled_from([False, False, True])),
        }
    return builder(status, at, **document)


_ORDERS = st.builds(an_order, st.sampled_from(list(OrderStatus)), _MOMENTS)
_FACTS = st.one_of(_snapshots(), _payments(), _payments(), _disputes(), _ORDERS)
"""What a provider, or an operator who learned of a chargeback, may tell."""


def brief(fact: Fact) -> str:
    """A fact as a failing story should show it: what tells it from the next, in days since MONDAY."""
    invoice = getattr(fact, "invoice", fact)
    words = [type(fact).__name__, invoice.key[-4:], str(getattr(invoice, "status", ""))]
    words.append(f"day {(invoice.stamp.at - MONDAY) / DAY:g} rank {invoice.stamp.rank}{invoice.stamp.digest}")
    existing = {
        "of": getattr(invoice, "subscription", None),
        "reason": getattr(invoice, "reason", None),
        "created": (invoice.created_at - MONDAY) / DAY if getattr(invoice, "created_at", None) else None,
        "opened": (fact.opened_at - MONDAY) / DAY if isinstance(fact, f.DisputeSeen) else None,
        "ends": (fact.ends_at - MONDAY) / DAY if isinstance(fact, f.SubscriptionSeen) and fact.ends_at else None,
        "customer": getattr(fact, "customer", None),
    }
    return " ".join([*words, *(f"{name} {value}" for name, value in existing.items() if value is not None)])


def heard(fact: Fact) -> tuple[str, Step]:
    return brief(fact), lambda stage: stage.hear(fact) and None


def wait(span: timedelta) -> tuple[str, Step]:
    return f"wait {span}", lambda stage: stage.wait(stage.now + span)


def _jump(span: timedelta) -> tuple[str, Step]:
    return f"jump {span}", lambda stage: stage.jump(stage.now + span) and None


def _set_back(span: timedelta) -> tuple[str, Step]:
    def step(stage: Witness) -> None:
        stage.now -= span
        stage.hear()

    return f"set back {span}", step


def _hear_together(facts: list[Fact]) -> tuple[str, Step]:
    return " and ".join(map(brief, facts)), lambda stage: stage.hear(*facts) and None


def order(kind: OverrideKind, span: timedelta) -> tuple[str, Step]:
    def step(stage: Witness) -> None:
        ident = f"ov{len(stage.decisions)}"
        until = None if kind is OverrideKind.WAIVE else stage.now + span
        stage.hear(an_override(kind, stage.now, until, id=ident))

    return f"order {kind} {span}", step


def order_extra(kind: str) -> tuple[str, Step]:
    def step(stage: Witness) -> None:
        book, state = stage.account.book, stage.state
        moment = Moment(stage.terms, stage.account.zone(stage.terms), stage.now)
        with suppress(KulanzError):
            stage.hear(EXTRAS[kind](f"x{len(stage.decisions)}", state, book, moment))

    return f"order {kind}", step


def _booked(ident: str, state: State, book: Book, moment: Moment) -> Fact:
    ends = moment.at + 20 * DAY
    wanted = add_ons.BookAddOn(kind="users", quantity=2, unit_price=590, currency="EUR", period_ends_at=ends)
    return add_ons.book(wanted, state, book, moment, ident=ident, actor="ada")


def _cancelled(ident: str, state: State, book: Book, moment: Moment) -> Fact:
    oldest = min((booking.id for booking in state.bookings if booking.status is BookingStatus.ACTIVE), default="none")
    pieces = next((booking.quantity for booking in state.bookings if booking.id == oldest), 1)
    order = add_ons.CancelAddOn(add_on=oldest, quantity=1 if pieces > 1 else None)
    return add_ons.cancel(order, state, book, moment, ident=ident, actor="ada")


def _credited(ident: str, state: State, book: Book, moment: Moment) -> Fact:
    command = credit.MoveCredit(pot="telephony", entry=f.CreditEntry.BOUGHT, amount=500, currency="EUR")
    return credit.move(command, state, book, moment, ident=ident, actor="ada")


def order_refund(kind: str) -> tuple[str, Step]:
    def step(stage: Witness) -> None:
        with suppress(KulanzError, LookupError):
            stage.hear(*facts_of(REFUNDS[kind](stage), stage.account, stage.terms, "ada", stage.now))

    return f"order {kind}", step


def _asked_back(stage: Witness, amount: int | None = None) -> RequestRefund:
    latest = payments(stage.account.book)[-1]
    return RequestRefund(payment=latest.key, amount=amount, contact_email="a@b.c", organisation="Bakery")


def _decided(stage: Witness, *, approve: bool) -> DecideRefund:
    refund = [refund for refund in stage.state.refunds if refund.undecided][-1]
    return DecideRefund(request=refund.key, approve=approve, reason="as it is")


REFUNDS: dict[str, Callable[[Witness], RequestRefund | DecideRefund]] = {
    "refund": _asked_back,
    "part of a refund": lambda stage: _asked_back(stage, 500),
    "approval": lambda stage: _decided(stage, approve=True),
    "denial": lambda stage: _decided(stage, approve=False),
}


EXTRAS: dict[str, Callable[[str, State, Book, Moment], Fact]] = {
    "book": _booked,
    "cancel": _cancelled,
    "credit": _credited,
}


def _transfer(amount: int) -> tuple[str, Step]:
    def step(stage: Witness) -> None:
        ident = f"pay{len(stage.decisions)}"
        money = BankTransfer(
            id=ident, amount=amount, currency="EUR", received=None, reference=None, invoice=None, transaction=None
        )
        stage.hear(recorded(money, stage.account, stage.terms, "ada", stage.now))

    return f"transfer {amount}", step


def _set(name: str, value: object) -> tuple[str, Step]:
    return f"{name} {value}", lambda stage: setattr(stage, name, value)


_SPANS = st.sampled_from([HOUR, DAY, 2 * DAY, 2 * DAY, 3 * DAY, 7 * DAY, 7 * DAY, 31 * DAY])
_ANSWERS = st.sampled_from([Status.PAST_DUE, Status.PAST_DUE, Status.ACTIVE, Status.EXPIRED, None])
_FATES = st.sampled_from([Outcome.DONE, Outcome.DONE, Outcome.FAILED, Outcome.UNKNOWN, None])
_FATES_AT_THE_PROVIDER = st.sampled_from([Outcome.DONE, Outcome.DONE, Outcome.FAILED, Outcome.REFUSED, Outcome.UNKNOWN])
_SITUATIONS = st.sampled_from([Situation(), Situation(), Situation(parked=True), Situation(braked=True)])
_STEPS = st.one_of(
    _FACTS.map(heard),
    _FACTS.map(heard),
    _payments().map(heard),
    _SPANS.map(wait),
    _SPANS.map(wait),
    st.one_of(_SPANS.map(_jump), _SPANS.map(wait), _SPANS.map(wait), st.sampled_from([HOUR, DAY]).map(_set_back)),
    st.lists(_FACTS, min_size=2, max_size=6).map(_hear_together),
    st.builds(order, st.sampled_from(list(OverrideKind)), _SPANS),
    st.builds(order_extra, st.sampled_from([*EXTRAS, "book", "book"])),
    st.builds(order_refund, st.sampled_from([*REFUNDS, "refund", "approval"])),
    st.builds(_transfer, st.sampled_from([1, 500, 1999, 1999, 4000])),
    st.one_of(
        st.builds(_set, st.sampled_from(["mail", "callback"]), _FATES),
        st.builds(_set, st.sampled_from(["cancel", "resume"]), _FATES_AT_THE_PROVIDER),
        st.builds(_set, st.just("answer"), _ANSWERS),
        st.builds(_set, st.just("situation"), _SITUATIONS),
    ),
)
_BEGINNINGS = st.sampled_from(
    [
        (),
        (heard(a_subscription()),),
        (heard(a_subscription()), heard(a_failure(key="lemonsqueezy:9531"))),
        (heard(a_subscription()), heard(a_failure(key="lemonsqueezy:9531")), wait(7 * DAY)),
        (heard(a_subscription()), heard(a_subscription(key=OTHER, customer=STRANGER, variant=ENTERPRISE))),
        (heard(a_subscription()), heard(a_subscription(Status.PAST_DUE, MONDAY)), wait(5 * DAY)),
        (
            heard(a_subscription()),
            heard(a_failure(key="lemonsqueezy:9531")),
            _set("mail", Outcome.FAILED),
            wait(12 * DAY),
        ),
        (
            heard(a_subscription()),
            heard(a_dispute(DisputeStatus.OPENED, MONDAY)),
            heard(a_subscription(Status.CANCELLED, MONDAY, ends_at=MONDAY + DAY)),
            wait(2 * DAY),
            heard(a_dispute(DisputeStatus.WON, MONDAY + DAY)),
        ),
        (
            heard(a_subscription()),
            heard(a_failure(key="lemonsqueezy:9531")),
            _set("answer", None),
            wait(6 * DAY),
            wait(26 * HOUR),
        ),
        (
            heard(a_subscription(at=MONDAY, renews_at=MONDAY + 30 * DAY)),
            order_extra("book"),
            order_extra("cancel"),
        ),
        (
            heard(a_subscription(variant=ENTERPRISE, at=MONDAY - DAY, renews_at=MONDAY + 9 * DAY)),
            heard(a_subscription(at=MONDAY, renews_at=MONDAY + 9 * DAY)),
        ),
    ]
)

FACTS = st.lists(_FACTS, max_size=25)
_UNPAID = (heard(a_subscription()), heard(a_failure(key="lemonsqueezy:9531")), wait(DAY))


def _tales(
    steps: st.SearchStrategy[tuple[str, Step]], beginnings: st.SearchStrategy[InitialState]
) -> st.SearchStrategy[Scenario]:
    stated = st.sampled_from([2, 6, 15, 30, 60]).flatmap(
        lambda most: st.lists(steps, min_size=most // 2, max_size=most)
    )
    return st.tuples(st.sampled_from(TERMS), beginnings, stated).map(
        lambda drawn: Scenario(drawn[0], (*drawn[1], *drawn[2]))
    )


TALES = _tales(_STEPS, _BEGINNINGS)
REFORMED_TALES = _tales(
    st.one_of(_STEPS, _STEPS, POLICY_CHANGES), st.one_of(_BEGINNINGS, st.just((*_UNPAID, *A_POLICY_CHANGE)))
)
"""Stories in which the policy changes: versions, an account's own terms, exceptions that are approved or not."""
