"""API service: queries answer from the database, commands run through the pipeline, answers are stored encrypted."""

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
"""Stores the answer to a request in the transaction of its command."""


def forgotten(_: Connection, __: JsonDocument) -> None:
    """Remember nothing: the request has no `Idempotency-Key`."""


class Service(Protocol):
    """Interface of the API to the accounts. NotFoundError is raised for missing objects."""

    def accounts(self, wanted: AccountQuery, *, after: str | None, limit: int) -> Page:
        """Return accounts in the order that is wanted, after one of them."""

    def account(self, account: str) -> JsonDocument:
        """Return an account (CONTRACT section 3)."""

    def entitlement(self, account: str, languages: Sequence[str]) -> JsonDocument:
        """Return an account's entitlement, and the message for its users in the first language with a text."""

    def explanation(self, account: str, languages: Sequence[str]) -> JsonDocument:
        """Explain an account's state, in the first language with translations."""

    def timeline(self, account: str, *, after: str | None, limit: int) -> Page:
        """Return the account's decisions, oldest first."""

    def certificates(self, account: str) -> JsonDocument:
        """Return an account's certificates of destruction, with the archived records."""

    def evidence(self, account: str) -> bytes:
        """Return an account's evidence: a signed HTML file."""

    def order(self, account: str, command: Command, actor: str, keep: StoreResponse) -> JsonDocument:
        """Execute a command and return the object made or changed; `keep` it in the same transaction."""

    def policy(self, name: str) -> str:
        """Return a policy document by name: a stored one, or a preset."""

    def refund_requests(self, *, state: str | None, late: bool | None, after: str | None, limit: int) -> Page:
        """Return requests for refunds, newest first."""

    def todo(self) -> JsonDocument:
        """Return all that waits for a person."""

    def note_todo(self, word: Acknowledge | Assign, actor: str, keep: StoreResponse) -> JsonDocument:
        """Record an acknowledgement or assignment of an item, and return the item."""

    def recovery(self, *, first: str | None, last: str | None) -> JsonDocument:
        """Return the outcomes of the payments that failed in some months."""

    def refund_request(self, request: str) -> JsonDocument:
        """Return a request for a refund."""

    def account_of_request(self, request: str) -> str:
        """Return the account of a refund request."""

    def request_refund(
        self, account: str, command: RequestRefund, actor: str, keep: StoreResponse
    ) -> tuple[JsonDocument, bool]:
        """Return the refund request, and whether it is new: an open one is amended."""

    def link(self, wanted: Link, actor: str, keep: StoreResponse, *, dry_run: bool) -> JsonDocument:
        """Link two accounts and return the moved objects; `keep` the answer in the same transaction."""

    def charges(self, account: str) -> JsonDocument:
        """Return the provider's charges of an account."""

    def plan_change(self, account: str, wanted: Wanted) -> JsonDocument:
        """Return the price and time of a change of plan."""

    def collections(self, *, only_open: bool, after: str | None, limit: int) -> Page:
        """Return hand-overs of debts, the newest first."""

    def collection(self, collection: str) -> JsonDocument:
        """Return one hand-over."""

    def account_of_collection(self, collection: str) -> str:
        """Return the account of a debt."""

    def debtor(self, account: str) -> JsonDocument:
        """Return the debtor's data."""

    def account_of_dispute(self, dispute: str) -> str:
        """Return the account of a dispute."""

    def once(
        self, *, actor: str, key: str, request: bytes, act: Callable[[StoreResponse], JsonDocument]
    ) -> tuple[JsonDocument, bool]:
        """Return the result of `act`, or the stored one for the same actor and key, and whether it is a repetition.

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
        """Return an account's entitlement, and the message for its users."""
        return accounts.entitlement(self._services, account, languages)

    def explanation(self, account: str, languages: Sequence[str]) -> JsonDocument:
        """Explain an account's state."""
        return accounts.explanation(self._services, account, steps=accounts.LAST_STEPS, languages=languages)

    def timeline(self, account: str, *, after: str | None, limit: int) -> Page:
        """Return an account's decisions."""
        return accounts.timeline(self._services, account, after=after, limit=limit)

    def certificates(self, account: str) -> JsonDocument:
        """Return the certificates about an account, with its archived records."""
        public = self._services.vault.signer.public
        with self._services.database.read() as conn:
            name = view(self._services, conn, account).account.id
            return {"certificates": closed.certificates_of(conn, name, public), "kept": closed.kept_of(conn, name)}

    def evidence(self, account: str) -> bytes:
        """Return an account's evidence."""
        from kulanz.queries import evidence  # noqa: PLC0415 - it loads templates that only this operation needs

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
        """Record an acknowledgement or assignment of an item."""
        return todo.document(
            todos.note(self._services, word, actor, lambda tx, matter: keep(tx, todo.document(matter)))
        )

    def recovery(self, *, first: str | None, last: str | None) -> JsonDocument:
        """Return the outcomes of the payments that failed in some months."""
        return recovery.document(recovery.report(self._services, first, last))

    def refund_request(self, request: str) -> JsonDocument:
        """Return a request for a refund."""
        return refunds.refund_request(self._services, request)

    def account_of_request(self, request: str) -> str:
        """Return the account of a refund request."""
        return refunds.account_of_request(self._services, request)

    def request_refund(
        self, account: str, command: RequestRefund, actor: str, keep: StoreResponse
    ) -> tuple[JsonDocument, bool]:
        """Return the refund request, and whether it is new."""
        return refund_requests.request(self._services, account, command, actor, keep=keep)

    def link(self, wanted: Link, actor: str, keep: StoreResponse, *, dry_run: bool) -> JsonDocument:
        """Link two accounts and return the moved objects; the answer of a dry run is stored as well."""

        def then(tx: Connection, done: Sequence[Linked]) -> None:
            keep(tx, _linked(done[0], dry_run=dry_run))

        done = links.link(self._services, [wanted], actor, dry_run=dry_run, then=then)
        if dry_run:  # What its transaction had kept was taken back with it.
            with self._services.database.write() as tx:
                then(tx, done)
        return _linked(done[0], dry_run=dry_run)

    def charges(self, account: str) -> JsonDocument:
        """Return the provider's charges of an account."""
        return charges.charges(self._services, account)

    def plan_change(self, account: str, wanted: Wanted) -> JsonDocument:
        """Return the price and time of a change of plan."""
        return quotes.plan_change(self._services, account, wanted)

    def collections(self, *, only_open: bool, after: str | None, limit: int) -> Page:
        """Return hand-overs of debts."""
        return collections.collections(self._services, only_open=only_open, after=after, limit=limit)

    def collection(self, collection: str) -> JsonDocument:
        """Return one hand-over."""
        return collections.collection(self._services, collection)

    def account_of_collection(self, collection: str) -> str:
        """Return the account of a debt."""
        return collections.account_of_collection(self._services, collection)

    def debtor(self, account: str) -> JsonDocument:
        """Return the debtor's data."""
        return collections.debtor(self._services, account)

    def account_of_dispute(self, dispute: str) -> str:
        """Return the account of a dispute."""
        return accounts.account_of_dispute(self._services, dispute)

    def order(self, account: str, command: Command, actor: str, keep: StoreResponse) -> JsonDocument:
        """Execute a command and return its dispute or exception, stored as the answer in the same transaction."""
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
        """Reserve the key and act; the answer is stored in the command's transaction, so it is executed only once."""
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
    """Return the name of the list in an account's document, and the id in it, of a command's subject."""
    for fact in facts:
        shown = _SHOWN_AS.get(type(fact))
        if shown is not None:
            kind, attribute = shown
            if not attribute:
                return kind, None
            ident = str(getattr(fact, attribute))
            return kind, ident.partition(":")[2] if kind == "licences" else ident
    raise LookupError("an order that is about nothing that an account's document shows")
