"""Requests for refunds, and decisions about them: the commands, and the request afterwards."""

from __future__ import annotations

from collections.abc import Callable

from kulanz.commands import execute
from kulanz.commands import refunds as refund_orders
from kulanz.commands.commands import DecideRefund, RequestRefund
from kulanz.documents.purchases import RefundRequest
from kulanz.errors import NotFoundError
from kulanz.formats.messages import message
from kulanz.policy.facts import Fact, RefundAmended, RefundRequested
from kulanz.policy.state import Decision
from kulanz.queries import refund_documents
from kulanz.queries.refunds import account_of_request, refund_request_in
from kulanz.queries.views import view
from kulanz.services import Services
from kulanz.store.database import Connection


def request(
    services: Services,
    account: str,
    command: RequestRefund,
    actor: str,
    *,
    dry_run: bool = False,
    keep: Callable[[Connection, RefundRequest], None] | None = None,
) -> tuple[RefundRequest, bool]:
    """Request a refund; return the request and whether it is new: an open request is amended."""
    made: list[tuple[RefundRequest, bool]] = []

    def then(tx: Connection, facts: tuple[Fact, ...]) -> None:
        document = refund_request_in(services, tx, account, _asked(services, tx, account, command, facts))
        made.append((document, any(isinstance(fact, RefundRequested) for fact in facts)))
        if keep is not None:
            keep(tx, document)

    decision = execute.command(services, account, command, actor, dry_run=dry_run, then=then)
    return made[0] if made else _would_be(services, decision, account, command)


def decide(services: Services, command: DecideRefund, actor: str, *, dry_run: bool = False) -> RefundRequest:
    """Approve or deny a request; return the request afterwards."""
    account = account_of_request(services, command.request)
    decision = execute.command(services, account, command, actor, dry_run=dry_run)
    refund = decision.state.refund(command.request)
    if refund is None:
        raise NotFoundError(message("no refund request {request}", request=repr(command.request)))
    return refund_documents.refund_request(decision.account.id, refund, decision.state.as_of)


def _asked(services: Services, conn: Connection, account: str, command: RequestRefund, facts: tuple[Fact, ...]) -> str:
    """Return the request that an order made, or that was made before."""
    for fact in facts:
        if isinstance(fact, RefundRequested):
            return fact.id
        if isinstance(fact, RefundAmended):
            return fact.request
    seen = view(services, conn, account)
    existing = refund_orders.asked_before(command, seen.account, seen.terms, services.clock.now(conn))
    if existing is None:
        raise LookupError("a request that is neither new nor known")
    return existing


def _would_be(
    services: Services, decision: Decision, account: str, command: RequestRefund
) -> tuple[RefundRequest, bool]:
    """Return the request of a dry run, and whether it would be new."""
    existing = {refund.key for refund in decision.before.refunds} if decision.before else set()
    refund = next((refund for refund in decision.state.refunds if refund.key not in existing), None)
    if refund is not None:
        return refund_documents.refund_request(account, refund, decision.state.as_of), True
    with services.database.read() as conn:
        refund = decision.state.refund(_asked(services, conn, account, command, ()))
    if refund is None:
        raise LookupError("a request that is neither new nor known")
    return refund_documents.refund_request(account, refund, decision.state.as_of), False
