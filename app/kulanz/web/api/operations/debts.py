"""Operations about debts: transfers, hand-overs, debtor, mandates, letters."""

from __future__ import annotations

from kulanz.commands.commands import (
    ApproveCollection,
    ApproveCreditReport,
    ChooseDelivery,
    Command,
    GrantMandate,
    ProposeCollection,
    RecallCollection,
    RecordPayment,
    RevokeMandate,
    TellDebtor,
    VoidPayment,
)
from kulanz.documents import debts
from kulanz.web.api import forms
from kulanz.web.api.operations.shape import ends, orders


@orders("/accounts/{account_id}/payments", forms.PaymentForm, debts.Payment, status=201, repeats="payments")
def record_payment(form: forms.PaymentForm, _: str) -> Command:
    """Record a transfer; it pays the account's debts."""
    return RecordPayment(**form.said())


@orders("/accounts/{account_id}/payments/{payment_id}/void", forms.Reason, debts.Payment)
def void_payment(form: forms.Reason, payment: str) -> Command:
    """Say that a recorded transfer is none: what it had paid is owed again."""
    return VoidPayment(payment=payment, **form.said())


@orders("/accounts/{account_id}/collections", ProposeCollection, debts.Collection, status=201)
def propose_collection(command: ProposeCollection, _: str) -> Command:
    """Propose to hand a debt over: the first of two approvals."""
    return command


@orders("/collections/{collection_id}/approve", forms.Approval, debts.Collection)
def approve_collection(_: forms.Approval, collection: str) -> Command:
    """Approve a hand-over; the second name hands the debt over."""
    return ApproveCollection(collection=collection)


@orders("/collections/{collection_id}/recall", forms.Reason, debts.Collection)
def recall_collection(form: forms.Reason, collection: str) -> Command:
    """Take a hand-over, or its proposal, back."""
    return RecallCollection(collection=collection, **form.said())


@orders("/collections/{collection_id}/credit-report", forms.Approval, debts.Collection)
def approve_credit_report(_: forms.Approval, collection: str) -> Command:
    """Approve the report of a debt to a credit bureau; the second name reports it."""
    return ApproveCreditReport(collection=collection)


@orders("/accounts/{account_id}/debtor", forms.DebtorForm, debts.DebtorHeld, method="PUT")
def tell_debtor(form: forms.DebtorForm, _: str) -> Command:
    """Record the debtor's complete data: a field left out is no longer known."""
    return TellDebtor(fields=form.told())


@orders("/accounts/{account_id}/mandates", GrantMandate, debts.Mandate, status=201)
def grant_mandate(command: GrantMandate, _: str) -> Command:
    """Record a direct-debit mandate that was granted in the portal or by staff."""
    return command


@ends("/accounts/{account_id}/mandates/{mandate_id}", debts.Mandate)
def revoke_mandate(mandate: str) -> Command:
    """Revoke a mandate for the future; no reason is needed."""
    return RevokeMandate(mandate=mandate)


@orders("/accounts/{account_id}/delivery", ChooseDelivery, debts.Delivery, method="PUT")
def choose_delivery(command: ChooseDelivery, _: str) -> Command:
    """Say how letters come to the customer: by mail or on paper."""
    return command


ABOUT_DEBTS = (
    *(record_payment, void_payment, propose_collection, approve_collection, recall_collection, approve_credit_report),
    *(tell_debtor, grant_mandate, revoke_mandate, choose_delivery),
)
