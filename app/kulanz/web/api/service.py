"""The desk over the real accounts: enquiries answer, commands go through the pipeline, answers are kept sealed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from kulanz.commands import execute, links, refund_requests, todos, versions
from kulanz.commands.commands import Command, RequestRefund
from kulanz.commands.links import Link, Linked
from kulanz.commands.todos import Acknowledge, Assign
from kulanz.crypto import places
from kulanz.policy.areas.plan_change import Wanted
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.facts import (
    AddOnBooked,
    AddOnCancelled,
    AddressKnown,
    CancellationNoted,
    ClosureRequested,
    ClosureWithdrawn,
    CollectionApproved,
    CollectionProposed,
    CollectionRecalled,
    ContactNoted,
    CreditBooked,
    CreditEnded,
    CreditReportApproved,
    DebtorTold,
    DeletionApproved,
    DisputeSeen,
    Fact,
    LicenceDeployed,
    MandateGranted,
    MandateRevoked,
    MovedToOnPremise,
    OverrideApproved,
    OverrideAsked,
    OverrideDeclined,
    OverrideSet,
    PaymentRecorded,
    PaymentVoided,
    RefundDecided,
    TermsAgreed,
)
from kulanz.queries import accounts, charges, closed, collections, quotes, recovery, refunds, todo
from kulanz.queries.views import JsonDocument, Page, view
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import idempotency
from kulanz.store.account_list import AccountQuery
from kulanz.store.database import Connection

StoreResponse = Callable[[Connection, JsonDocument], None]
"""Remembers the answer to a request within the transaction that does what was asked."""


def forgotten(_: Connection, __: JsonDocument) -> None:
    """Remember nothing: the request has no `Idempotency-Key`."""


class Service(Protocol):
    """The accounts, as the API sees them. NotFoundError is raised for what is not there."""

    def accounts(self, wanted: AccountQuery, *, after: str | None, limit: int) -> Page:
        """Return accounts in the order that is wanted, after one of them."""

    def account(self, account: str) -> JsonDocument:
        """Return an account (CONTRACT section 3)."""

    def entitlement(self, account: str, languages: Sequence[str]) -> JsonDocument:
        """Return what the account may use now, and what to show its users in the first language that has words."""

    def explanation(self, account: str, languages: Sequence[str]) -> JsonDocument:
        """Return why the account stands as it does, in the first language that has words."""

    def timeline(self, account: str, *, after: str | None, limit: int) -> Page:
        """Return the account's decisions, oldest first."""

    def certificates(self, account: str) -> JsonDocument:
        """Return what was destroyed about an account, and what is kept."""

    def evidence(self, account: str) -> bytes:
        """Return an account's evidence: a signed HTML file."""

    def order(self, account: str, command: Command, actor: str, keep: StoreResponse) -> JsonDocument:
        """Carry out a command and return what it made or changed; `keep` it in the transaction that makes it."""

    def policy(self, name: str) -> str:
        """Return the policy document of a name: one that is kept here, or a preset."""

    def refund_requests(self, *, state: str | None, late: bool | None, after: str | None, limit: int) -> Page:
        """Return requests for refunds, newest first."""

    def todo(self) -> JsonDocument:
        """Return all that waits for a person."""

    def note_todo(self, word: Acknowledge | Assign, actor: str, keep: StoreResponse) -> JsonDocument:
        """Note what a person says of a matter that waits, and return it."""

    def recovery(self, *, first: str | None, last: str | None) -> JsonDocument:
        """Return what became of the payments that failed in some months."""

    def refund_request(self, request: str) -> JsonDocument:
        """Return a request for a refund."""

    def account_of_request(self, request: str) -> str:
        """Return whose request for a refund it is."""

    def request_refund(
        self, account: str, command: RequestRefund, actor: str, keep: StoreResponse
    ) -> tuple[JsonDocument, bool]:
        """Return the request for a refund, and whether it is new: an open one is amended."""

    def link(self, wanted: Link, actor: str, keep: StoreResponse, *, dry_run: bool) -> JsonDocument:
        """Link two accounts and return what moved; `keep` it in the transaction that moves it."""

    def charges(self, account: str) -> JsonDocument:
        """Return what the provider charged an account."""

    def plan_change(self, account: str, wanted: Wanted) -> JsonDocument:
        """Return what a change of plan would charge, and when it would count."""

    def collections(self, *, only_open: bool, after: str | None, limit: int) -> Page:
        """Return hand-overs of debts, the newest first."""

    def collection(self, collection: str) -> JsonDocument:
        """Return one hand-over."""

    def account_of_collection(self, collection: str) -> str:
        """Return whose debt it is."""

    def debtor(self, account: str) -> JsonDocument:
        """Return who owes."""

    def account_of_dispute(self, dispute: str) -> str:
        """Return whose dispute it is."""

    def once(
        self, *, actor: str, key: str, request: bytes, act: Callable[[StoreResponse], JsonDocument]
    ) -> tuple[JsonDocument, bool]:
        """Return what `act` makes, or made for the same key of the same actor, and whether it is a repeat.

        InvalidInputError for the same key with another request, RefusedError while the first is still running.
        """


_SHOWN_AS: Mapping[type[Fact], tuple[str, str]] = {
    DebtorTold: ("debtor", ""),
    PaymentVoided: ("payments", "id"),
    AddressKnown: ("delivery", ""),
    MandateGranted: ("mandates", "id"),
    MandateRevoked: ("mandates", "id"),
    CollectionProposed: ("collections", "id"),
    CollectionApproved: ("collections", "id"),
    CollectionRecalled: ("collections", "id"),
    CreditReportApproved: ("collections", "id"),
    DisputeSeen: ("disputes", "key"),
    OverrideSet: ("overrides", "id"),
    OverrideAsked: ("overrides", "id"),
    OverrideApproved: ("overrides", "id"),
    OverrideDeclined: ("overrides", "id"),
    PaymentRecorded: ("payments", "id"),
    TermsAgreed: ("terms", "id"),
    AddOnBooked: ("add_ons", "id"),
    AddOnCancelled: ("add_ons", "id"),
    CreditBooked: ("credits", "pot"),
    CreditEnded: ("credits", "pot"),
    MovedToOnPremise: ("migrations", "id"),
    CancellationNoted: ("cancellations", "id"),
    ContactNoted: ("contacts", "id"),
    RefundDecided: ("refund_requests", "request"),
    LicenceDeployed: ("licences", "licence"),
    ClosureRequested: ("closures", "id"),
    ClosureWithdrawn: ("closures", "id"),
}
"""By the fact that an order is: the name in the account's document, and the fact's attribute that has the id."""


class AccountService:
    """The API's `Service` on the database."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def accounts(self, wanted: AccountQuery, *, after: str | None, limit: int) -> Page:
        """Return accounts in the order that is wanted."""
        return accounts.accounts(self._services, wanted, after=after, limit=limit)

    def account(self, account: str) -> JsonDocument:
        """Return an account's document."""
        return accounts.account_document(self._services, account)

    def entitlement(self, account: str, languages: Sequence[str]) -> JsonDocument:
        """Return what an account may use now, and what to show its users."""
        return accounts.entitlement(self._services, account, languages)

    def explanation(self, account: str, languages: Sequence[str]) -> JsonDocument:
        """Return why an account stands as it does."""
        return accounts.explanation(self._services, account, steps=accounts.LAST_STEPS, languages=languages)

    def timeline(self, account: str, *, after: str | None, limit: int) -> Page:
        """Return an account's decisions."""
        return accounts.timeline(self._services, account, after=after, limit=limit)

    def certificates(self, account: str) -> JsonDocument:
        """Return the certificates about an account, and what is kept of it."""
        public = self._services.vault.signer.public
        with self._services.database.read() as conn:
            name = view(self._services, conn, account).account.id
            return {"certificates": closed.certificates_of(conn, name, public), "kept": closed.kept_of(conn, name)}

    def evidence(self, account: str) -> bytes:
        """Return an account's evidence."""
        from kulanz.queries import evidence  # noqa: PLC0415 - it loads templates that nobody else here needs

        return evidence.of_account(self._services, account)

    def policy(self, name: str) -> str:
        """Return the policy document of a name."""
        with self._services.database.read() as conn:
            return versions.text_of(conn, name)

    def refund_requests(self, *, state: str | None, late: bool | None, after: str | None, limit: int) -> Page:
        """Return requests for refunds, newest first."""
        return refunds.refund_requests(self._services, state=state, late=late, after=after, limit=limit)

    def todo(self) -> JsonDocument:
        """Return all that waits for a person."""
        return {"todo": [todo.document(each) for each in todo.todo_list(self._services)]}

    def note_todo(self, word: Acknowledge | Assign, actor: str, keep: StoreResponse) -> JsonDocument:
        """Note what a person says of a matter."""
        return todo.document(
            todos.note(self._services, word, actor, lambda tx, matter: keep(tx, todo.document(matter)))
        )

    def recovery(self, *, first: str | None, last: str | None) -> JsonDocument:
        """Return what became of the payments that failed in some months."""
        return recovery.document(recovery.report(self._services, first, last))

    def refund_request(self, request: str) -> JsonDocument:
        """Return a request for a refund."""
        return refunds.refund_request(self._services, request)

    def account_of_request(self, request: str) -> str:
        """Return whose request for a refund it is."""
        return refunds.account_of_request(self._services, request)

    def request_refund(
        self, account: str, command: RequestRefund, actor: str, keep: StoreResponse
    ) -> tuple[JsonDocument, bool]:
        """Return the request for a refund, and whether it is new."""
        return refund_requests.request(self._services, account, command, actor, keep=keep)

    def link(self, wanted: Link, actor: str, keep: StoreResponse, *, dry_run: bool) -> JsonDocument:
        """Link two accounts and return what moved; a dry run is kept as well."""

        def then(tx: Connection, done: Sequence[Linked]) -> None:
            keep(tx, _linked(done[0], dry_run=dry_run))

        done = links.link(self._services, [wanted], actor, dry_run=dry_run, then=then)
        if dry_run:  # What its transaction had kept was taken back with it.
            with self._services.database.write() as tx:
                then(tx, done)
        return _linked(done[0], dry_run=dry_run)

    def charges(self, account: str) -> JsonDocument:
        """Return what the provider charged an account."""
        return charges.charges(self._services, account)

    def plan_change(self, account: str, wanted: Wanted) -> JsonDocument:
        """Return what a change of plan would charge, and when it would count."""
        return quotes.plan_change(self._services, account, wanted)

    def collections(self, *, only_open: bool, after: str | None, limit: int) -> Page:
        """Return hand-overs of debts."""
        return collections.collections(self._services, only_open=only_open, after=after, limit=limit)

    def collection(self, collection: str) -> JsonDocument:
        """Return one hand-over."""
        return collections.collection(self._services, collection)

    def account_of_collection(self, collection: str) -> str:
        """Return whose debt it is."""
        return collections.account_of_collection(self._services, collection)

    def debtor(self, account: str) -> JsonDocument:
        """Return who owes."""
        return collections.debtor(self._services, account)

    def account_of_dispute(self, dispute: str) -> str:
        """Return whose dispute it is."""
        return accounts.account_of_dispute(self._services, dispute)

    def order(self, account: str, command: Command, actor: str, keep: StoreResponse) -> JsonDocument:
        """Carry out a command and return the dispute or exception that it is about, kept with it in one transaction."""
        made: list[JsonDocument] = []

        def then(tx: Connection, facts: tuple[Fact, ...]) -> None:
            approved = next((fact for fact in facts if isinstance(fact, DeletionApproved)), None)
            if approved is not None:
                made.append(_approval(approved, accounts.account_in(self._services, tx, account)))
                keep(tx, made[0])
                return
            kind, item = _subject(facts)
            result = accounts.account_in(self._services, tx, account)[kind]
            made.append(result if item is None else next(document for document in result if document["id"] == item))
            keep(tx, made[0])

        execute.command(self._services, account, command, actor, signed_in=True, then=then)
        return made[0]

    def once(
        self, *, actor: str, key: str, request: bytes, act: Callable[[StoreResponse], JsonDocument]
    ) -> tuple[JsonDocument, bool]:
        """Note that the request has begun and act; the answer is kept with what was done, so nothing is done twice."""
        database, vault = self._services.database, self._services.vault
        with database.write() as tx:
            kept = idempotency.begin(tx, actor, key, request, real_now())
        if kept is not None:
            return msgspec.json.decode(vault.open(kept.document, places.answer(actor, key)), type=JsonDocument), True

        def keep(tx: Connection, document: JsonDocument) -> None:
            sealed = vault.seal(msgspec.json.encode(document), places.answer(actor, key))
            answer = idempotency.StoredResponse(status=201, document=sealed)
            idempotency.finish(tx, actor, key, answer)

        try:
            return act(keep), False
        except Exception:
            with database.write() as tx:
                idempotency.forget(tx, actor, key)
            raise


def _linked(done: Linked, *, dry_run: bool) -> JsonDocument:
    return {
        "account_id": done.link.source,
        "to": done.link.target,
        "objects": list(done.objects),
        "plans": dict(done.plans),
        "undone": done.link.undo,
        "dry_run": dry_run,
    }


def _approval(fact: DeletionApproved, account: JsonDocument) -> JsonDocument:
    return {
        "subject": fact.subject,
        "approved_at": rfc3339(fact.at),
        "actor": fact.actor,
        "reason": fact.reason,
        "standing": account["standing"],
    }


def _subject(facts: tuple[Fact, ...]) -> tuple[str, str | None]:
    """Return under which name of an account's document, and under which id, an order's subject stands."""
    for fact in facts:
        shown = _SHOWN_AS.get(type(fact))
        if shown is not None:
            kind, attribute = shown
            if not attribute:
                return kind, None
            ident = str(getattr(fact, attribute))
            return kind, ident.partition(":")[2] if kind == "licences" else ident
    raise LookupError("an order that is about nothing that an account's document shows")
