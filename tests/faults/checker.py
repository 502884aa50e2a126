"""Compares what was acknowledged with what is stored, and what was decided with what the far ends saw."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from email.message import EmailMessage
from hashlib import sha256
from random import Random

import msgspec
from sqlalchemy import select

from kulanz.queries.replay.replay import replay
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import accounts, ledger, timers
from kulanz.store.inbox.events import key_of, number_of
from kulanz.store.tables import decisions, effects, inbox
from tests.fake_servers import Received
from tests.faults.load import Answered
from tests.faults.stories import Story
from tests.provider_server import Call

SETTLED = frozenset({"handled", "ignored"})
VISIBLE = frozenset({"done", "unknown", "parked", "todo"})
"""An effect that went out, or that operators see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the far ends saw, in order."""

    mails: Sequence[EmailMessage]
    callbacks: Sequence[Received]
    calls: Sequence[Call]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The promise in counters: each names what broke it, and is empty where it was kept."""

    lost: tuple[str, ...] = ()
    """Acknowledged, and not there as it was sent."""
    duplicated_effect: tuple[str, ...] = ()
    """Done twice by its own measure (I11): a mail sent again, a call repeated unread, a change told under two ids."""
    missing_effect: tuple[str, ...] = ()
    """Decided or due, and neither done nor shown to operators."""
    stale_overwrite: tuple[str, ...] = ()
    """An account that is not what its facts say, or whose chain of decisions is broken."""
    stranded: tuple[str, ...] = ()
    """Not done, though there was time: an event that is neither applied nor parked, a timer, an effect."""

    @property
    def counters(self) -> dict[str, int]:
        return {each.name: len(getattr(self, each.name)) for each in fields(self)}

    @property
    def kept(self) -> bool:
        return not any(self.counters.values())


def check(services: Services, taken: Sequence[Answered], stories: Sequence[Story], seen: Seen, seed: int) -> Verdict:
    """Judge a run whose work is done."""
    outbox = _outbox(services)
    return Verdict(
        lost=tuple(_lost(services, taken)),
        duplicated_effect=(*_sent_twice(seen), *_told_twice(stories, seen), *_called_unread(seen.calls)),
        missing_effect=(
            *_never_recorded(services, outbox),
            *_never_done(outbox, seen),
            *_unseen(stories, outbox, seen),
        ),
        stale_overwrite=(*_differing(services, seed), *_broken_chains(services)),
        stranded=tuple(stranded(services)),
    )


def stranded(services: Services) -> Iterator[str]:
    """Name what is still to be done, or will never be."""
    with services.database.read() as conn:
        open_events = select(inbox.c.id, inbox.c.state, inbox.c.reason).where(inbox.c.state.not_in(SETTLED))
        for event in conn.execute(open_events):
            if event.state != "parked" or not event.reason:
                yield f"evt_{event.id} is {event.state}"
        pending = select(effects.c.id, effects.c.type, effects.c.lease_until).where(effects.c.state == "pending")
        for effect in conn.execute(pending):
            yield f"{effect.type} {effect.id} is pending" + (", leased" if effect.lease_until else "")
        for timer in timers.due(conn, services.clock.now(conn), 10):
            yield f"{timer.kind} of {timer.account} was due {real_now() - timer.due_at} ago"


def letter_of(effect: str) -> str:
    """Return the part of a mail's Message-ID that tells which effect it is."""
    return sha256(effect.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    id: str
    account: str
    kind: str
    type: str
    state: str


def _outbox(services: Services) -> list[_Effect]:
    columns = [effects.c[each.name] for each in fields(_Effect)]
    with services.database.read() as conn:
        return [_Effect(**row._mapping) for row in conn.execute(select(*columns))]


def _lost(services: Services, taken: Iterable[Answered]) -> Iterator[str]:
    columns = select(inbox.c.id, inbox.c.sha256, inbox.c.delivery_key, inbox.c.content_key)
    kept: dict[int | bytes, str] = {}
    with services.database.read() as conn:
        for row in conn.execute(columns):
            kept |= dict.fromkeys((row.id, row.delivery_key, row.content_key), row.sha256.hex())
    for answer in taken:
        ident, existing = answer.document["event"], answer.document["status"] == "duplicate"
        key = key_of(ident)
        digest = kept.get(number_of(ident) if key is None else key)
        existing = existing or key is not None
        if digest is None or (digest != answer.digest and not existing) or answer.document["sha256"] != answer.digest:
            yield ident


def _sent_twice(seen: Seen) -> Iterator[str]:
    letters = Counter(str(mail["Message-ID"]) for mail in seen.mails)
    yield from (f"mail {ident}" for ident, times in letters.items() if times > 1)


def _told_twice(stories: Iterable[Story], seen: Seen) -> Iterator[str]:
    """Every notice and every callback that a story wants has one case and one step there, so one id."""
    wanted = {str(story.purchase.account): story for story in stories}
    mails = Counter(_notice(mail) for mail in seen.mails)
    for (account, notice), times in mails.items():
        if times > 1 and account in wanted and notice != "ops_alert":
            yield f"{notice} to {account}, {times} times"
    ids: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for request in seen.callbacks:
        document = json.loads(request.body)
        ids[document["data"]["account_id"], document["type"]].add(request.headers["webhook-id"])
    for (account, kind), names in ids.items():
        if len(names) > 1 and account in wanted and kind in wanted[account].callbacks:
            yield f"{kind} of {account}, under {len(names)} ids"


def _called_unread(calls: Iterable[Call]) -> Iterator[str]:
    """A call that changes something has to come after a reading of its own."""
    read: Counter[str] = Counter()
    for call in calls:
        if call.method == "GET":
            read[call.path] = 1
        elif not read.pop(call.path, 0):
            yield f"{call.method} {call.path} without a GET before it"


def _never_recorded(services: Services, outbox: Sequence[_Effect]) -> Iterator[str]:
    recorded = {effect.id for effect in outbox}
    with services.database.read() as conn:
        stated = [msgspec.json.decode(text) for text in conn.execute(select(decisions.c.effects)).scalars()]
    for effect in (each for decision in stated for each in decision):
        parts = (effect["id"], f"{effect['id']}.mail", f"{effect['id']}.callback")
        if recorded.isdisjoint(parts):
            yield f"{effect['type']} {effect['id']} is not in the outbox"


def _never_done(outbox: Sequence[_Effect], seen: Seen) -> Iterator[str]:
    letters = {str(mail["Message-ID"]).strip("<>").partition("@")[0] for mail in seen.mails}
    stated = {request.headers["webhook-id"] for request in seen.callbacks}
    for effect in outbox:
        if effect.state != "done":
            continue
        if effect.kind == "SendMail" and letter_of(effect.id) not in letters:
            yield f"mail {effect.type} {effect.id} is called done"
        if effect.kind == "Notify" and effect.id not in stated:
            yield f"callback {effect.type} {effect.id} is called done"


def _unseen(stories: Iterable[Story], outbox: Sequence[_Effect], seen: Seen) -> Iterator[str]:
    """What a story must bring about went out, or operators see why not."""
    visible = {(effect.account, effect.type) for effect in outbox if effect.state in VISIBLE - {"done"}}
    mailed = {_notice(mail) for mail in seen.mails}
    stated = {
        (document["data"]["account_id"], document["type"])
        for document in (json.loads(request.body) for request in seen.callbacks)
    }
    ended = {call.path.rpartition("/")[2] for call in seen.calls if call.method == "DELETE"}
    for story in stories:
        account = str(story.purchase.account)
        yield from (f"{name} to {account}" for name in story.mails if (account, name) not in mailed | visible)
        yield from (f"{name} of {account}" for name in story.callbacks if (account, name) not in stated | visible)
        if story.cancelled and str(story.purchase.subscription) not in ended and (account, "cancel") not in visible:
            yield f"the renewal of {account} goes on"


def _notice(mail: EmailMessage) -> tuple[str, str]:
    return str(mail["X-Kulanz-Account"]), str(mail["X-Kulanz-Notice"])


def _differing(services: Services, seed: int) -> Iterator[str]:
    for finding in replay(services, shuffle=Random(seed)):
        if finding.differs:
            yield f"{finding.account} differs in {', '.join(finding.differs)}"


def _broken_chains(services: Services) -> Iterator[str]:
    after = None
    with services.database.read() as conn:
        while page := accounts.ids(conn, after, 500):
            for account in page:
                place = ledger.verify(conn, account)
                if place is not None:
                    yield f"the decisions of {account} break at {place}"
            after = page[-1]
