"""The table of the API's operations: what `app.web.api` serves is made from it, and so is `/v1/openapi.json`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from msgspec import Struct

from app.web import documents, forms, quotes

ID = re.compile(r"[A-Za-z0-9._:@-]{1,128}", re.ASCII)
"""What an id of ours, or of the merchant's, may look like in a path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path; `name` is also the view's."""

    name: str
    method: str
    path: str
    summary: str
    answer: type[Struct] | None
    """None: a document that describes itself."""
    form: type[forms.Form] | None = None
    query: tuple[str, ...] = ()
    status: int = 200
    media: str = "application/json"
    personal: bool = False
    """Whether the answer holds personal data: a token that may only read is refused."""


OPERATIONS = (
    Operation(
        name="description",
        method="GET",
        path="/openapi.json",
        summary="This description.",
        answer=None,
    ),
    Operation(
        name="accounts",
        method="GET",
        path="/accounts",
        summary="Accounts in the order of their ids.",
        answer=documents.Accounts,
        query=("standing", "plan", "cursor", "limit"),
    ),
    Operation(
        name="account",
        method="GET",
        path="/accounts/{account_id}",
        summary="One account as it stands.",
        answer=documents.Account,
    ),
    Operation(
        name="entitlement",
        method="GET",
        path="/accounts/{account_id}/entitlement",
        summary="What the account may use now; poll it with If-None-Match.",
        answer=documents.Entitlement,
    ),
    Operation(
        name="timeline",
        method="GET",
        path="/accounts/{account_id}/timeline",
        summary="The account's decisions, oldest first.",
        answer=documents.Timeline,
        query=("cursor", "limit"),
    ),
    Operation(
        name="evidence",
        method="GET",
        path="/accounts/{account_id}/evidence",
        summary="One signed file of what happened, for a chargeback response; it holds personal data.",
        answer=None,
        media="text/html",
        personal=True,
    ),
    Operation(
        name="plan_change",
        method="GET",
        path="/accounts/{account_id}/plan-change",
        summary="What a change of plan would charge, and when it would count; nothing is changed.",
        answer=documents.PlanChange,
        query=quotes.PARAMETERS,
    ),
    Operation(
        name="request_closure",
        method="POST",
        path="/accounts/{account_id}/closure",
        summary="The organisation asks to be deleted: what it subscribed to runs out first.",
        form=forms.ClosureForm,
        answer=documents.Closure,
        status=201,
    ),
    Operation(
        name="withdraw_closure",
        method="POST",
        path="/accounts/{account_id}/closure/withdraw",
        summary="The organisation stays after all.",
        form=forms.ClosureForm,
        answer=documents.Closure,
    ),
    Operation(
        name="approve_deletion",
        method="POST",
        path="/accounts/{account_id}/deletion/approve",
        summary="Approve that an account's data go, where the policy asks for that.",
        form=forms.DeletionApproval,
        answer=documents.Deletion,
    ),
    Operation(
        name="certificates",
        method="GET",
        path="/accounts/{account_id}/certificates",
        summary="Signed certificates of what was destroyed about the account, and what is kept by which law.",
        answer=documents.Certificates,
    ),
    Operation(
        name="open_dispute",
        method="POST",
        path="/accounts/{account_id}/disputes",
        summary="Record a chargeback that somebody was told of.",
        form=forms.DisputeForm,
        answer=documents.Dispute,
        status=201,
    ),
    Operation(
        name="close_dispute",
        method="POST",
        path="/disputes/{dispute_id}/close",
        summary="Record how a chargeback ended.",
        form=forms.DisputeClosing,
        answer=documents.Dispute,
    ),
    Operation(
        name="set_override",
        method="POST",
        path="/accounts/{account_id}/overrides",
        summary="Make an exception to the policy.",
        form=forms.OverrideForm,
        answer=documents.Override,
        status=201,
    ),
    Operation(
        name="approve_override",
        method="POST",
        path="/accounts/{account_id}/overrides/{override_id}/approve",
        summary="Approve, as a second person, an exception that waits for it.",
        form=forms.Approval,
        answer=documents.Override,
    ),
    Operation(
        name="deny_override",
        method="POST",
        path="/accounts/{account_id}/overrides/{override_id}/deny",
        summary="Decline an exception that waits for a second person.",
        form=forms.Refusal,
        answer=documents.Override,
    ),
    Operation(
        name="agree_terms",
        method="POST",
        path="/accounts/{account_id}/terms",
        summary="Put the account under a policy of its own for a period, or end that.",
        form=forms.TermsForm,
        answer=documents.Terms,
        status=201,
    ),
    Operation(
        name="collections",
        method="GET",
        path="/collections",
        summary="Debts that were handed over, or proposed to be, the newest first.",
        answer=documents.Collections,
        query=("open", "cursor", "limit"),
    ),
    Operation(
        name="collection",
        method="GET",
        path="/collections/{collection_id}",
        summary="One hand-over.",
        answer=documents.CollectionOfAccount,
    ),
    Operation(
        name="propose_collection",
        method="POST",
        path="/accounts/{account_id}/collections",
        summary="Propose to hand a debt over: the first of two approvals.",
        form=forms.CollectionForm,
        answer=documents.Collection,
        status=201,
    ),
    Operation(
        name="approve_collection",
        method="POST",
        path="/collections/{collection_id}/approve",
        summary="Approve a hand-over; the second name hands the debt over.",
        form=forms.Approval,
        answer=documents.Collection,
    ),
    Operation(
        name="recall_collection",
        method="POST",
        path="/collections/{collection_id}/recall",
        summary="Take a hand-over, or its proposal, back.",
        form=forms.Recall,
        answer=documents.Collection,
    ),
    Operation(
        name="approve_credit_report",
        method="POST",
        path="/collections/{collection_id}/credit-report",
        summary="Approve the report of a debt to a credit bureau; the second name reports it.",
        form=forms.Approval,
        answer=documents.Collection,
    ),
    Operation(
        name="debtor",
        method="GET",
        path="/accounts/{account_id}/debtor",
        summary="Who owes.",
        answer=documents.Debtor,
        personal=True,
    ),
    Operation(
        name="tell_debtor",
        method="PUT",
        path="/accounts/{account_id}/debtor",
        summary="Tell who owes, whole: what is left out is known no more.",
        form=forms.DebtorForm,
        answer=documents.DebtorHeld,
    ),
    Operation(
        name="void_payment",
        method="POST",
        path="/accounts/{account_id}/payments/{payment_id}/void",
        summary="Say that a recorded transfer is none: what it had paid is owed again.",
        form=forms.Recall,
        answer=documents.Payment,
    ),
    Operation(
        name="grant_mandate",
        method="POST",
        path="/accounts/{account_id}/mandates",
        summary="Record a direct-debit mandate that was granted in the portal or by staff.",
        form=forms.MandateForm,
        answer=documents.Mandate,
        status=201,
    ),
    Operation(
        name="revoke_mandate",
        method="DELETE",
        path="/accounts/{account_id}/mandates/{mandate_id}",
        summary="Revoke a mandate for the future; nobody asks why.",
        answer=documents.Mandate,
    ),
    Operation(
        name="choose_delivery",
        method="PUT",
        path="/accounts/{account_id}/delivery",
        summary="Say how letters come to the customer: by mail or on paper.",
        form=forms.DeliveryForm,
        answer=documents.Delivery,
    ),
    Operation(
        name="record_payment",
        method="POST",
        path="/accounts/{account_id}/payments",
        summary="Record a transfer; it pays what the account owes.",
        form=forms.PaymentForm,
        answer=documents.Payment,
        status=201,
    ),
    Operation(
        name="book_add_on",
        method="POST",
        path="/accounts/{account_id}/add-ons",
        summary="Book an add-on; it can be used at once.",
        form=forms.AddOnForm,
        answer=documents.AddOn,
        status=201,
    ),
    Operation(
        name="move_credit",
        method="POST",
        path="/accounts/{account_id}/credits",
        summary="Record what was bought or spent of prepaid credit, or that it ended.",
        form=forms.CreditForm,
        answer=documents.Credit,
        status=201,
    ),
    Operation(
        name="note_cancellation",
        method="POST",
        path="/accounts/{account_id}/cancellations",
        summary="Note that the customer cancelled by notice: the renewal is switched off at the provider.",
        form=forms.CancellationForm,
        answer=documents.Cancellation,
        status=201,
    ),
    Operation(
        name="record_move",
        method="POST",
        path="/accounts/{account_id}/migrations",
        summary="Record that an account was moved to on-premise: unused days are computed from then on.",
        form=forms.MigrationForm,
        answer=documents.Migration,
        status=201,
    ),
    Operation(
        name="cancel_add_on",
        method="DELETE",
        path="/accounts/{account_id}/add-ons/{add_on_id}",
        summary="Cancel an add-on to the end of what is paid, or withdraw from the booking.",
        answer=documents.AddOn,
    ),
    Operation(
        name="refund_requests",
        method="GET",
        path="/refund-requests",
        summary="Requests for refunds, the newest first.",
        answer=documents.RefundRequests,
        query=("state", "late", "cursor", "limit"),
    ),
    Operation(
        name="request_refund",
        method="POST",
        path="/refund-requests",
        summary="Ask for the money of a payment back; who asks again gets the first answer.",
        form=forms.RefundForm,
        answer=documents.RefundRequest,
        status=201,
    ),
    Operation(
        name="refund_request",
        method="GET",
        path="/refund-requests/{request_id}",
        summary="One request as it stands.",
        answer=documents.RefundRequest,
    ),
    Operation(
        name="approve_refund",
        method="POST",
        path="/refund-requests/{request_id}/approve",
        summary="Say yes: it is carried out at the provider today.",
        form=forms.RefundApproval,
        answer=documents.RefundRequest,
    ),
    Operation(
        name="deny_refund",
        method="POST",
        path="/refund-requests/{request_id}/deny",
        summary="Say no.",
        form=forms.RefundDenial,
        answer=documents.RefundRequest,
    ),
    Operation(
        name="mark_deployed",
        method="POST",
        path="/accounts/{account_id}/licences/{licence_id}/deployed",
        summary="Say that an on-premise licence is in use, whatever the provider has counted.",
        form=forms.Deployment,
        answer=documents.Licence,
        status=201,
    ),
)
