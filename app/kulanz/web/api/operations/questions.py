"""Read-only operations, and acknowledgement and assignment of to-do items."""

from __future__ import annotations

from http import HTTPStatus

from kulanz import documents
from kulanz.documents import debts, purchases, reports, standing
from kulanz.policy.areas.plan_change import Wanted
from kulanz.queries import accounts as account_queries
from kulanz.queries import charges as charge_queries
from kulanz.queries import collections as collection_queries
from kulanz.queries import quotes
from kulanz.queries import recovery as recovery_queries
from kulanz.queries import refunds as refund_queries
from kulanz.queries import todo as todo_queries
from kulanz.queries.views import Page
from kulanz.services import Services
from kulanz.store.account_list import AccountQuery
from kulanz.web.api import form_fields, forms
from kulanz.web.api.operations.shape import Operation, Parameters, reads

description = Operation(
    name="description", method="GET", path="/openapi.json", summary="This description.", answer=None
)
entitlement = Operation(
    name="entitlement",
    method="GET",
    path="/accounts/{account_id}/entitlement",
    summary="What the account may use now, and what to show its users; poll it with If-None-Match.",
    answer=documents.Entitlement,
    query=("locale",),
)
explanation = Operation(
    name="explanation",
    method="GET",
    path="/accounts/{account_id}/explanation",
    summary="Why the account stands as it does, and what would change it, in sentences of the reader's language.",
    answer=documents.Explanation,
    query=("locale",),
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


@reads(
    "/accounts",
    documents.Accounts,
    query=("standing", "plan", "sort", "due_before"),
    lists="accounts",
    refusals=(HTTPStatus.UNPROCESSABLE_ENTITY,),
)
def accounts(services: Services, _: str, params: Parameters) -> Page[documents.Account]:
    """Accounts in the order of their ids, or in another one that is asked for."""
    wanted = AccountQuery(**{name: params[name] for name in ("sort", "standing", "plan", "due_before")})
    return account_queries.accounts(services, wanted, after=params["after"], limit=params["limit"])


@reads("/accounts/{account_id}", documents.Account)
def account(services: Services, account: str, _: Parameters) -> documents.Account:
    """One account as it stands."""
    return account_queries.account_document(services, account)


@reads("/accounts/{account_id}/timeline", documents.Timeline, lists="decisions")
def timeline(services: Services, account: str, params: Parameters) -> Page[documents.Decision]:
    """The account's decisions, oldest first."""
    return account_queries.timeline(services, account, **params)


@reads(
    "/accounts/{account_id}/plan-change",
    purchases.PlanChange,
    query=("to", "price", "currency", "subscription_id"),
    refusals=(HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
)
def plan_change(services: Services, account: str, params: Parameters) -> purchases.PlanChange:
    """What a change of plan would charge, and when it would count; nothing is changed."""
    return quotes.plan_change(services, account, Wanted(**params))


@reads("/accounts/{account_id}/charges", purchases.Charges)
def charges(services: Services, account: str, _: Parameters) -> purchases.Charges:
    """What the provider charged the account, with tax and what went back: for the customer's list of invoices."""
    return charge_queries.charges(services, account)


@reads("/accounts/{account_id}/certificates", standing.Certificates)
def certificates(services: Services, account: str, _: Parameters) -> standing.Certificates:
    """Signed certificates of what was destroyed about the account, and what is kept by which law."""
    return account_queries.certificates(services, account)


@reads("/accounts/{account_id}/debtor", debts.Debtor, personal=True)
def debtor(services: Services, account: str, _: Parameters) -> debts.Debtor:
    """Who owes."""
    return collection_queries.debtor(services, account)


@reads("/collections", debts.Collections, query=("open",), lists="collections")
def collections(services: Services, _: str, params: Parameters) -> Page[debts.CollectionOfAccount]:
    """Debts that were handed over, or proposed to be, the newest first."""
    return collection_queries.collections(services, **params)


@reads("/collections/{collection_id}", debts.CollectionOfAccount)
def collection(services: Services, collection: str, _: Parameters) -> debts.CollectionOfAccount:
    """One hand-over."""
    return collection_queries.collection(services, collection)


@reads("/refund-requests", purchases.RefundRequests, query=("state", "late"), lists="refund_requests")
def refund_requests(services: Services, _: str, params: Parameters) -> Page[purchases.RefundRequest]:
    """Requests for refunds, the newest first."""
    return refund_queries.refund_requests(services, **params)


@reads("/refund-requests/{request_id}", purchases.RefundRequest)
def refund_request(services: Services, request: str, _: Parameters) -> purchases.RefundRequest:
    """One request as it stands."""
    return refund_queries.refund_request(services, request)


@reads("/todo", standing.Todos)
def todo(services: Services, _: str, __: Parameters) -> standing.Todos:
    """All that waits for a person, the urgent first, each with the command that is proposed."""
    return standing.Todos(todo=tuple(map(todo_queries.document, todo_queries.todo_list(services))))


acknowledge_todo = Operation(
    name="acknowledge_todo",
    method="POST",
    path="/todo/{todo_id}/acknowledge",
    summary="Say that it was seen; what nothing else ends is done by that.",
    form=form_fields.Nothing,
    answer=standing.Todo,
)
assign_todo = Operation(
    name="assign_todo",
    method="POST",
    path="/todo/{todo_id}/assign",
    summary="Say who takes care of it.",
    form=forms.Assignment,
    answer=standing.Todo,
)

record_done = Operation(
    name="record_done",
    method="POST",
    path="/effects/{effect_id}/done",
    summary="Say that a person made a call to the provider by hand; it is never made again.",
    form=forms.Reason,
    answer=standing.OutgoingAction,
)


@reads(
    "/reports/recovery", reports.Recovery, query=("from_month", "to_month"), refusals=(HTTPStatus.UNPROCESSABLE_ENTITY,)
)
def recovery(services: Services, _: str, params: Parameters) -> reports.Recovery:
    """What became of payments that failed, by month of failure, step, plan and version of the policy."""
    return recovery_queries.report(services, params["first"], params["last"])


ABOUT_TODO = (todo, acknowledge_todo, assign_todo, record_done)
ABOUT_REPORTS = (recovery,)
ABOUT_THE_API = (description,)
ABOUT_ACCOUNTS = (accounts, account, entitlement, explanation, timeline, evidence, certificates)
ABOUT_DEBTS = (debtor, collections, collection)
ABOUT_PURCHASES = (charges, plan_change, refund_requests, refund_request)
