"""Calls to the provider that a person made instead: the action ends, and its account hears the outcome.

What the provider reports afterwards is matched to our own step, as if a worker had made the call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kulanz.crypto import places
from kulanz.documents.standing import OutgoingAction
from kulanz.errors import NotFoundError, RefusedError
from kulanz.formats.messages import Message, message
from kulanz.policy.consequences.effects import reported
from kulanz.policy.effects import Effect
from kulanz.policy.facts import Outcome
from kulanz.policy.state import Decision
from kulanz.processing.decision_log import Cause
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import accounts, audit_log, codec, outbox
from kulanz.store.database import Connection
from kulanz.store.outbox import PROVIDER_CALLS, EffectRow

_GONE = message("{account}: the account was closed and its data were destroyed")
_TRIED_NOW = message("{effect} is tried again at this moment: look at its outcome first")
Then = Callable[[Connection, EffectRow], None]
"""Additional work in the transaction that records it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneByHand:
    """Command: a person made a call to the provider that waits for one."""

    effect: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The outgoing action afterwards, and the consequences for its account."""

    row: EffectRow
    effect: Effect
    decision: Decision


def _nothing(_: Connection, __: EffectRow) -> None:
    """Do nothing else."""


def record(
    services: Services, word: DoneByHand, actor: str, *, dry_run: bool = False, then: Then = _nothing
) -> Recorded:
    """Record a call that a person made; with `dry_run` return the consequences and write nothing."""
    services.vault.prepare()
    with services.database.write() as tx:
        row = _waiting(tx, word.effect)
        unit_of_work = UnitOfWork(services, tx, services.clock.now(tx))
        unit_of_work.lock([row.account])
        if unit_of_work.is_erased(row.account):
            raise RefusedError(_GONE.given(account=row.account))
        effect = _opened(services, tx, row)
        book = unit_of_work.account(row.account).book
        facts = tuple(reported(effect, Outcome.DONE, unit_of_work.now, book))
        if not dry_run and not outbox.done_by_hand(tx, row.id, real_now()):
            raise RefusedError(_TRIED_NOW.given(effect=row.id))
        decision = unit_of_work.decide(row.account, facts, Cause(kind="command", name="DoneByHand", ref=actor))
        if not dry_run:
            unit_of_work.save()
            detail = f"{row.type} {row.id}: {word.reason}"
            audit_log.record(tx, at=real_now(), actor=actor, act="done by hand", subject=row.account, detail=detail)
            row = outbox.get(tx, row.id) or row
            then(tx, row)
    if not dry_run:
        services.notifier.notify()
    return Recorded(row=row, effect=effect, decision=decision)


def document(row: EffectRow) -> OutgoingAction:
    """Return an outgoing action's document in the API."""
    return OutgoingAction.of(row, account_id=row.account or None)


def _waiting(tx: Connection, ident: str) -> EffectRow:
    row = outbox.get(tx, ident)
    if row is None:
        raise NotFoundError(message("no outgoing action {effect}", effect=repr(ident)))
    if row.kind not in PROVIDER_CALLS:
        raise RefusedError(message("{effect} is no call to the provider: only that is done by hand", effect=ident))
    if not row.may_be_done_by_hand:
        raise RefusedError(
            message("{effect} is {state}: it does not wait for a person", effect=ident, state=Message(text=row.state))
        )
    return row


def _opened(services: Services, tx: Connection, row: EffectRow) -> Effect:
    """Return the effect of a row; the account's lock keeps its key."""
    key = accounts.data_key(tx, row.account)
    if key is None:
        raise RefusedError(_GONE.given(account=row.account))
    data_key = services.vault.data_key(key, row.account)
    return codec.read_effect(row.kind, data_key.open(row.payload, places.effect(row.account, row.id)))
