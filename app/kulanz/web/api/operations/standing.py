"""Operations about an account's standing: chargebacks, exceptions, own terms, closure."""

from __future__ import annotations

from kulanz.commands.commands import (
    ApproveDeletion,
    ApproveOverride,
    CloseDispute,
    Command,
    DeclineOverride,
    OpenDispute,
    RequestClosure,
    SetOverride,
    WithdrawClosure,
)
from kulanz.documents import standing
from kulanz.policy.facts import DisputeStatus
from kulanz.web.api import forms
from kulanz.web.api.operations.shape import SILENT, Operation, orders


@orders("/accounts/{account_id}/disputes", OpenDispute, standing.Dispute, status=201)
def open_dispute(command: OpenDispute, _: str) -> Command:
    """Record a chargeback by hand."""
    return command


@orders("/disputes/{dispute_id}/close", forms.DisputeClosing, standing.Dispute)
def close_dispute(form: forms.DisputeClosing, dispute: str) -> Command:
    """Record how a chargeback ended."""
    return CloseDispute(dispute=dispute, outcome=DisputeStatus(form.outcome))


@orders("/accounts/{account_id}/overrides", SetOverride, standing.Override, status=201)
def set_override(command: SetOverride, _: str) -> Command:
    """Make an exception to the policy."""
    return command


@orders("/accounts/{account_id}/overrides/{override_id}/approve", forms.Approval, standing.Override)
def approve_override(_: forms.Approval, override: str) -> Command:
    """Approve, as a second person, an exception that waits for it."""
    return ApproveOverride(override=override)


@orders("/accounts/{account_id}/overrides/{override_id}/deny", forms.Reason, standing.Override)
def deny_override(form: forms.Reason, override: str) -> Command:
    """Decline an exception that waits for a second person."""
    return DeclineOverride(override=override, **form.said())


agree_terms = Operation(
    name="agree_terms",
    method="POST",
    path="/accounts/{account_id}/terms",
    summary="Put the account under a policy of its own for a period, or end that.",
    form=forms.TermsForm,
    answer=standing.Terms,
    query=SILENT,
    status=201,
)


@orders("/accounts/{account_id}/closure", forms.ClosureForm, standing.Closure, status=201, repeats="closures")
def request_closure(form: forms.ClosureForm, _: str) -> Command:
    """Request the deletion of the organisation: its subscriptions run out first."""
    return RequestClosure(**form.said())


@orders("/accounts/{account_id}/closure/withdraw", forms.ClosureForm, standing.Closure)
def withdraw_closure(form: forms.ClosureForm, _: str) -> Command:
    """The organisation stays after all."""
    return WithdrawClosure(**form.said())


@orders("/accounts/{account_id}/deletion/approve", ApproveDeletion, standing.Deletion)
def approve_deletion(command: ApproveDeletion, _: str) -> Command:
    """Approve that an account's data go, where the policy asks for that."""
    return command


ABOUT_STANDING = (
    *(open_dispute, close_dispute, set_override, approve_override, deny_override, agree_terms),
    *(request_closure, withdraw_closure, approve_deletion),
)
