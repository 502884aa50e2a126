"""The commands that an account's page offers, and the reading of their forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import msgspec
from werkzeug.datastructures import MultiDict

from kulanz.commands.commands import (
    ApproveOverride,
    CloseDispute,
    Command,
    DecideRefund,
    DeclineOverride,
    NoteContact,
    OpenDispute,
    SetOverride,
)
from kulanz.commands.fields import MAX_AMOUNT, check_year
from kulanz.documents import Account
from kulanz.documents.standing import Dispute
from kulanz.errors import InvalidInputError
from kulanz.formats.messages import Message, message
from kulanz.formats.money import decimals_of
from kulanz.policy.facts import DisputeStatus, OverrideKind
from kulanz.web.api import forms
from kulanz.web.api.form_fields import read
from kulanz.web.console import closing
from kulanz.web.console.reading import reading

FINAL = ("won", "lost", "partially_lost", "accepted", "withdrawn", "prevented")
FIELDS = (
    *("order", "until", "reason", "amount", "currency", "fee", "payment_id", "reference", "answer_by"),
    *("dispute", "outcome", "override", "refund", "subject", "contact_email", "organisation", "decimals"),
    *("channel", "date"),
)
LONGEST_AMOUNT = len(str(MAX_AMOUNT))
"""Digits before the point; the command judges the amount itself."""
OPEN_DISPUTE, CLOSE_DISPUTE = "open_dispute", "close_dispute"
NOTE_CONTACT = "note_contact"
LINK, UNDO_LINK = "link", "undo_link"
APPROVE, DECLINE = "approve_override", "decline_override"
APPROVE_REFUND, DENY_REFUND, REQUEST_REFUND = "approve_refund", "deny_refund", "request_refund"
COMMAND_TITLES = {
    CLOSE_DISPUTE: message("Close the dispute"),
    APPROVE: message("Approve the exception"),
    DECLINE: message("Decline the exception"),
    APPROVE_REFUND: message("Approve the refund"),
    DENY_REFUND: message("Deny the refund"),
    REQUEST_REFUND: message("Ask for the refund"),
    LINK: message("Link the account"),
    UNDO_LINK: message("Take the link back"),
    **closing.CLOSING_TITLES,
}
"""Titles of commands about an existing object or another account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A possible command, with its effect in a sentence."""

    order: str
    title: Message
    what: Message
    until: bool = True


OFFERS = {
    "extend_grace": Offer(
        order="extend_grace",
        title=message("Extend grace"),
        what=message("Access stays on until a later day; the customer may still pay."),
    ),
    "waive": Offer(
        order="waive",
        title=message("Waive"),
        what=message("The debt is waived: the case closes as void, not as paid."),
        until=False,
    ),
    "reinstate": Offer(
        order="reinstate",
        title=message("Reinstate"),
        what=message("The holds are lifted until a day; what is owed stays owed."),
    ),
    "suspend": Offer(
        order="suspend",
        title=message("Suspend"),
        what=message("Access ends at once, until a day; log-in and export stay possible."),
    ),
    "exempt": Offer(
        order="exempt", title=message("Exempt from dunning"), what=message("No grace, reminder or hold until a day.")
    ),
    "legal_hold": Offer(
        order="legal_hold", title=message("Legal hold"), what=message("None of its data is destroyed until a day.")
    ),
    OPEN_DISPUTE: Offer(
        order=OPEN_DISPUTE,
        title=message("Open a dispute"),
        what=message("Record a chargeback that was reported to you; the policy says what follows."),
        until=False,
    ),
    NOTE_CONTACT: Offer(
        order=NOTE_CONTACT,
        title=message("Note a contact"),
        what=message("The customer wrote or spoke to you: a chargeback after it is for you to decide."),
        until=False,
    ),
}


DANGEROUS = frozenset(
    {"suspend", OPEN_DISPUTE, "request_closure", "approve_deletion", "propose_collection", "approve_collection"}
)
"""Commands that take something from the customer: listed apart."""


def offers(account: Account) -> list[Offer]:
    """Return the orders that make sense for an account, the likeliest first."""
    in_grace = any(case.state == "grace" for case in account.dunning_cases)
    sensible = {
        "extend_grace": in_grace,
        "waive": bool(account.dunning_cases),
        "reinstate": bool(account.holds),
        "suspend": account.standing not in {"suspended", "closed"},
        "exempt": account.standing != "closed",
        OPEN_DISPUTE: account.standing != "closed",
        NOTE_CONTACT: account.standing != "closed",
        "legal_hold": True,
    }
    return [OFFERS[order] for order, makes_sense in sensible.items() if makes_sense]


def closable(account: Account) -> list[Dispute]:
    """Return the disputes whose outcome an operator may record."""
    return [item for item in account.disputes if item.status not in FINAL]


def given(form: MultiDict[str, str]) -> dict[str, str]:
    """Return the fields of an order that a form has filled in."""
    return {name: value for name in FIELDS if (value := form.get(name, "").strip())}


def command(fields: dict[str, str]) -> Command:
    """Return the command of these fields; InvalidInputError names their faults."""
    order = fields.get("order", "")
    if order in _COMMANDS:
        return _COMMANDS[order](fields)
    if order in closing.CLOSING_COMMANDS:
        reason = "" if order in closing.WITHOUT_REASON else _reason(fields)
        return closing.CLOSING_COMMANDS[order](fields.get("subject", ""), reason)
    if order not in {*OverrideKind}:
        raise InvalidInputError(message("order: there is no such order."))
    until = None if order == OverrideKind.WAIVE else until_of(fields.get("until", ""))
    form = {"kind": order, "reason": fields.get("reason", ""), "until": until}
    return read(msgspec.json.encode(form), SetOverride)


def _closed(fields: dict[str, str]) -> CloseDispute:
    """Return how a dispute ended."""
    outcome = fields.get("outcome", "")
    if outcome not in FINAL:
        raise InvalidInputError(message("outcome: say how the dispute ended."))
    return CloseDispute(dispute=fields.get("dispute", ""), outcome=DisputeStatus(outcome))


def _second_word(fields: dict[str, str]) -> Command:
    """Return a second person's approval or refusal of an exception."""
    override = fields.get("override", "")
    if fields["order"] == APPROVE:
        return ApproveOverride(override=override)
    return DeclineOverride(override=override, reason=_reason(fields))


def _asked_back(fields: dict[str, str]) -> Command:
    """Return the request for the money of a payment."""
    named = {name: fields.get(name, "") for name in ("contact_email", "organisation")}
    optional = {"reason": fields["reason"]} if "reason" in fields else {}
    # The page names the account.
    form = {"account_id": "-", "payment_id": fields.get("payment_id"), **named, **optional}
    return read(msgspec.json.encode(form), forms.RefundForm).command()


def _refund(fields: dict[str, str]) -> DecideRefund:
    """Return a person's decision about a refund request."""
    written, approve = fields.get("amount"), fields["order"] == APPROVE_REFUND
    amount = (
        _minor("amount", written, fields.get("currency", ""), fields.get("decimals")) if written and approve else None
    )
    reason = _reason(fields) if fields.get("reason") else ""
    return DecideRefund(request=fields.get("refund", ""), approve=approve, amount=amount, reason=reason)


def _reason(fields: dict[str, str]) -> str:
    return read(msgspec.json.encode({"reason": fields.get("reason", "")}), forms.Reason).reason


def _dispute(fields: dict[str, str]) -> OpenDispute:
    currency = fields.get("currency", "").upper()
    fee = fields.get("fee")
    form = {
        "amount": _minor("amount", fields.get("amount", ""), currency),
        "currency": currency,
        "reason": fields.get("reason", ""),
        "fee": _minor("fee", fee, currency) if fee else None,
        "fee_currency": currency if fee else None,
        "payment_id": fields.get("payment_id"),
        "reference": fields.get("reference"),
        "answer_by": until_of(fields["answer_by"], "answer_by") if "answer_by" in fields else None,
    }
    return read(msgspec.json.encode(form), OpenDispute)


def _contact(fields: dict[str, str]) -> NoteContact:
    form = {name: fields.get(name) for name in ("channel", "reason", "payment_id", "date")}
    return read(msgspec.json.encode(form | {"reason": fields.get("reason", "")}), NoteContact)


_COMMANDS: Mapping[str, Callable[[dict[str, str]], Command]] = {
    OPEN_DISPUTE: _dispute,
    CLOSE_DISPUTE: _closed,
    NOTE_CONTACT: _contact,
    APPROVE: _second_word,
    DECLINE: _second_word,
    REQUEST_REFUND: _asked_back,
    APPROVE_REFUND: _refund,
    DENY_REFUND: _refund,
}
"""Conversion of the fields of a command with its own shape."""


def _minor(field: str, written: str, currency: str, decimals: str | None = None) -> int:
    """Return an amount as people write it (`19.99`) in the currency's minor units, or in the provider's."""
    places = int(decimals) if decimals in {"0", "2", "3"} else decimals_of(currency)
    try:
        stated = Decimal(written.replace(",", "."))
    except InvalidOperation as error:
        raise InvalidInputError(message("{field}: an amount such as 19.99.", field=field)) from error
    if not stated.is_finite() or stated.adjusted() > LONGEST_AMOUNT:
        raise InvalidInputError(message("{field}: an amount such as 19.99.", field=field))
    amount = stated.scaleb(places)
    if amount != amount.to_integral_value():
        raise InvalidInputError(
            message(
                "{field}: an amount such as 19.99, with no more decimals than {currency} has.",
                field=field,
                currency=currency,
            )
        )
    return int(amount)


def until_of(written: str, field: str = "until") -> str:
    """Return the timestamp of a browser's date field, which is in the reader's zone."""
    try:
        at = reading().moment(written)
    except (ValueError, OverflowError) as error:
        raise InvalidInputError(message("{field}: say when it ends, as a day and a time.", field=field)) from error
    check_year(field, at)
    return at.isoformat()
