"""The unit of work: accounts locked in one transaction, decided about in memory, saved in bulk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from kulanz.errors import RefusedError
from kulanz.policy.areas.dunning import enforcement
from kulanz.policy.areas.dunning.notices import REMINDER
from kulanz.policy.areas.keeping import area as keeping
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.book.keeping import PLAN
from kulanz.policy.decide import MOVED_RULE, decide
from kulanz.policy.decide import moved as decide_moved
from kulanz.policy.document import Policy
from kulanz.policy.facts import Fact, KeptAfterUpgrade
from kulanz.policy.state import CALM, Account, Decision, Moment, Situation, State, Terms
from kulanz.privacy import erasure
from kulanz.privacy.erasure import Closing
from kulanz.processing import facts_first, moving
from kulanz.processing.circuit_breaker import Allowance, Expiries
from kulanz.processing.decision_log import Cause, DecisionLog
from kulanz.processing.entry import Entry, opened
from kulanz.processing.recipients import Recipients
from kulanz.processing.waiting import waiting
from kulanz.processing.withdrawal import Withdrawal
from kulanz.services import Services
from kulanz.store import accounts, erasing, timers, todos
from kulanz.store.database import Connection
from kulanz.store.todos import TodoRow

MOVED = Cause(kind="ownership", name=MOVED_RULE)


class UnitOfWork:
    """Decides about accounts within `tx`. Nothing is written before `save`: dropping it instead is a dry run."""

    def __init__(
        self, services: Services, tx: Connection, now: datetime, is_behind: Callable[[str], bool] | None = None
    ) -> None:
        """`is_behind`: whether earlier accepted deliveries of an account are not applied yet."""
        self.now = now
        self.terms: Terms = services.terms(tx, now)
        self._services = services
        self._tx = tx
        self._entries: dict[str, Entry] = {}
        self._is_behind = is_behind or (lambda _: facts_first.is_behind(tx))
        self._log = DecisionLog(services, now)
        self._withdrawal = Withdrawal(tx, now)
        self._allowance = Allowance(tx, self.terms, now)
        self._expiries = Expiries(tx, self.terms, now)
        self._recipients = Recipients(services, tx, now)

    def lock(self, names: Collection[str]) -> None:
        """Take accounts under lock, making those that do not exist."""
        wanted = [name for name in names if name not in self._entries]
        if not wanted:
            return
        rows = accounts.lock(self._tx, wanted, self._services.vault.new_data_key)
        for name, row in rows.items():
            self._entries[name] = self._entries.get(row.id) or opened(row, self._services.vault)
            self._entries[row.id] = self._entries[name]

    def has(self, name: str) -> bool:
        """Whether an account has been taken."""
        return name in self._entries

    def account_id(self, name: str) -> str:
        """Return the id of a locked account, also where it was locked by an alias."""
        return self._entries[name].row.id

    def is_erased(self, name: str) -> bool:
        """Whether an account that has been taken was closed for good: nothing is decided about it any more."""
        return self._entries[name].erased

    def account(self, name: str) -> Account:
        """Return an account's present state."""
        return self._entries[name].account

    def add_policy_version(self, policy: Policy) -> None:
        """Know a version of the policy that may not be stored yet, so that facts may name it."""
        self.terms = replace(self.terms, versions={**self.terms.versions, policy.version: policy})

    def state(self, name: str) -> State:
        """Return all consequences for an account of its known facts."""
        account = self.account(name)
        return assess(account.book, self.terms, account.zone(self.terms), self.now)

    def seal(self, name: str, plain: bytes, place: bytes) -> bytes:
        """Encrypt with the account's own key, for one place."""
        return self._entries[name].key.seal(plain, place)

    def move(self, old: str, new: str, keys: Collection[str], *, cause: Cause, reason: str | None = None) -> None:
        """Move purchases to another account: their records, and the consequences for both."""
        source, target = self._entries[old], self._entries[new]
        if source is target or source.erased or target.erased:
            return
        moved = moving.move(self._services, self._tx, source, target, keys)
        detail = {"objects": sorted(keys), "reason": reason}
        self._moved(source, moved.left, (), {**detail, "to": target.row.id}, cause)
        book = target.account.book.with_facts(moved.facts)
        self._moved(target, book, moved.facts, {**detail, "from": source.row.id}, cause)

    def kept(self, name: str) -> frozenset[str]:
        """Return the purchases that an account keeps for now, although another one may own them."""
        return keeping.shared(self.account(name).book, self.now)

    def end_sharing(self, old: str, new: str, purchase: str, keys: Collection[str]) -> None:
        """Give a shared purchase to its owner alone, within the mass-action limit; beyond it, look again in an hour."""
        name, before = self.account_id(old), self.account(old)
        if self._allowance.exhausted:
            self._allowance.keep_back()
            again = KeptAfterUpgrade(subject=purchase, until=self.now + facts_first.LOOK_AGAIN, at=self.now)
            self.decide(old, (again,), MOVED)
            return
        self.move(old, new, keys, cause=MOVED, reason="two accounts had it")
        after = self.account(old)
        rank = self.terms.catalogue.rank
        if rank(after.plan) < rank(before.plan) or after.access is not before.access:
            self._allowance.take(name)

    def _moved(
        self, entry: Entry, book: Book, facts: tuple[Fact, ...], detail: Mapping[str, Any], cause: Cause
    ) -> None:
        decision = decide_moved(entry.account, book, detail, self.terms, self.now)
        self._log.record_move(entry, decision, facts, cause, self.terms)

    def decide(self, name: str, new_facts: Iterable[Fact], cause: Cause) -> Decision:
        """Decide about one account, and keep the result for `save`."""
        entry = self._entries[name]
        if entry.erased:
            raise RefusedError(f"{name}: {erasing.ERASED}")
        facts = tuple(new_facts)
        decision = self._decided(entry, facts)
        longer = self._kept_longer(decision)
        if longer is not None:
            facts = (*facts, longer)
            decision = self._decided(entry, facts)
        self._log.record(entry, decision, cause, facts, self.terms)
        self._recipients.note(entry.row.id, decision.effects)
        withdrawn = self._withdrawal.facts(entry)
        if withdrawn:
            self.decide(name, withdrawn, Cause(kind="effect", name="withdrawn"))
        return decision

    def save(self) -> None:
        """Write everything that was decided."""
        entries = list(
            {
                id(other_entry): other_entry for other_entry in self._entries.values() if other_entry.state is not None
            }.values()
        )
        if not entries:
            return
        tx = self._tx
        accounts.save(tx, [self._log.signed(entry) for entry in entries])
        timers.replace(tx, {entry.row.id: entry.timers() for entry in entries})
        todos.replace(tx, {entry.row.id: self._waiting(entry) for entry in entries if entry.alerted})
        self._log.write(tx)
        self._withdrawal.write()
        self._allowance.write()
        self._expiries.write(self._services)
        for entry in entries:
            if entry.closed:
                erasure.destroy(self._services, tx, Closing(account=entry.account, terms=self.terms, now=self.now))

    def _waiting(self, entry: Entry) -> list[TodoRow]:
        """Return the to-do items that follow from the decisions."""
        if entry.state is None:
            return []
        account, terms = entry.account, self.terms.under(entry.account.book, self.now)
        return waiting(account.id, entry.state, account.book, Moment(terms, account.zone(terms), self.now))

    def _decided(self, entry: Entry, facts: tuple[Fact, ...]) -> Decision:
        """Decide; where dunning would take or warn, only after the facts, and within the mass-action limit."""
        decision = decide(entry.account, facts, self.terms, self.now)
        entry.look_again = None
        if enforcement.presses(decision.facts):
            situation = self._situation(entry, decision)
            if situation != CALM:
                decision = decide(entry.account, facts, self.terms, self.now, situation)
            self._allowance.count(decision)
        self._expiries.note(decision)
        return decision

    def _kept_longer(self, decision: Decision) -> KeptAfterUpgrade | None:
        """Let access kept after an upgrade end within the mass-action limit; beyond it, keep it for another hour."""
        kept = keeping.taken(decision, self.terms)
        if kept is None:
            return None
        if self._allowance.exhausted:
            self._allowance.keep_back()
            until = self.now + facts_first.LOOK_AGAIN
            return KeptAfterUpgrade(subject=PLAN, until=until, at=self.now, plan=kept.plan, access=kept.access)
        self._allowance.take(decision.account.id)
        return None

    def _situation(self, entry: Entry, decision: Decision) -> Situation:
        """Find the obstacles of dunning, and the time of the next check."""
        parked = bool(facts_first.holding_back(self._tx, entry.row.id, decision.account.book))
        behind = self._is_behind(entry.row.id)
        if parked:
            entry.look_again = facts_first.HELD_BACK, self.now + facts_first.LOOK_AGAIN
        elif behind:
            entry.look_again = facts_first.FACTS_FIRST, self.now
        else:
            put_off = self._recipients.put_off(decision, self.terms)
            if put_off:
                entry.look_again = REMINDER, min(put_off.values())
            braked = enforcement.takes(decision.facts) and self._allowance.exhausted
            return Situation(braked=braked, written_to=frozenset(put_off))
        return Situation(parked=parked, behind=behind)
