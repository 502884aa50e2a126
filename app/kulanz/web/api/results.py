"""Carries out commands and returns the part of the account's document that they made or changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kulanz.commands import by_hand, execute, links, todos
from kulanz.commands.by_hand import DoneByHand
from kulanz.commands.commands import Command
from kulanz.commands.links import Link, Linked
from kulanz.commands.todos import Acknowledge, Assign
from kulanz.documents import Account
from kulanz.documents.purchases import LinkedAccount
from kulanz.documents.shape import Document
from kulanz.documents.standing import Deletion, OutgoingAction, Todo
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
from kulanz.queries import accounts, todo
from kulanz.services import Services
from kulanz.store.database import Connection
from kulanz.web.api.idempotency import StoreResponse

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


def order(
    services: Services, account: str, command: Command, actor: str, keep: StoreResponse, *, silent: bool = False
) -> Document:
    """Carry out a command and return the dispute or exception that it is about, kept with it in one transaction."""
    made: list[Document] = []

    def then(tx: Connection, facts: tuple[Fact, ...]) -> None:
        made.append(_result(accounts.account_in(services, tx, account), facts))
        keep(tx, made[0])

    execute.command(services, account, command, actor, signed_in=True, silent=silent, then=then)
    return made[0]


def link(services: Services, wanted: Link, actor: str, keep: StoreResponse, *, dry_run: bool) -> LinkedAccount:
    """Link two accounts and return what moved; the response to a dry run is stored as well."""

    def then(tx: Connection, done: Sequence[Linked]) -> None:
        keep(tx, _linked(done[0], dry_run=dry_run))

    done = links.link(services, [wanted], actor, dry_run=dry_run, then=then)
    if dry_run:  # The transaction of a dry run is rolled back, and the stored response with it.
        with services.database.write() as tx:
            then(tx, done)
    return _linked(done[0], dry_run=dry_run)


def note_todo(services: Services, word: Acknowledge | Assign, actor: str, keep: StoreResponse) -> Todo:
    """Note that a todo was seen, or its assignee, and return it."""
    return todo.document(todos.note(services, word, actor, lambda tx, matter: keep(tx, todo.document(matter))))


def done_by_hand(services: Services, word: DoneByHand, actor: str, keep: StoreResponse) -> OutgoingAction:
    """Record that a person made a call to the provider, and return the outgoing action."""
    result = by_hand.record(services, word, actor, then=lambda tx, row: keep(tx, by_hand.document(row)))
    return by_hand.document(result.row)


def _result(document: Account, facts: tuple[Fact, ...]) -> Document:
    """Return the part of the account's document that the facts of a command are about."""
    approved = next((fact for fact in facts if isinstance(fact, DeletionApproved)), None)
    if approved is not None:
        return Deletion.of(approved, approved_at=approved.at, standing=document.standing)
    kind, item = _subject(facts)
    result = getattr(document, kind)
    named: Document = result if item is None else next(each for each in result if each.id == item)
    return named


def _linked(done: Linked, *, dry_run: bool) -> LinkedAccount:
    link = done.link
    return LinkedAccount(
        account_id=link.source,
        to=link.target,
        objects=done.objects,
        plans=dict(done.plans),
        undone=link.undo,
        dry_run=dry_run,
    )


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
