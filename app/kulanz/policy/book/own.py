"""Records of our own acts: promises, notices, calls to the provider, operators' exceptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct, field

from kulanz.policy import facts as f
from kulanz.policy.book.joining import join_maps, newest, union
from kulanz.policy.facts import Outcome

_OUTCOMES = {outcome: rank for rank, outcome in enumerate(Outcome)}


class CaseLog(Struct, frozen=True, kw_only=True):
    """Our promises and steps in one dunning case. Steps are keyed by the beginning of their case."""

    promised: datetime | None = None
    held_for: datetime | None = None
    held_at: datetime | None = None
    verified: bool = False
    hold_until: datetime | None = None
    exhausted_for: datetime | None = None
    exhausted_at: datetime | None = None
    waived_for: datetime | None = None
    absorbed: tuple[str, ...] = ()
    """The cases that merged into this one."""
    paused: tuple[tuple[datetime, datetime], ...] = ()
    """The time spans in which disputes stopped the clock of its dunning letters."""

    def join(self, other: CaseLog) -> CaseLog:
        """Keep the latest promise and the latest of each act."""
        return CaseLog(
            promised=newest(self.promised, other.promised),
            held_for=newest(self.held_for, other.held_for),
            held_at=newest(self.held_at, other.held_at),
            verified=self.verified or other.verified,
            hold_until=newest(self.hold_until, other.hold_until),
            exhausted_for=newest(self.exhausted_for, other.exhausted_for),
            exhausted_at=newest(self.exhausted_at, other.exhausted_at),
            waived_for=newest(self.waived_for, other.waived_for),
            absorbed=union(self.absorbed, other.absorbed),
            paused=union(self.paused, other.paused),
        )


class RequestLog(Struct, frozen=True, kw_only=True):
    """A request that we sent once: when, and its outcome."""

    at: datetime
    outcome: Outcome
    outcome_at: datetime
    seen: datetime | None = None
    """Our knowledge of the provider, or the deadline that we announced."""

    def join(self, other: RequestLog) -> RequestLog:
        """Keep the first time of asking and the outcome that ranks highest."""
        ours, theirs = _OUTCOMES[self.outcome], _OUTCOMES[other.outcome]
        mine = ours > theirs or (ours == theirs and self.outcome_at <= other.outcome_at)
        best = self if mine else other
        return RequestLog(
            at=min(self.at, other.at),
            outcome=best.outcome,
            outcome_at=best.outcome_at,
            seen=newest(self.seen, other.seen),
        )


class NoticeLog(Struct, frozen=True, kw_only=True):
    """The notices about one case, dispute or subscription, by `kind|step`."""

    sent: Mapping[str, RequestLog]

    def join(self, other: NoticeLog) -> NoticeLog:
        """Join notice by notice."""
        return NoticeLog(sent=join_maps(self.sent, other.sent))

    def get(self, kind: str, step: int) -> RequestLog | None:
        """Return the outcome of one notice."""
        return self.sent.get(f"{kind}|{step}")

    def of(self, kind: str) -> Iterator[tuple[int, RequestLog]]:
        """Yield the steps of one kind."""
        for name, request_log in self.sent.items():
            existing, _, step = name.rpartition("|")
            if existing == kind:
                yield int(step), request_log


class RenewalStep(Struct, frozen=True, kw_only=True):
    """A step of ours at the provider: stopping a renewal for a cause, or (no cause) resuming it."""

    step: int
    cause: str | None
    asked: RequestLog


class RenewalLog(Struct, frozen=True, kw_only=True):
    """Our requests to the provider about the renewal of one subscription, in the order of asking."""

    turns: tuple[RenewalStep, ...]

    def join(self, other: RenewalLog) -> RenewalLog:
        """Join turn by turn."""
        existing = {(turn.step, turn.cause or ""): turn for turn in self.turns}
        for turn in other.turns:
            key = (turn.step, turn.cause or "")
            same = existing.get(key)
            existing[key] = (
                turn
                if same is None
                else RenewalStep(step=turn.step, cause=turn.cause, asked=same.asked.join(turn.asked))
            )
        return RenewalLog(turns=tuple(existing[key] for key in sorted(existing)))

    @property
    def next_step(self) -> int:
        """The number of the next act."""
        return self.turns[-1].step + 1 if self.turns else 1


class Lookups(Struct, frozen=True, kw_only=True):
    """Our look-ups of one subscription at the provider, with the answers."""

    asked: tuple[tuple[datetime, datetime], ...] = ()
    """The time, and the provider's time of the newest sign of non-payment that was known then."""
    answers: tuple[tuple[datetime, str], ...] = ()
    """The status in each answer, an empty text where there was none."""

    def join(self, other: Lookups) -> Lookups:
        """Keep every question and every answer."""
        return Lookups(asked=union(self.asked, other.asked), answers=union(self.answers, other.answers))


class OverrideRecord(Struct, frozen=True, kw_only=True):
    """An operator's exception; the same id is the same exception."""

    set: f.OverrideSet

    def join(self, other: OverrideRecord) -> OverrideRecord:
        """Keep the later word under one id."""
        return (
            self
            if self == other
            else max(self, other, key=lambda override_record: (override_record.set.at, repr(override_record.set)))
        )


class LiftedHold(Struct, frozen=True, kw_only=True):
    """The time until which a hold is lifted by an operator's reinstatement."""

    until: datetime

    def join(self, other: LiftedHold) -> LiftedHold:
        """Keep the later end."""
        return max(self, other, key=lambda lifted: lifted.until)


class FirstTime(Struct, frozen=True, kw_only=True):
    """The first time at which something was said or learned."""

    at: datetime

    def join(self, other: FirstTime) -> FirstTime:
        """Keep the first time."""
        return min(self, other, key=lambda first_time: first_time.at)


class AddressLog(Struct, frozen=True, kw_only=True):
    """The newest language, time zone and country, each with its time."""

    words: Mapping[str, tuple[datetime, str]] = field(default_factory=dict)

    def join(self, other: AddressLog) -> AddressLog:
        """Keep the newest word of each name."""
        words = dict(self.words)
        for name, word in other.words.items():
            words[name] = max(words.get(name, word), word)
        return AddressLog(words=words)
