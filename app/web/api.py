"""`/v1`: accounts to read and commands to give, for programs that hold a token (CONTRACT section 3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from hashlib import sha256

import msgspec
from flask import Blueprint, Response, g, request

from app import metrics
from app.config import ApiToken
from app.errors import NotFoundError
from app.ordering.commands import (
    AgreeTerms,
    ApproveCollection,
    ApproveCreditReport,
    ApproveDeletion,
    ApproveOverride,
    BookAddOn,
    CancelAddOn,
    ChooseDelivery,
    CloseDispute,
    Command,
    DecideRefund,
    DeclineOverride,
    EndCredit,
    EndTerms,
    GrantMandate,
    MarkDeployed,
    MoveCredit,
    NoteCancellation,
    OpenDispute,
    ProposeCollection,
    RecallCollection,
    RecordMove,
    RecordPayment,
    RequestClosure,
    RequestRefund,
    RevokeMandate,
    SetOverride,
    TellDebtor,
    VoidPayment,
    WithdrawClosure,
)
from app.policy.facts import CreditEntry, DisputeStatus
from app.policy.model import Standing
from app.policy.refunding.values import RefundState
from app.showing.enquiries import Document, Page
from app.web import cursors, forms, openapi, quotes
from app.web.bodies import read_body
from app.web.desk import Desk, Keep, forgotten
from app.web.operations import ID, OPERATIONS
from app.web.problems import BadRequestError
from app.web.tokens import authenticate

LARGEST_BODY = 64 * 1024
PERSONAL = frozenset(operation.name for operation in OPERATIONS if operation.personal)
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


def blueprint(desk: Desk, tokens: Sequence[ApiToken]) -> Blueprint:
    """Return the API of one desk, open to the bearers of `tokens`."""
    blueprint = Blueprint("api", __name__, url_prefix="/v1")
    api = Api(desk)
    for operation in OPERATIONS:
        rule = operation.path.replace("{", "<").replace("}", ">")
        blueprint.add_url_rule(rule, operation.name, getattr(api, operation.name), methods=[operation.method])

    @blueprint.before_request
    def admit() -> None:
        personal = (request.endpoint or "").rpartition(".")[2] in PERSONAL
        g.actor = authenticate(request.headers.get("Authorization"), request.method, tokens, personal=personal)

    blueprint.after_request(_counted)
    return blueprint


class Api:
    """The views, one for each operation."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def description(self) -> Response:
        """Answer the description of the API."""
        return _json(openapi.document())

    def accounts(self) -> Response:
        """Answer one page of accounts."""
        asked = _query("standing", "plan", "cursor", "limit")
        page = self._desk.accounts(
            standing=_standing(asked.get("standing")),
            plan=_plan(asked.get("plan")),
            after=cursors.decode("accounts", asked.get("cursor")),
            limit=cursors.limit(asked.get("limit")),
        )
        return _page("accounts", page)

    def account(self, account_id: str) -> Response:
        """Answer one account."""
        _query()
        return _json(self._desk.account(_known_form(account_id)))

    def entitlement(self, account_id: str) -> Response:
        """Answer what the account may use, or that it is what the caller has already."""
        _query()
        response = _json(self._desk.entitlement(_known_form(account_id)))
        response.headers["Cache-Control"] = "private, no-cache"
        response.headers["Vary"] = "Authorization"
        response.set_etag(sha256(response.get_data()).hexdigest()[:32])
        response.make_conditional(request)
        return response

    def timeline(self, account_id: str) -> Response:
        """Answer one page of the account's decisions."""
        asked = _query("cursor", "limit")
        page = self._desk.timeline(
            _known_form(account_id),
            after=cursors.decode("decisions", asked.get("cursor")),
            limit=cursors.limit(asked.get("limit")),
        )
        return _page("decisions", page)

    def evidence(self, account_id: str) -> Response:
        """Answer the account's evidence as a file to keep."""
        _query()
        account = _known_form(account_id)
        response = Response(self._desk.evidence(account), content_type="text/html; charset=utf-8")
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Security-Policy"] = "sandbox"
        response.headers["Content-Disposition"] = f'attachment; filename="{account.replace(":", "_")}.evidence.html"'
        return response

    def plan_change(self, account_id: str) -> Response:
        """Answer what a change of plan would charge, and when it would count."""
        asked = quotes.wanted(_query(*quotes.PARAMETERS))
        return _json(self._desk.plan_change(_known_form(account_id), asked))

    def open_dispute(self, account_id: str) -> Response:
        """Open a dispute by an operator's word."""
        form = self._form(forms.DisputeForm)
        command = OpenDispute(
            amount=form.amount,
            currency=form.currency,
            fee=form.fee,
            fee_currency=form.fee_currency,
            payment=form.payment_id,
            reference=form.reference,
            reason=form.reason,
        )
        return self._ordered(account_id, command)

    def close_dispute(self, dispute_id: str) -> Response:
        """Close a dispute by an operator's word."""
        form = self._form(forms.DisputeClosing)
        account_id = self._desk.account_of_dispute(_known_form(dispute_id))
        command = CloseDispute(dispute=dispute_id, outcome=DisputeStatus(form.outcome))
        return self._ordered(account_id, command, status=200)

    def set_override(self, account_id: str) -> Response:
        """Make an exception."""
        form = self._form(forms.OverrideForm)
        return self._ordered(account_id, SetOverride(kind=form.kind, until=form.until, reason=form.reason))

    def collections(self) -> Response:
        """Answer one page of hand-overs."""
        asked = _query("open", "cursor", "limit")
        page = self._desk.collections(
            only_open=_flag("open", asked.get("open")) or False,
            after=cursors.decode("collections", asked.get("cursor")),
            limit=cursors.limit(asked.get("limit")),
        )
        return _page("collections", page)

    def collection(self, collection_id: str) -> Response:
        """Answer one hand-over."""
        _query()
        return _json(self._desk.collection(_known_form(collection_id)))

    def propose_collection(self, account_id: str) -> Response:
        """Propose to hand a debt over."""
        form = self._form(forms.CollectionForm)
        command = ProposeCollection(reason=form.reason, case=form.case_id, also=tuple(form.include))
        return self._ordered(account_id, command)

    def approve_collection(self, collection_id: str) -> Response:
        """Approve a hand-over."""
        self._form(forms.Approval)
        return self._about(collection_id, ApproveCollection(collection=collection_id))

    def recall_collection(self, collection_id: str) -> Response:
        """Take a hand-over back."""
        form = self._form(forms.Recall)
        return self._about(collection_id, RecallCollection(collection=collection_id, reason=form.reason))

    def approve_credit_report(self, collection_id: str) -> Response:
        """Approve a report to a credit bureau."""
        self._form(forms.Approval)
        return self._about(collection_id, ApproveCreditReport(collection=collection_id))

    def debtor(self, account_id: str) -> Response:
        """Answer who owes."""
        _query()
        return _json(self._desk.debtor(_known_form(account_id)))

    def tell_debtor(self, account_id: str) -> Response:
        """Take in who owes."""
        form = self._form(forms.DebtorForm)
        return self._ordered(account_id, TellDebtor(fields=form.told()), status=200)

    def void_payment(self, account_id: str, payment_id: str) -> Response:
        """Void a recorded transfer."""
        form = self._form(forms.Recall)
        command = VoidPayment(payment=_known_form(payment_id), reason=form.reason)
        return self._ordered(account_id, command, status=200)

    def grant_mandate(self, account_id: str) -> Response:
        """Record a mandate."""
        form = self._form(forms.MandateForm)
        return self._ordered(account_id, GrantMandate(by=form.granted_by, reference=form.reference))

    def revoke_mandate(self, account_id: str, mandate_id: str) -> Response:
        """Revoke a mandate."""
        _query()
        return self._ordered(account_id, RevokeMandate(mandate=_known_form(mandate_id)), status=200)

    def choose_delivery(self, account_id: str) -> Response:
        """Take in how letters shall come."""
        form = self._form(forms.DeliveryForm)
        return self._ordered(account_id, ChooseDelivery(by=form.by), status=200)

    def _about(self, collection_id: str, command: Command) -> Response:
        account_id = self._desk.account_of_collection(_known_form(collection_id))
        return self._ordered(account_id, command, status=200)

    def request_closure(self, account_id: str) -> Response:
        """Record that the organisation asks to be deleted; one that is under way is answered as the repeat it is."""
        form = self._form(forms.ClosureForm)
        known = {one["id"] for one in self._desk.account(_known_form(account_id))["closures"]}
        return self._ordered(account_id, RequestClosure(reason=form.reason or ""), known=known)

    def withdraw_closure(self, account_id: str) -> Response:
        """Take a closure back."""
        form = self._form(forms.ClosureForm)
        return self._ordered(account_id, WithdrawClosure(reason=form.reason or ""), status=200)

    def approve_deletion(self, account_id: str) -> Response:
        """Approve that data go."""
        form = self._form(forms.DeletionApproval)
        return self._ordered(account_id, ApproveDeletion(reason=form.reason, subject=form.subject), status=200)

    def certificates(self, account_id: str) -> Response:
        """Answer the certificates of what was destroyed."""
        _query()
        return _json(self._desk.certificates(_known_form(account_id)))

    def record_payment(self, account_id: str) -> Response:
        """Record a transfer; one that is known by the bank's own id is answered as the repeat that it is."""
        form = self._form(forms.PaymentForm)
        command = RecordPayment(
            amount=form.amount,
            currency=form.currency,
            received_at=form.received_at,
            received_on=form.date,
            reference=form.reference,
            invoice=form.invoice_id,
            transaction=form.transaction_id,
        )
        known = {one["transaction_id"] for one in self._desk.account(_known_form(account_id))["payments"]}
        repeated = form.transaction_id is not None and form.transaction_id in known
        return self._ordered(account_id, command, status=200 if repeated else 201)

    def book_add_on(self, account_id: str) -> Response:
        """Book an add-on."""
        form = self._form(forms.AddOnForm)
        command = BookAddOn(
            kind=form.kind,
            quantity=form.quantity,
            unit_price=form.unit_price,
            currency=form.currency,
            period_ends_at=form.period_ends_at,
            subscription=form.subscription_id,
        )
        return self._ordered(account_id, command)

    def cancel_add_on(self, account_id: str, add_on_id: str) -> Response:
        """Cancel an add-on."""
        _query()
        return self._ordered(account_id, CancelAddOn(add_on=_known_form(add_on_id)), status=200)

    def approve_override(self, account_id: str, override_id: str) -> Response:
        """Approve an exception as a second person."""
        self._form(forms.Approval)
        return self._ordered(account_id, ApproveOverride(override=_known_form(override_id)), status=200)

    def deny_override(self, account_id: str, override_id: str) -> Response:
        """Decline an exception that waits for a second person."""
        form = self._form(forms.Refusal)
        command = DeclineOverride(override=_known_form(override_id), reason=form.reason)
        return self._ordered(account_id, command, status=200)

    def agree_terms(self, account_id: str) -> Response:
        """Put an account under a policy of its own, or end that."""
        form = self._form(forms.TermsForm)
        if form.until is None:
            return self._ordered(account_id, EndTerms(reason=form.reason))
        text = form.document if form.policy is None else self._desk.policy(form.policy)
        return self._ordered(account_id, AgreeTerms(document=text or "", until=form.until, reason=form.reason))

    def refund_requests(self) -> Response:
        """Answer one page of requests for refunds."""
        asked = _query("state", "late", "cursor", "limit")
        page = self._desk.refund_requests(
            state=_refund_state(asked.get("state")),
            late=_flag("late", asked.get("late")),
            after=cursors.decode("refund_requests", asked.get("cursor")),
            limit=cursors.limit(asked.get("limit")),
        )
        return _page("refund_requests", page)

    def request_refund(self) -> Response:
        """Ask for a refund; who asks again for the same payment gets the first answer."""
        form, actor, new = self._form(forms.RefundForm), g.actor, []
        by_day = form.transaction_date is not None
        command = RequestRefund(
            payment=form.payment_id,
            licence=form.licence_id,
            paid_on=form.paid_on,
            paid_amount=form.amount if by_day else None,
            amount=None if by_day else form.amount,
            currency=form.currency,
            reason=form.reason or "",
            contact_email=form.contact_email,
            organisation=form.organisation,
        )

        def act(keep: Keep) -> Document:
            document, made = self._desk.request_refund(form.account_id, command, actor, keep)
            new.append(made)
            return document

        document, repeated = self._once(actor, act)
        return _json(document, 201 if not repeated and new[0] else 200)

    def refund_request(self, request_id: str) -> Response:
        """Answer one request for a refund."""
        _query()
        return _json(self._desk.refund_request(_known_form(request_id)))

    def approve_refund(self, request_id: str) -> Response:
        """Say yes to a request."""
        form = self._form(forms.RefundApproval)
        command = DecideRefund(request=request_id, approve=True, amount=form.amount, reason=form.reason or "")
        return self._ordered(self._desk.account_of_request(_known_form(request_id)), command, status=200)

    def deny_refund(self, request_id: str) -> Response:
        """Say no to a request."""
        form = self._form(forms.RefundDenial)
        command = DecideRefund(request=request_id, approve=False, reason=form.reason or "")
        return self._ordered(self._desk.account_of_request(_known_form(request_id)), command, status=200)

    def mark_deployed(self, account_id: str, licence_id: str) -> Response:
        """Say that a licence is in use."""
        form = self._form(forms.Deployment)
        return self._ordered(account_id, MarkDeployed(licence=_known_form(licence_id), reason=form.reason))

    def note_cancellation(self, account_id: str) -> Response:
        """Note that the customer cancelled by notice."""
        form = self._form(forms.CancellationForm)
        return self._ordered(account_id, NoteCancellation(reason=form.reason, subscription=form.subscription_id))

    def record_move(self, account_id: str) -> Response:
        """Record that an account was moved to on-premise."""
        form = self._form(forms.MigrationForm)
        return self._ordered(account_id, RecordMove(moved_at=form.moved_at, reason=form.reason))

    def move_credit(self, account_id: str) -> Response:
        """Record what was bought or spent of prepaid credit, or that a pot has ended."""
        form = self._form(forms.CreditForm)
        if form.amount is None or form.currency is None:
            return self._ordered(account_id, EndCredit(pot=form.pot, reference=form.reference))
        command = MoveCredit(
            pot=form.pot,
            entry=CreditEntry(form.entry),
            amount=form.amount,
            currency=form.currency,
            use=form.use,
            incurred_at=form.incurred_at,
            reference=form.reference,
        )
        return self._ordered(account_id, command)

    def _form(self, form: type[forms.AnyForm]) -> forms.AnyForm:
        _query()
        return forms.read(_body() or forms.EMPTY.get(form, b""), form)

    def _ordered(
        self, account_id: str, command: Command, *, status: int = 201, known: Collection[str] = ()
    ) -> Response:
        """Carry a command out, once for each Idempotency-Key; what was `known` before is not made anew."""
        account, actor = _known_form(account_id), g.actor
        document, repeated = self._once(actor, lambda keep: self._desk.order(account, command, actor, keep))
        return _json(document, 200 if repeated or document.get("id") in known else status)

    def _once(self, actor: str, act: Callable[[Keep], Document]) -> tuple[Document, bool]:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return act(forgotten), False
        if not IDEMPOTENCY_KEY.fullmatch(key):
            raise BadRequestError("`Idempotency-Key` has 1 to 255 visible ASCII characters.")
        asked = sha256(b"\0".join((request.method.encode(), request.path.encode(), _body()))).digest()
        return self._desk.once(actor=actor, key=key, request=asked, act=act)


def _known_form(identifier: str) -> str:
    """Return an id that could be one; any other is not found, as no account or dispute has it."""
    if not ID.fullmatch(identifier):
        raise NotFoundError("There is nothing under such an id.")
    return identifier


def _standing(text: str | None) -> str | None:
    if text is not None and text not in {*Standing}:
        raise BadRequestError(f"`standing` is one of {', '.join(Standing)}.")
    return text


def _refund_state(text: str | None) -> str | None:
    if text is not None and text not in {*RefundState}:
        raise BadRequestError(f"`state` is one of {', '.join(RefundState)}.")
    return text


def _flag(name: str, text: str | None) -> bool | None:
    if text not in (None, "true", "false"):
        raise BadRequestError(f"`{name}` is true or false.")
    return None if text is None else text == "true"


def _plan(text: str | None) -> str | None:
    if text is not None and not (text and text.isprintable()):
        raise BadRequestError("`plan` is the name of a plan.")
    return text


def _query(*known: str) -> dict[str, str]:
    """Return the query's parameters; what is unknown, or given twice, is refused."""
    for name, values in request.args.lists():
        if name not in known:
            raise BadRequestError("The query has a parameter that is not known here.")
        if len(values) > 1:
            raise BadRequestError(f"`{name}` is given more than once.")
    return request.args.to_dict()


def _body() -> bytes:
    if "body" not in g:
        g.body = read_body(request.stream, LARGEST_BODY, request.content_length)
    body: bytes = g.body
    return body


def _page(name: str, page: Page) -> Response:
    cursor = None if page.after is None else cursors.encode(name, page.after)
    return _json({name: page.items, "next_cursor": cursor})


def _json(document: Document, status: int = 200) -> Response:
    response = Response(msgspec.json.encode(document), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _counted(response: Response) -> Response:
    metrics.REQUESTS.labels(request.method, str(response.status_code)).inc()
    return response
