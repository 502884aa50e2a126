"""What the API answers."""

from __future__ import annotations

from http import HTTPStatus

from kulanz.policy.areas.plan_change import Wanted
from kulanz.queries.views import Document, Page
from kulanz.web.api import documents
from kulanz.web.api.documents import debts, purchases, standing
from kulanz.web.api.operations.shape import Asked, Operation, reads
from kulanz.web.api.service import Desk

description = Operation(
    name="description", method="GET", path="/openapi.json", summary="This description.", answer=None
)
entitlement = Operation(
    name="entitlement",
    method="GET",
    path="/accounts/{account_id}/entitlement",
    summary="What the account may use now; poll it with If-None-Match.",
    answer=documents.Entitlement,
)
evidence = Operation(
    name="evidence",
    method="GET",
    path="/accounts/{account_id}/evidence",
    summary="One signed file of what happened, for a chargeback response; it holds personal data.",
    answer=None,
    media="text/html",
    personal=True,
)


@reads("/accounts", documents.Accounts, query=("standing", "plan"), lists="accounts")
def accounts(desk: Desk, _: str, asked: Asked) -> Page:
    """Accounts in the order of their ids."""
    return desk.accounts(**asked)


@reads("/accounts/{account_id}", documents.Account)
def account(desk: Desk, account: str, _: Asked) -> Document:
    """One account as it stands."""
    return desk.account(account)


@reads("/accounts/{account_id}/timeline", documents.Timeline, lists="decisions")
def timeline(desk: Desk, account: str, asked: Asked) -> Page:
    """The account's decisions, oldest first."""
    return desk.timeline(account, **asked)


@reads(
    "/accounts/{account_id}/plan-change",
    purchases.PlanChange,
    query=("to", "price", "currency", "subscription_id"),
    refusals=(HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
)
def plan_change(desk: Desk, account: str, asked: Asked) -> Document:
    """What a change of plan would charge, and when it would count; nothing is changed."""
    return desk.plan_change(account, Wanted(**asked))


@reads("/accounts/{account_id}/certificates", standing.Certificates)
def certificates(desk: Desk, account: str, _: Asked) -> Document:
    """Signed certificates of what was destroyed about the account, and what is kept by which law."""
    return desk.certificates(account)


@reads("/accounts/{account_id}/debtor", debts.Debtor, personal=True)
def debtor(desk: Desk, account: str, _: Asked) -> Document:
    """Who owes."""
    return desk.debtor(account)


@reads("/collections", debts.Collections, query=("open",), lists="collections")
def collections(desk: Desk, _: str, asked: Asked) -> Page:
    """Debts that were handed over, or proposed to be, the newest first."""
    return desk.collections(**asked)


@reads("/collections/{collection_id}", debts.CollectionOfAccount)
def collection(desk: Desk, collection: str, _: Asked) -> Document:
    """One hand-over."""
    return desk.collection(collection)


@reads("/refund-requests", purchases.RefundRequests, query=("state", "late"), lists="refund_requests")
def refund_requests(desk: Desk, _: str, asked: Asked) -> Page:
    """Requests for refunds, the newest first."""
    return desk.refund_requests(**asked)


@reads("/refund-requests/{request_id}", purchases.RefundRequest)
def refund_request(desk: Desk, request: str, _: Asked) -> Document:
    """One request as it stands."""
    return desk.refund_request(request)


ABOUT_THE_API = (description,)
ABOUT_ACCOUNTS = (accounts, account, entitlement, timeline, evidence, certificates)
ABOUT_DEBTS = (debtor, collections, collection)
ABOUT_PURCHASES = (plan_change, refund_requests, refund_request)
