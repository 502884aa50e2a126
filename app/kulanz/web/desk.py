"""What the API asks of the rest of Kulanz: reads of accounts, commands, and answers kept for repeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kulanz.ordering.commands import Command, RequestRefund
from kulanz.policy.plan_change import Wanted
from kulanz.showing.views import Document, Page
from kulanz.store.database import Connection

Keep = Callable[[Connection, Document], None]
"""Remembers the answer to a request within the transaction that does what was asked."""


def forgotten(_: Connection, __: Document) -> None:
    """Remember nothing: the request has no `Idempotency-Key`."""


class Desk(Protocol):
    """The accounts, as the API sees them. NotFoundError is raised for what is not there."""

    def accounts(self, *, standing: str | None, plan: str | None, after: str | None, limit: int) -> Page:
        """Return accounts in the order of their ids, after one of them."""

    def account(self, account: str) -> Document:
        """Return an account (CONTRACT section 3)."""

    def entitlement(self, account: str) -> Document:
        """Return what the account may use now."""

    def timeline(self, account: str, *, after: str | None, limit: int) -> Page:
        """Return the account's decisions, oldest first."""

    def certificates(self, account: str) -> Document:
        """Return what was destroyed about an account, and what is kept."""

    def evidence(self, account: str) -> bytes:
        """Return an account's evidence: a signed HTML file."""

    def order(self, account: str, command: Command, actor: str, keep: Keep) -> Document:
        """Carry out a command and return what it made or changed; `keep` it in the transaction that makes it."""

    def policy(self, name: str) -> str:
        """Return the policy document of a name: one that is kept here, or a preset."""

    def refund_requests(self, *, state: str | None, late: bool | None, after: str | None, limit: int) -> Page:
        """Return requests for refunds, newest first."""

    def refund_request(self, request: str) -> Document:
        """Return a request for a refund."""

    def account_of_request(self, request: str) -> str:
        """Return whose request for a refund it is."""

    def request_refund(self, account: str, command: RequestRefund, actor: str, keep: Keep) -> tuple[Document, bool]:
        """Return the request for a refund, and whether it is new: who asks again gets the first answer."""

    def plan_change(self, account: str, wanted: Wanted) -> Document:
        """Return what a change of plan would charge, and when it would count."""

    def collections(self, *, only_open: bool, after: str | None, limit: int) -> Page:
        """Return hand-overs of debts, the newest first."""

    def collection(self, collection: str) -> Document:
        """Return one hand-over."""

    def account_of_collection(self, collection: str) -> str:
        """Return whose debt it is."""

    def debtor(self, account: str) -> Document:
        """Return who owes."""

    def account_of_dispute(self, dispute: str) -> str:
        """Return whose dispute it is."""

    def once(self, *, actor: str, key: str, request: bytes, act: Callable[[Keep], Document]) -> tuple[Document, bool]:
        """Return what `act` makes, or made for the same key of the same actor, and whether it is a repeat.

        InvalidInputError for the same key with another request, RefusedError while the first is still running.
        """
