"""Refund requests of all accounts: one by its id, and lists with late ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from kulanz.documents.purchases import RefundDossier, RefundRequest
from kulanz.errors import InvalidInputError, NotFoundError
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.state.refunds import CLOSED_STATES
from kulanz.queries import refund_documents
from kulanz.queries.views import Page, view
from kulanz.services import Services
from kulanz.store import bindings, case_index
from kulanz.store.case_index import REFUND, CaseRow
from kulanz.store.database import Connection

_READ_AT_ONCE = 200


def account_of_request(services: Services, request: str) -> str:
    """Return the account of a request."""
    with services.database.read() as conn:
        return _account_of(conn, request)


def refund_request(services: Services, request: str) -> RefundRequest:
    """Return a request as `GET /v1/refund-requests/<id>` answers it."""
    with services.database.read() as conn:
        return refund_request_in(services, conn, _account_of(conn, request), request)


def dossier_of_request(services: Services, request: str) -> RefundDossier:
    """Return a request with the customer's statements; for operators only."""
    with services.database.read() as conn:
        account = _account_of(conn, request)
        document = refund_request_in(services, conn, account, request)
        return refund_documents.dossier(document, view(services, conn, account).account.book)


def refund_request_in(services: Services, conn: Connection, account: str, request: str) -> RefundRequest:
    """Return a request as an open transaction sees it."""
    seen = view(services, conn, account)
    refund = seen.state.refund(request)
    if refund is None:
        raise NotFoundError(f"no refund request {request!r}")
    return refund_documents.refund_request(seen.account.id, refund, services.clock.now(conn))


def refund_requests(
    services: Services, *, state: str | None = None, late: bool | None = None, after: str | None = None, limit: int = 50
) -> Page[RefundRequest]:
    """Return requests, newest first; `late` selects overdue ones, or the others."""
    rows: list[tuple[CaseRow, RefundRequest]] = []
    with services.database.read() as conn:
        for row, document in _listed(services, conn, state, late=late, after=_place(after)):
            rows.append((row, document))
            if len(rows) > limit:
                break
    items = [document for _, document in rows[:limit]]
    return Page(items=items, after=_named(rows[limit - 1][0]) if len(rows) > limit else None)


def _listed(
    services: Services,
    conn: Connection,
    state: str | None,
    *,
    late: bool | None,
    after: tuple[datetime, str, str] | None,
) -> Iterator[tuple[CaseRow, RefundRequest]]:
    """Yield rows with their documents; late requests are open, so only open ones are searched for them."""
    now, only_open = services.clock.now(conn), late is True or (state is not None and state not in CLOSED_STATES)
    while True:
        rows = case_index.page(conn, REFUND, only_open=only_open, after=after, limit=_READ_AT_ONCE, state=state)
        for row in rows:
            refund = view(services, conn, row.account).state.refund(row.key)
            if refund is not None and late in (None, refund.is_late(now)):
                yield row, refund_documents.refund_request(row.account, refund, now)
        if len(rows) < _READ_AT_ONCE:
            return
        after = (rows[-1].opened_at, rows[-1].account, rows[-1].key)


def _account_of(conn: Connection, request: str) -> str:
    key = f"refund:{request}"
    matches = bindings.find(conn, [key])
    if key not in matches:
        raise NotFoundError(f"no refund request {request!r}")
    return matches[key]


def _named(row: CaseRow) -> str:
    return f"{rfc3339(row.opened_at)}|{row.account}|{row.key}"


def _place(after: str | None) -> tuple[datetime, str, str] | None:
    if after is None:
        return None
    try:
        opened, *account, key = after.split("|")  # An account's id may hold the sign.
        return datetime.fromisoformat(opened).astimezone(UTC), "|".join(account), key
    except ValueError as error:
        raise InvalidInputError("cursor: it is not one that this list gave out") from error
