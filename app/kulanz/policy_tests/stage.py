"""A single account: facts are decided as they come, and outgoing actions carried out at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace as evolve

from kulanz.policy import facts as f
from kulanz.policy.assess import assess
from kulanz.policy.consequences import effects
from kulanz.policy.decide import decide
from kulanz.policy.effects import (
    AlertOperators,
    CancelSubscription,
    Effect,
    LookUpSubscription,
    Notify,
    ResumeSubscription,
    SendLetter,
    SendMail,
)
from kulanz.policy.facts import Fact, Outcome, Status
from kulanz.policy.state import Account, Decision, Moment, Situation, State, Terms

Decide = Callable[..., Decision]


@dataclass(kw_only=True)
class Stage:
    """A stage: one account, a clock, a postman and a provider. Decides facts and carries out actions as they come."""

    terms: Terms
    now: datetime
    account: Account = field(default_factory=lambda: Account(id="org_42"))
    situation: Situation = field(default_factory=Situation)
    decide: Decide = decide
    mail: Outcome | None = Outcome.DONE
    """The outcome of mails; None: they stay on the way."""
    letter: Outcome | None = Outcome.DONE
    callback: Outcome | None = Outcome.DONE
    cancel: Outcome | None = Outcome.DONE
    resume: Outcome | None = Outcome.DONE
    answer: Status | None = Status.PAST_DUE
    """The provider's answer to a look; None: no answer."""
    done: list[tuple[datetime, Effect]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    last: State | None = None

    def hear(self, *facts: Fact, at: datetime | None = None) -> Decision:
        """Apply facts, now or at a later time; timers that are due before then fire first."""
        if at is not None:
            self.wait(at)
        decision = self._decided(facts)
        self.carry_out(decision.effects)
        return decision

    def wait(self, until: datetime) -> None:
        """Go from due time to due time, as the clock does."""
        while (due := self.next_due()) is not None and due <= until:
            self.jump(due)
        self.now = max(self.now, until)

    def jump(self, to: datetime) -> Decision:
        """Look again at a time, as after an outage."""
        self.now = max(self.now, to)
        return self.hear()

    def next_due(self) -> datetime | None:
        """Return the time of the next timer."""
        return min((timer.due_at for timer in self.last.timers), default=None) if self.last else None

    @property
    def state(self) -> State:
        """Assessment of the account now."""
        return assess(self.account.book, self.terms, self.account.zone(self.terms), self.now)

    @property
    def moment(self) -> Moment:
        """The moment and the terms of the assessment."""
        return Moment(self.terms, self.account.zone(self.terms), self.now)

    @property
    def mails(self) -> list[str]:
        """The notices that went out by mail, in order."""
        return [effect.notice for _, effect in self.done if isinstance(effect, SendMail)]

    @property
    def callbacks(self) -> list[str]:
        """The types of the callbacks to the product."""
        return [effect.type for _, effect in self.done if isinstance(effect, Notify)]

    @property
    def alerts(self) -> list[str]:
        """The topics of the alerts to operators."""
        return [effect.topic for _, effect in self.done if isinstance(effect, AlertOperators)]

    @property
    def cancelled(self) -> list[str]:
        """The subscriptions whose renewal we stopped at the provider."""
        return [effect.subscription for _, effect in self.done if isinstance(effect, CancelSubscription)]

    def _decided(self, facts: Iterable[Fact]) -> Decision:
        decision = self.decide(self.account, tuple(facts), self.terms, self.now, self.situation)
        sequence = self.account.sequence + decision.changed
        self.account = evolve(decision.account, sequence=sequence)
        self.last = decision.state
        self.decisions.append(decision)
        return decision

    def carry_out(self, effects: Iterable[Effect]) -> None:
        """Carry out outgoing actions, and decide about their outcomes in turn."""
        waiting = list(effects)
        while waiting:
            effect = waiting.pop(0)
            facts = self._attempt(effect)
            if facts:
                waiting.extend(self._decided(facts).effects)

    def _attempt(self, effect: Effect) -> tuple[Fact, ...]:
        book = self.account.book
        if not effects.still_wanted(effect, self.state, book):
            return effects.reported(effect, Outcome.WITHDRAWN, self.now, book)
        self.done.append((self.now, effect))
        if isinstance(effect, LookUpSubscription):
            return (f.SubscriptionLookedUp(subscription=effect.subscription, at=self.now, status=self.answer),)
        outcome = self._outcome(effect)
        return effects.reported(effect, outcome, self.now, book) if outcome else ()

    def _outcome(self, effect: Effect) -> Outcome | None:
        match effect:
            case SendMail():
                return self.mail
            case SendLetter():
                return self.letter
            case CancelSubscription():
                return self.cancel
            case ResumeSubscription():
                return self.resume
            case Notify():
                return self.callback
            case _:
                return Outcome.DONE
