"""Renewals as an area of the policy: what other areas want stopped is cancelled at the provider, and resumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import ClassVar

from kulanz.policy import facts as f
from kulanz.policy.areas.area import Area, Asks, Line
from kulanz.policy.areas.renewals import overdue, stops
from kulanz.policy.book import Book
from kulanz.policy.effects import CancelSubscription, Effect, ResumeSubscription
from kulanz.policy.facts import Outcome, OwnFact
from kulanz.policy.identity import effect_id
from kulanz.policy.state import Change, Decision, Moment, State, Timer, Transition


def _stopped(fact: f.RenewalStopped, step: Transition) -> Change:
    return step.of_act("renewal.stopped", 4, fact.subscription, subscription=fact.subscription)


def _resumed(fact: f.RenewalResumed, step: Transition) -> Change:
    return step.of_act("renewal.resumed", 4, fact.subscription, subscription=fact.subscription)


def _stop(fact: f.RenewalStopped, decision: Decision) -> Iterator[Effect]:
    ident = effect_id(decision.account.id, "cancel", fact.subscription, fact.step)
    yield CancelSubscription(id=ident, subscription=fact.subscription, cause=fact.cause, step=fact.step)


def _resume(fact: f.RenewalResumed, decision: Decision) -> Iterator[Effect]:
    """Resume a subscription; a trial that still runs needs its end sent to the provider again."""
    seen = decision.account.book.subscriptions[fact.subscription].seen
    trial = seen.trial_ends_at if seen.trial_ends_at and seen.trial_ends_at > decision.state.as_of else None
    ident = effect_id(decision.account.id, "resume", fact.subscription, fact.step)
    yield ResumeSubscription(id=ident, subscription=fact.subscription, step=fact.step, trial_ends_at=trial)


class RenewalsArea(Area):
    """Stops renewals at the provider for `State.renewal_stops`, and resumes them when no reason is left."""

    families: ClassVar[tuple[str, ...]] = ("subscriptions",)
    lines: ClassVar[Mapping[type[OwnFact], Line]] = {f.RenewalStopped: _stopped, f.RenewalResumed: _resumed}
    asks: ClassVar[Mapping[type[OwnFact] | str, Asks]] = {f.RenewalStopped: _stop, f.RenewalResumed: _resume}

    def awaited(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the renewals that are awaited."""
        return overdue.found(draft, book, moment) if draft.grants else draft

    def due(self, state: State, book: Book, moment: Moment) -> Iterable[OwnFact]:
        """Return the cancellations that are due, those to take back, and the re-checks of overdue renewals."""
        stopped = stops.due(state, book, moment.at) if state.renewal_stops or book.renewals else ()
        return [*stopped, *overdue.due(state, book, moment)] if state.overdue else stopped

    def timers(self, state: State, book: Book, moment: Moment) -> Iterable[Timer]:
        """Return when a silent renewal has to be looked at."""
        return overdue.timers(state, book, moment)

    def alerts(self, state: State, book: Book, moment: Moment) -> Iterable[tuple[str, str]]:
        """Return the subscriptions that cannot be resumed, and the silent renewals."""
        if not (book.renewals or state.overdue):
            return ()
        stuck = stops.beyond_resuming(state, book, moment.at)
        return [*((key, "resume_impossible") for key in stuck), *overdue.alerts(state, book, moment)]

    def still_wanted(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether there still is a reason to stop a renewal, or none to keep it stopped."""
        match effect:
            case CancelSubscription():
                return effect.subscription in stops.stops_wanted(state)
            case ResumeSubscription():
                return effect.subscription not in stops.stops_wanted(state)
            case _:
                return None

    def reported(self, effect: Effect, outcome: Outcome, at: datetime, book: Book) -> Iterator[OwnFact]:
        """Yield the outcome of a call to the provider, with what was known of the subscription then."""
        match effect:
            case CancelSubscription(subscription=key, step=step):
                sub = book.subscriptions.get(key)
                seen = sub.alive_at if sub else None
                yield f.RenewalStopped(
                    subscription=key, cause=effect.cause, step=step, at=at, outcome=outcome, seen=seen
                )
            case ResumeSubscription(subscription=key, step=step):
                sub = book.subscriptions.get(key)
                seen = sub.seen.stamp.at if sub else None
                yield f.RenewalResumed(subscription=key, step=step, at=at, outcome=outcome, seen=seen)
            case _:
                pass
