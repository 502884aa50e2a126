"""Requests for refunds of all accounts: one by its id, and lists with what is late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from kulanz import pipeline
from kulanz.errors import InvalidInputError, NotFoundError
from kulanz.ordering import refunds as refund_orders
from kulanz.ordering.commands import DecideRefund, RequestRefund
from kulanz.policy.facts import Fact, RefundRequested
from kulanz.policy.model import Decision
from kulanz.policy.refunding.values import CLOSED
from kulanz.policy.telling import rfc3339
from kulanz.services import Services
from kulanz.showing import refund_documents
from kulanz.showing.views import Document, Page, view
from kulanz.store import bindings, matters
from kulanz.store.database import Connection
from kulanz.store.matters import REFUND, MatterRow

_READ_AT_ONCE = 200


def request(
    services: Services,
    account: str,
    command: RequestRefund,
    actor: str,
    *,
    dry_run: bool = False,
    keep: Callable[[Connection, Document], None] | None = None,
) -> tuple[Document, bool]:
    """Ask for a refund; return the request and whether it is new: who asks again gets the first answer."""
    made: list[tuple[Document, bool]] = []

    def then(tx: Connection, facts: tuple[Fact, ...]) -> None:
        document = refund_request_in(services, tx, account, _asked(services, tx, account, command, facts))
        made.append((document, bool(facts)))
        if keep is not None:
            keep(tx, document)

    decision = pipeline.command(services, account, command, actor, dry_run=dry_run, then=then)
    return made[0] if made else (_would_be(services, decision, account, command), True)


def decide(services: Services, command: DecideRefund, actor: str, *, dry_run: bool = False) -> Document:
    """Say yes or no to a request; return it as it is then."""
    account = account_of_request(services, command.request)
    decision = pipeline.command(services, account, command, actor, dry_run=dry_run)
    one = decision.state.refund(command.request)
    if one is None:
        raise NotFoundError(f"no refund request {command.request!r}")
    return refund_documents.refund_request(decision.account.id, one, decision.state.as_of)


def account_of_request(services: Services, request: str) -> str:
    """Return whose request it is."""
    with services.database.read() as conn:
        return _account_of(conn, request)


def refund_request(services: Services, request: str) -> Document:
    """Return a request as `GET /v1/refund-requests/<id>` answers it."""
    with services.database.read() as conn:
        return refund_request_in(services, conn, _account_of(conn, request), request)


def dossier_of_request(services: Services, request: str) -> Document:
    """Return a request with what the customer told, which is for operators' eyes."""
    with services.database.read() as conn:
        account = _account_of(conn, request)
        told = refund_documents.who_asked(view(services, conn, account).account.book, request)
        return refund_request_in(services, conn, account, request) | told


def refund_request_in(services: Services, conn: Connection, account: str, request: str) -> Document:
    """Return a request as an open transaction sees it."""
    seen = view(services, conn, account)
    one = seen.state.refund(request)
    if one is None:
        raise NotFoundError(f"no refund request {request!r}")
    return refund_documents.refund_request(seen.account.id, one, services.clock.now(conn))


def refund_requests(
    services: Services, *, state: str | None = None, late: bool | None = None, after: str | None = None, limit: int = 50
) -> Page:
    """Return requests, newest first; `late` narrows them to what is overdue, or to what is not."""
    found: list[tuple[MatterRow, Document]] = []
    with services.database.read() as conn:
        for row, document in _listed(services, conn, state, late=late, after=_place(after)):
            found.append((row, document))
            if len(found) > limit:
                break
    items = [document for _, document in found[:limit]]
    return Page(items=items, after=_named(found[limit - 1][0]) if len(found) > limit else None)


def _listed(
    services: Services,
    conn: Connection,
    state: str | None,
    *,
    late: bool | None,
    after: tuple[datetime, str, str] | None,
) -> Iterator[tuple[MatterRow, Document]]:
    """Yield rows with their documents; what is late is open, so only what is open is looked through for it."""
    now, only_open = services.clock.now(conn), late is True or (state is not None and state not in CLOSED)
    while True:
        rows = matters.page(conn, REFUND, only_open=only_open, after=after, limit=_READ_AT_ONCE, state=state)
        for row in rows:
            one = view(services, conn, row.account).state.refund(row.key)
            if one is not None and late in (None, one.is_late(now)):
                yield row, refund_documents.refund_request(row.account, one, now)
        if len(rows) < _READ_AT_ONCE:
            return
        after = (rows[-1].opened_at, rows[-1].account, rows[-1].key)


def _asked(services: Services, conn: Connection, account: str, command: RequestRefund, facts: tuple[Fact, ...]) -> str:
    """Return the request that an order made, or that was made before."""
    for fact in facts:
        if isinstance(fact, RefundRequested):
            return fact.id
    seen = view(services, conn, account)
    known = refund_orders.asked_before(command, seen.account, seen.terms, services.clock.now(conn))
    if known is None:
        raise LookupError("a request that is neither new nor known")
    return known


def _would_be(services: Services, decision: Decision, account: str, command: RequestRefund) -> Document:
    """Return the request of a dry run."""
    known = {one.key for one in decision.before.refunds} if decision.before else set()
    new = next((one for one in decision.state.refunds if one.key not in known), None)
    if new is not None:
        return refund_documents.refund_request(account, new, decision.state.as_of)
    with services.database.read() as conn:
        return refund_request_in(services, conn, account, _asked(services, conn, account, command, ()))


def _account_of(conn: Connection, request: str) -> str:
    key = f"refund:{request}"
    found = bindings.find(conn, [key])
    if key not in found:
        raise NotFoundError(f"no refund request {request!r}")
    return found[key]


def _named(row: MatterRow) -> str:
    return f"{rfc3339(row.opened_at)}|{row.account}|{row.key}"


def _place(after: str | None) -> tuple[datetime, str, str] | None:
    if after is None:
        return None
    try:
        opened, *account, key = after.split("|")  # An account's id may hold the sign.
        return datetime.fromisoformat(opened).astimezone(UTC), "|".join(account), key
    except ValueError as error:
        raise InvalidInputError("cursor: it is not one that this list gave out") from error
