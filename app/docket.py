"""The accounts of one transaction: taken from the store under lock, decided about in memory, put back in bulk."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from app import brake, coding, metrics
from app.clock import real_now
from app.errors import RefusedError
from app.gateway import spread
from app.keeping import erasure
from app.keeping.erasure import Closing
from app.listings import Listings
from app.outgoing import effect_row, type_of
from app.policy import dunning, fairness
from app.policy.assess import assess
from app.policy.book import Book
from app.policy.decide import decide
from app.policy.document import Policy
from app.policy.effects import Effect, Notify
from app.policy.facts import Fact, Outcome
from app.policy.model import Access, Account, Change, Decision, Moment, Situation, Standing, State, Terms
from app.policy.outcomes import reported, still_wanted
from app.policy.quick import changed
from app.services import Services
from app.store import accounts, bindings, erasing, inbox, journal, ledger, outbox, timers
from app.store.accounts import AccountRow
from app.store.database import Connection
from app.store.journal import JournalRow
from app.store.ledger import Chained, DecisionRow
from app.store.outbox import EffectRow
from app.store.timers import TimerRow
from app.vault import DataKey

_AT_THE_PROVIDER = frozenset({"CancelSubscription", "ResumeSubscription", "RefundPayment", "DisableLicence"})
_BLANK = Book()


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What made us look at an account: an event, a timer, a command, or the outcome of an effect."""

    kind: str
    name: str
    ref: str | None = None


@dataclass(slots=True)
class _Folder:
    """One account on the docket."""

    row: AccountRow
    key: DataKey
    account: Account
    signed_at: int
    """How many decisions the stored signature covers."""
    state: State | None = None


class Docket:
    """Decides about accounts within `tx`. Nothing is written before `put_back`, so dropping a docket is a dry run."""

    def __init__(self, services: Services, tx: Connection, now: datetime) -> None:
        self.now = now
        self._services = services
        self._tx = tx
        self.terms: Terms = services.terms(tx, now)
        self._folders: dict[str, _Folder] = {}
        self._parked: frozenset[str] = frozenset()
        self._holds_left: float | None = None
        self._braked = False
        self._taken: list[bool] = []
        self._journal: list[JournalRow] = []
        self._decisions: list[Chained] = []
        self._effects: list[EffectRow] = []
        self._withdrawn: dict[str, EffectRow] = {}
        self._names: dict[str, str] = {}
        self._listings = Listings(services)

    def take(self, names: Collection[str]) -> None:
        """Take accounts under lock, making those that do not exist."""
        wanted = [name for name in names if name not in self._folders]
        if not wanted:
            return
        rows = accounts.lock(self._tx, wanted, self._services.vault.new_data_key)
        for name, row in rows.items():
            self._folders[name] = self._folders.get(row.id) or self._open(row)
            self._folders[row.id] = self._folders[name]
        self._parked |= inbox.parked_accounts(self._tx, [row.id for row in rows.values()])

    def name(self, name: str) -> str:
        """Return the id of an account that has been taken, whatever alias it was taken by."""
        return self._folders[name].row.id

    def erased(self, name: str) -> bool:
        """Whether an account that has been taken was closed for good: nothing is decided about it any more."""
        return self._folders[name].row.key is None

    def account(self, name: str) -> Account:
        """Return an account as it is now."""
        return self._folders[name].account

    def know(self, policy: Policy) -> None:
        """Know a version of the policy that may not be stored yet, so that facts may name it."""
        self.terms = replace(self.terms, versions={**self.terms.versions, policy.version: policy})

    def state(self, name: str) -> State:
        """Return all that follows for an account from what is known of it now."""
        account = self.account(name)
        return assess(account.book, self.terms, account.zone(self.terms), self.now)

    def seal(self, name: str, plain: bytes) -> bytes:
        """Seal with the account's own key."""
        return self._folders[name].key.seal(plain)

    def join(self, old: str, new: str, cause: Cause) -> None:
        """Let a provisional account become another name of `new`: what is known of it is known of `new`."""
        self.take([old, new])
        gone, heir = self._folders[old], self._folders[new]
        if gone is heir or self.erased(old) or self.erased(new):
            return
        version = max(heir.account.version, gone.account.version)
        book = heir.account.book.join(gone.account.book)
        heir.account = replace(heir.account, version=version)
        accounts.make_alias(self._tx, old, heir.row.id)
        self._listings.leave(old)
        timers.replace(self._tx, {old: []})
        self._folders[old] = heir
        self.decide(new, (), cause, book_joined=book)

    def decide(self, name: str, facts_heard: Iterable[Fact], cause: Cause, *, book_joined: Any = None) -> Decision:
        """Decide about one account, and keep what follows for `put_back`."""
        folder = self._folders[name]
        if folder.row.key is None:
            raise RefusedError(f"{name}: {erasing.GONE}")
        heard = tuple(facts_heard)
        if book_joined is not None:
            folder.account = replace(folder.account, book=book_joined)
        decision = self._decided(folder, heard)
        self._listings.note(decision, heard, folder.account.book, self.now)
        folder.state = decision.state
        folder.account = decision.account
        if decision.changed:
            self._record(folder, decision, cause)
            self._judge(decision)
        self._remember(folder, decision, cause, heard)
        if folder.account.book.renewals or folder.account.book.refund_requests:
            self._withdraw_todos(name, folder)
        return decision

    def put_back(self) -> None:
        """Write everything that was decided."""
        folders = {id(folder): folder for folder in self._folders.values() if folder.state is not None}.values()
        if not folders:
            return
        tx = self._tx
        accounts.save(tx, [self._signed(_row(folder), folder) for folder in folders])
        timers.replace(tx, {folder.row.id: _timers(folder) for folder in folders})
        if self._decisions:
            ledger.write(tx, self._decisions)
        if self._journal:
            journal.append(tx, self._journal)
        if self._effects:
            outbox.add(tx, self._effects)
        for row in self._withdrawn.values():
            outbox.finish(tx, row.id, "withdrawn", attempts=row.attempts, done_at=real_now())
        if self._names:
            bindings.bind(tx, self._names)
        if self._braked:
            brake.put_on(tx, self.now)
        self._listings.write(tx)
        if self._taken:
            metrics.HOLDS.inc(len(self._taken))
            metrics.VIOLATIONS.inc(sum(self._taken))
        self._destroy_closed(folders)

    def _destroy_closed(self, folders: Iterable[_Folder]) -> None:
        for folder in folders:
            if folder.state is not None and folder.state.closed_at is not None:
                self._destroy(folder)

    def _destroy(self, folder: _Folder) -> None:
        """Destroy what is personal of an account that is closed now, in the transaction that closes it."""
        row = accounts.exactly(self._tx, folder.row.id)
        if row is not None:
            closing = Closing(row=row, account=folder.account, terms=self.terms, now=self.now)
            erasure.destroy(self._services, self._tx, closing)

    def _signed(self, row: AccountRow, folder: _Folder) -> AccountRow:
        """Sign where the chain ends now, if it has grown."""
        if row.seq == folder.signed_at:
            return row
        signature = self._services.vault.signet.sign(ledger.statement(row.id, row.seq, row.head))
        return msgspec.structs.replace(row, signature=signature)

    def _withdraw_todos(self, name: str, folder: _Folder) -> None:
        """Take back what a person was to do or to mend at the provider, once nothing wants it any more."""
        withdrawn: list[Fact] = []
        waiting = [row for state in ("todo", "parked") for row in outbox.listing(self._tx, state, folder.row.id)]
        for row in (row for row in waiting if row.kind in _AT_THE_PROVIDER):
            effect = coding.read_effect(row.kind, folder.key.open(row.payload))
            unwanted = folder.state is not None and not still_wanted(effect, folder.state, folder.account.book)
            if unwanted and row.id not in self._withdrawn:
                self._withdrawn[row.id] = row
                withdrawn.extend(reported(effect, Outcome.WITHDRAWN, self.now, folder.account.book))
        if withdrawn:
            self.decide(name, withdrawn, Cause(kind="effect", name="withdrawn"))

    def _open(self, row: AccountRow) -> _Folder:
        vault = self._services.vault
        key = vault.data_key(row.key or vault.new_data_key())
        return _Folder(row, key, account_of(row, key), signed_at=row.seq if row.signature else 0)

    def _decided(self, folder: _Folder, heard: tuple[Fact, ...]) -> Decision:
        """Decide, and look after the brake where there is a case: nothing else loses access by dunning."""
        situation = Situation(parked=folder.row.id in self._parked)
        decision = decide(folder.account, heard, self.terms, self.now, situation)
        if not decision.state.cases or self._room() >= 1:
            return decision
        situation = Situation(parked=situation.parked, braked=True)
        decision = decide(folder.account, heard, self.terms, self.now, situation)
        self._braked |= _is_braked(decision, situation, self.terms, self.now)
        return decision

    def _room(self) -> float:
        """Return how many more accounts may lose access by dunning."""
        if self._holds_left is None:
            self._holds_left = brake.room(self._tx, self.terms.current.dunning.mass_action_limit, self.now)
        return self._holds_left

    def _record(self, folder: _Folder, decision: Decision, cause: Cause) -> None:
        row, principal = folder.row, decision.principal
        policy = principal.policy if principal else self.terms.under(folder.account.book, self.now).current
        before, after = decision.before, decision.state
        made = DecisionRow(
            account=row.id,
            seq=row.seq + 1,
            at=self.now,
            cause_kind=cause.kind,
            cause_ref=cause.ref,
            cause_name=cause.name,
            rule=principal.rule if principal else "kept",
            clause=(principal.clause or None) if principal else None,
            policy=policy.name,
            policy_version=policy.version,
            before=_summary(before) if before else {},
            after=_summary(after) | {"version": decision.account.version},
            detail={"changes": [coding.told(change) for change in _sorted(decision.changes)]},
            effects=[{"id": one.id, "kind": type(one).__name__, "type": type_of(one)} for one in decision.effects],
            prev_hash=row.head,
            hash=b"",
        )
        chained = ledger.chained(made)
        self._decisions.append(chained)
        folder.row = msgspec.structs.replace(row, seq=made.seq, head=chained.hash)
        folder.account = changed(folder.account, sequence=made.seq)
        if self._holds_left is not None and any(change.rule == brake.HOLD_PLACED for change in decision.changes):
            self._holds_left -= 1

    def _judge(self, decision: Decision) -> None:
        """Look for what must never be: access taken without the promised notice."""
        for change in fairness.taken(decision):
            self._taken.append(fairness.unwarned(change, decision, decision.account.zone(self.terms)))

    def _remember(self, folder: _Folder, decision: Decision, cause: Cause, heard: tuple[Fact, ...]) -> None:
        own = decision.facts if cause.kind == "event" else (*heard, *decision.facts)
        for fact in own:
            written = folder.key.seal(coding.write(fact))
            row = JournalRow(folder.row.id, self.now, type(fact).__name__, written, folder.row.seq or None)
            self._journal.append(row)
        for effect in decision.effects:
            self._effects.extend(self._effect_rows(folder, effect))
        self._names.update(dict.fromkeys(decision.state.names, folder.row.id))

    def _effect_rows(self, folder: _Folder, effect: Effect) -> Iterable[EffectRow]:
        settings = self._services.settings
        for part in spread(effect, settings.ops_alert_to):
            if isinstance(part, Notify) and settings.callback_url is None:
                continue
            yield effect_row(part, folder.row.id, folder.key.seal(coding.write(part)), self.now, folder.row.seq)


def account_of(row: AccountRow, key: DataKey | None) -> Account:
    """Return an account as it was stored, opened with its key; of one whose key was destroyed nothing is known."""
    return Account(
        id=row.id,
        book=coding.unpack_book(key.open(row.book)) if row.book is not None and key is not None else _BLANK,
        plan=row.plan,
        access=Access(row.access),
        standing=Standing(row.standing),
        version=row.version,
        sequence=row.seq,
        decided_at=row.decided_at,
    )


def _is_braked(decision: Decision, situation: Situation, terms: Terms, now: datetime) -> bool:
    """Whether a case of this account would be on hold if the brake were not on."""
    account, alone = decision.account, replace(situation, parked=False)
    moment = Moment(terms, account.zone(terms), now, alone)
    return any(dunning.blocked(case, account.book, moment) == "mass_action_brake" for case in decision.state.cases)


def _row(folder: _Folder) -> AccountRow:
    account, state = folder.account, folder.state
    return msgspec.structs.replace(
        folder.row,
        book=folder.key.seal(coding.pack_book(account.book)),
        standing=str(account.standing),
        plan=account.plan,
        access=str(account.access),
        grace_ends_at=state.grace_ends_at if state else None,
        deletion_eligible_at=state.deletion_eligible_at if state else None,
        version=account.version,
        decided_at=account.decided_at,
    )


def _timers(folder: _Folder) -> list[TimerRow]:
    timers_wanted = folder.state.timers if folder.state else ()
    return [TimerRow(folder.row.id, timer.kind, timer.subject, timer.due_at) for timer in timers_wanted]


def _summary(state: State) -> dict[str, Any]:
    return {"standing": state.standing, "plan": state.plan, "access": state.access}


def _sorted(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: (-change.rank, change.rule, change.subject))
