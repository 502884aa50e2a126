"""Runs an account's history under another policy: the same news from outside, other rules. Pure.

Both policies are given the same world: what the provider and the operators said, when it reached us. What we did
ourselves is decided again, a final warning is delivered at once, and a look at the provider finds what the facts say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from msgspec.structs import replace as evolve

from kulanz.policy.areas.dunning import notices
from kulanz.policy.areas.refunds.rulings import Reversal, Ruling, promised_anew, reversals, ruling
from kulanz.policy.book import Book
from kulanz.policy.decide import decide
from kulanz.policy.document import Policy
from kulanz.policy.document.differences import Leniency, differences
from kulanz.policy.facts import (
    Fact,
    NoticeReported,
    Outcome,
    OwnFact,
    ProviderFact,
    RefundDecided,
    RefundRequested,
    Status,
    SubscriptionSeen,
    VersionApplied,
)
from kulanz.policy.state import Access, Account, Decision, Standing, Terms

OUTLOOK = timedelta(days=90)
"""How long open matters are followed after the last news."""
_MAX_DECISIONS = 1000
"""Limit of steps for one account: rules that look again every hour for ever make no useful comparison."""
_RANK = {access: rank for rank, access in enumerate((Access.NONE, Access.FREE, Access.FULL))}
_GONE = frozenset({Status.CANCELLED, Status.EXPIRED})


class News(NamedTuple):
    """A fact with the time of its arrival."""

    at: datetime
    fact: Fact


class Scene(NamedTuple):
    """The start of a standing, and the rule behind it."""

    at: datetime
    standing: Standing
    plan: str
    access: Access
    rule: str
    clause: str
    owed: tuple[tuple[str, int], ...]
    """Amounts due in open dunning cases, by currency, in minor units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """The difference that another policy makes to one account."""

    at: datetime
    """From when on."""
    was: Scene
    would_be: Scene
    lost: timedelta
    """How much longer it would have less access, to the end of the outlook."""
    gained: timedelta
    now: tuple[Scene, Scene]
    """Its standing at the end of the history under both policies."""
    refunds: tuple[Reversal, ...] = ()
    """The requests for refunds that would have been answered differently."""

    @property
    def stands_otherwise(self) -> bool:
        """Whether the account itself would fare differently, and not only an answer that it got."""
        return self.was[1:4] != self.would_be[1:4]

    @property
    def cause(self) -> tuple[str, str]:
        """The rule by which it differs first, and its clause."""
        if not self.stands_otherwise:
            return "refund.requested", self.refunds[0].would_be.clause
        scene = self.would_be if self.would_be.at == self.at else self.was
        return scene.rule, scene.clause

    @property
    def owed(self) -> tuple[tuple[str, int], ...]:
        """Amounts due in open cases when the difference would have begun, by currency, in minor units."""
        return max(self.was.owed, self.would_be.owed)


def touched(old: Iterable[Policy], new: Policy) -> frozenset[str]:
    """Return the tables in which a new policy takes or gives something else than one of the old ones."""
    stored_differences = (
        difference
        for each in old
        for difference in differences(each, new)
        if difference.leniency is not Leniency.NEUTRAL
    )
    return frozenset(difference.key.partition(".")[0] for difference in stored_differences)


def may_differ(book: Book, tables: frozenset[str]) -> bool:
    """Whether an account has facts that the rules of these tables are about; true for a new table."""
    return any(_KNOWS.get(table, _anything)(book) for table in tables)


def story(news: Iterable[News], book: Book) -> tuple[News, ...]:
    """Return the facts from others, in the order of their arrival, without the echo of our own cancellations."""
    newses = [other_news for other_news in news if _is_others(other_news.fact) and not _is_echo(other_news, book)]
    return tuple(sorted(newses, key=lambda other_news: other_news.at))


def compare(newses: Sequence[News], old: Terms, new: Terms, now: datetime) -> Divergence | None:
    """Return how an account would have fared under new terms, None if no different."""
    us, them = _Run(old), _Run(new)
    ours, theirs = (tuple(_scenes(newses, stage, now)) for stage in (us, them))
    if not ours or not theirs:
        return None
    refunds = reversals(us.rulings, them.rulings)
    alike = [scene[:4] for scene in ours] == [scene[:4] for scene in theirs]
    divergence = None if alike else _divergence(ours, theirs, old, now)
    if divergence is not None:
        return replace(divergence, refunds=refunds)
    return _of_refunds(refunds, ours, theirs, now) if refunds else None


def _of_refunds(
    refunds: tuple[Reversal, ...], ours: Sequence[Scene], theirs: Sequence[Scene], now: datetime
) -> Divergence:
    """Return the difference where the account stands the same, and only an answer differs."""
    at, none = refunds[0].was.at, timedelta()
    return Divergence(
        at=at,
        was=_at(ours, at),
        would_be=_at(theirs, at),
        lost=none,
        gained=none,
        now=(_at(ours, now), _at(theirs, now)),
        refunds=refunds,
    )


def _divergence(ours: Sequence[Scene], theirs: Sequence[Scene], terms: Terms, now: datetime) -> Divergence | None:
    moments = sorted({scene.at for scene in (*ours, *theirs)})
    ends = [*moments[1:], max(moments[-1], now + OUTLOOK)]
    lost = gained = timedelta()
    first: tuple[datetime, Scene, Scene] | None = None
    for at, end in zip(moments, ends, strict=True):
        was, would_be = _at(ours, at), _at(theirs, at)
        if was[1:4] == would_be[1:4]:
            continue
        first = first or (at, was, would_be)
        less = _worth(would_be, terms) < _worth(was, terms)
        more = _worth(would_be, terms) > _worth(was, terms)
        lost, gained = lost + (end - at if less else timedelta()), gained + (end - at if more else timedelta())
    if first is None:
        return None
    at, was, would_be = first
    return Divergence(
        at=at, was=was, would_be=would_be, lost=lost, gained=gained, now=(_at(ours, now), _at(theirs, now))
    )


def _at(scenes: Sequence[Scene], moment: datetime) -> Scene:
    return next((scene for scene in reversed(scenes) if scene.at <= moment), scenes[0])


def _worth(scene: Scene, terms: Terms) -> tuple[int, tuple[int, str]]:
    return _RANK[scene.access], terms.catalogue.rank(scene.plan)


def _scenes(newses: Sequence[News], stage: _Run, now: datetime) -> Iterator[Scene]:
    """Yield each standing of the account, from the first news to the end of the outlook."""
    last = None
    for at, facts in _moments(stage, newses, now):
        scene = _scene(stage.look(at, facts), at)
        if last is None or scene[1:4] != last[1:4]:
            last = scene
            yield scene


def _moments(stage: _Run, newses: Sequence[News], now: datetime) -> Iterator[tuple[datetime, tuple[Fact, ...]]]:
    """Yield the times to look: at each arrival, and at the timers of the rules.

    The policy's answer to a request is seen before a person has decided, even in the same moment.
    """
    for at, arrivals in groupby(newses, key=lambda news: news.at):
        yield from stage.due(at)
        facts = [news.fact for news in arrivals]
        decided = tuple(fact for fact in facts if isinstance(fact, RefundDecided))
        yield at, tuple(fact for fact in facts if not isinstance(fact, RefundDecided)) if decided else tuple(facts)
        if decided:
            yield at, decided
    yield from stage.due(max(now, newses[-1].at if newses else now) + OUTLOOK)


class _Run:
    """Run of one account under one policy, in a world where every warning is delivered at once."""

    def __init__(self, terms: Terms) -> None:
        self._terms = replace(terms, can_look=frozenset())
        self._account = Account(id="")
        self._next: datetime | None = None
        self._looks = 0
        self.rulings: dict[str, Ruling] = {}
        """The answer to each request, by its id."""

    def look(self, at: datetime, facts: tuple[Fact, ...]) -> Decision:
        """Decide at a moment, and keep the consequences."""
        facts = tuple(self._promised(fact) if isinstance(fact, RefundRequested) else fact for fact in facts)
        decision = decide(self._account, facts, self._terms, at)
        delivered = [item for fact in decision.facts for item in _delivered(fact)]
        book = decision.account.book
        self._account = evolve(decision.account, book=book.with_facts(delivered)) if delivered else decision.account
        self._next = min((timer.due_at for timer in decision.state.timers), default=None)
        self._looks += 1
        for item in decision.state.refunds:
            if item.key not in self.rulings:
                self.rulings[item.key] = ruling(item)
        return decision

    def due(self, until: datetime) -> Iterator[tuple[datetime, tuple[Fact, ...]]]:
        """Yield the moments at which the rules want to look again."""
        while self._next is not None and self._next <= until and self._looks < _MAX_DECISIONS:
            yield self._next, ()

    def _promised(self, fact: RefundRequested) -> RefundRequested:
        return promised_anew(fact, self._account.book, self._terms, self._account.zone(self._terms))


def _delivered(fact: OwnFact) -> Iterator[OwnFact]:
    if isinstance(fact, NoticeReported) and fact.kind == notices.WARNING:
        for kind in (notices.WARNING, notices.WARNING_CALLBACK):
            yield evolve(fact, kind=kind, outcome=Outcome.DONE)


def _scene(decision: Decision, at: datetime) -> Scene:
    state, principal = decision.state, decision.principal
    owed: dict[str, int] = {}
    for case in state.cases:
        if (case.open or case.holds) and case.currency is not None:
            owed[case.currency] = owed.get(case.currency, 0) + case.amount_due
    return Scene(
        at=at,
        standing=state.standing,
        plan=state.plan,
        access=state.access,
        rule=principal.rule if principal else "",
        clause=principal.clause if principal else "",
        owed=tuple(sorted(owed.items())),
    )


def _is_others(fact: Fact) -> bool:
    """Whether a fact came from a provider or an operator, and is no consequence."""
    if isinstance(fact, ProviderFact):
        return True
    return bool(getattr(fact, "actor", "")) and not isinstance(fact, VersionApplied)


def _is_echo(news: News, book: Book) -> bool:
    """Whether a snapshot shows the cancellation that we ourselves had asked for."""
    fact = news.fact
    if not isinstance(fact, SubscriptionSeen) or fact.status not in _GONE or fact.key not in book.renewals:
        return False
    before = [turn for turn in book.renewals[fact.key].turns if turn.asked.at <= news.at]
    return bool(before) and before[-1].cause is not None


def _in_trouble(book: Book) -> bool:
    failed = any(invoice.failures for invoices in book.invoices.values() for invoice in invoices.known.values())
    return failed or bool(book.cases) or any(sub.was_unpaid for sub in book.subscriptions.values())


def _is_disputed(book: Book) -> bool:
    orders = any(order.fraudulent_at or order.refunded_at for order in book.orders.values())
    return bool(book.disputes) or orders or any(invoices.refunded for invoices in book.invoices.values())


def _has_asked_for_a_refund(book: Book) -> bool:
    return bool(book.refund_requests)


def _has_changed_plan(book: Book) -> bool:
    return any(len(sub.terms) > 1 for sub in book.subscriptions.values())


def _anything(_: Book) -> bool:
    return True


_KNOWS: Mapping[str, Callable[[Book], bool]] = {
    "dunning": _in_trouble,
    "dispute": _is_disputed,
    "plan_change": _has_changed_plan,
    "refund": _has_asked_for_a_refund,
    "overrides": lambda _: False,
}
"""Whether an account has facts that a table's rules are about; the table of approvals changes no outcome."""
