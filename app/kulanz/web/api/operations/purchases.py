"""Operations about purchases: add-ons, credit, licences, notices, migration, refunds."""

from __future__ import annotations

from kulanz.commands.commands import (
    BookAddOn,
    CancelAddOn,
    Command,
    DecideRefund,
    MarkDeployed,
    NoteCancellation,
    NoteContact,
    RecordMove,
)
from kulanz.documents import purchases
from kulanz.web.api import forms
from kulanz.web.api.operations.shape import Operation, ends, orders


@orders("/accounts/{account_id}/add-ons", BookAddOn, purchases.AddOn, status=201)
def book_add_on(command: BookAddOn, _: str) -> Command:
    """Book an add-on; it can be used at once."""
    return command


@ends("/accounts/{account_id}/add-ons/{add_on_id}", purchases.AddOn)
def cancel_add_on(add_on: str) -> Command:
    """Cancel an add-on to the end of the paid period, or withdraw from the booking."""
    return CancelAddOn(add_on=add_on)


@orders("/accounts/{account_id}/add-ons/{add_on_id}/cancel", forms.AddOnCancellation, purchases.AddOn)
def cancel_pieces(form: forms.AddOnCancellation, add_on: str) -> Command:
    """Cancel some pieces of an add-on, or withdraw from them; the answer is the part that they are from now on."""
    return CancelAddOn(add_on=add_on, **form.said())


@orders("/accounts/{account_id}/credits", forms.CreditForm, purchases.Credit, status=201, repeats="credits")
def move_credit(form: forms.CreditForm, _: str) -> Command:
    """Record the purchase, use or end of prepaid credit."""
    return form.command()


@orders("/accounts/{account_id}/licences/{licence_id}/deployed", forms.Reason, purchases.Licence, status=201)
def mark_deployed(form: forms.Reason, licence: str) -> Command:
    """Record that an on-premise licence is in use, regardless of the count at the provider."""
    return MarkDeployed(licence=licence, **form.said())


@orders("/accounts/{account_id}/cancellations", NoteCancellation, purchases.Cancellation, status=201)
def note_cancellation(command: NoteCancellation, _: str) -> Command:
    """Note that the customer cancelled by notice: the renewal is switched off at the provider."""
    return command


@orders("/accounts/{account_id}/contacts", NoteContact, purchases.Contact, status=201)
def note_contact(command: NoteContact, _: str) -> Command:
    """Note that the customer got in touch with the staff: it counts as contact before a chargeback."""
    return command


@orders("/accounts/{account_id}/migrations", RecordMove, purchases.Migration, status=201)
def record_move(command: RecordMove, _: str) -> Command:
    """Record that an account was moved to on-premise: unused days are computed from then on."""
    return command


request_refund = Operation(
    name="request_refund",
    method="POST",
    path="/refund-requests",
    summary="Ask for the money of a payment back, or amend the open request for it.",
    form=forms.RefundForm,
    answer=purchases.RefundRequest,
    status=201,
)


@orders("/refund-requests/{request_id}/approve", forms.RefundApproval, purchases.RefundRequest)
def approve_refund(form: forms.RefundApproval, request: str) -> Command:
    """Approve a request: the refund is made at the provider today."""
    return DecideRefund(request=request, approve=True, **form.said())


@orders("/refund-requests/{request_id}/deny", forms.RefundDenial, purchases.RefundRequest)
def deny_refund(form: forms.RefundDenial, request: str) -> Command:
    """Say no."""
    return DecideRefund(request=request, approve=False, **form.said())


link_account = Operation(
    name="link_account",
    method="POST",
    path="/accounts/{account_id}/links",
    summary="Let what belongs to the account belong to another; or take that back.",
    form=forms.LinkForm,
    answer=purchases.LinkedAccount,
    status=201,
)

ABOUT_PURCHASES = (
    *(book_add_on, cancel_add_on, cancel_pieces, move_credit, mark_deployed),
    *(note_cancellation, note_contact, record_move),
    link_account,
    *(request_refund, approve_refund, deny_refund),
)
