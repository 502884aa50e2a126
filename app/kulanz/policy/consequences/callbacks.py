"""Types of the callbacks to the merchant's product: what each one carries, and the source of its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from kulanz.policy.state import Access, Standing

Instant = Annotated[datetime, Meta(tz=True)]


class CallbackEntitlement(Struct, frozen=True, kw_only=True):
    """Entitlement of the account after the change; `version` grows with every change of it."""

    plan: str
    access: Access
    allows: list[str]
    add_ons: list[str]
    quantities: dict[str, int] | UnsetType = UNSET
    version: int


class CallbackReason(Struct, frozen=True, kw_only=True):
    """Rule of the policy that led to the callback, and the clause of the merchant's terms."""

    rule: str
    clause: str | None


class AccountCallback(Struct, frozen=True, kw_only=True):
    """Fields of every callback about an account."""

    account_id: str
    entitlement: CallbackEntitlement
    standing: Standing
    reason: CallbackReason


class CaseCallback(AccountCallback, frozen=True, kw_only=True):
    """Step of a dunning case."""

    case: str
    subscription: str
    invoice: str | None
    was_on_hold: bool
    grace_ends_at: Instant
    failures: int
    unverified: bool | UnsetType = UNSET
    """True: the provider could not be asked before access was taken."""
    stays_on_hold: bool | UnsetType = UNSET
    """True: the subscription has ended, and the hold lasts until the debt is paid."""


class ReminderCallback(AccountCallback, frozen=True, kw_only=True):
    """Reminder or final warning of a dunning case."""

    case: str
    subscription: str
    grace_ends_at: Instant


class DunningLetterCallback(ReminderCallback, frozen=True, kw_only=True):
    """Dunning letter, with its fee and the sum that is owed, in minor units."""

    letter: str | UnsetType | None = UNSET
    level: int | UnsetType = UNSET
    levels: int | UnsetType = UNSET
    fee: int | UnsetType = UNSET
    fees: int | UnsetType = UNSET
    total_due: int | UnsetType = UNSET
    collections: bool | UnsetType = UNSET
    """Whether a debt that stays unpaid may be handed over."""
    overdue_since: Instant | UnsetType = UNSET
    invoice: str | UnsetType | None = UNSET


class DisputeCallback(AccountCallback, frozen=True, kw_only=True):
    """Chargeback that was opened."""

    dispute: str
    status: str
    amount: int
    currency: str
    decimals: int | UnsetType = UNSET
    fee: int | None
    payment: str | None
    data_deletion_eligible_at: Instant | None


class HoldCallback(AccountCallback, frozen=True, kw_only=True):
    """Suspension or its end: fields of the chargeback, or of the operator's exception."""

    dispute: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    amount: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    decimals: int | UnsetType = UNSET
    fee: int | UnsetType | None = UNSET
    payment: str | UnsetType | None = UNSET
    data_deletion_eligible_at: Instant | UnsetType | None = UNSET
    actor: str | UnsetType = UNSET
    until: Instant | UnsetType | None = UNSET
    kind: str | UnsetType = UNSET
    stated_reason: str | UnsetType = UNSET


class DeletionDueCallback(AccountCallback, frozen=True, kw_only=True):
    """Announcement that the account's data will be deleted."""

    announced_at: Instant
    deletion: str
    """The closure or the chargeback that leads to it."""


class ClosedCallback(AccountCallback, frozen=True, kw_only=True):
    """End of the account: its personal data are destroyed."""

    cause: str
    closed_at: Instant
    actor: str | None
    stated_reason: str | None


class RefundCallback(AccountCallback, frozen=True, kw_only=True):
    """Decision about a refund request; amounts in minor units."""

    request: str
    payment: str
    subscription: str | None
    state: str
    verdict: str
    why: str | None
    amount: int
    refundable_amount: int
    currency: str
    decimals: int | UnsetType = UNSET
    decide_by: Instant
    pay_by: Instant | None
    differs: list[str] | None
    actor: str | None
    stated_reason: str | None
    developer: str | UnsetType = UNSET
    developer_contact: str | UnsetType = UNSET


class HandedOverCallback(AccountCallback, frozen=True, kw_only=True):
    """Debt that was handed over to a collection agency."""

    collection: str
    case: str
    currency: str | None
    amount: int
    fields: list[str]
    statement_sha256: str
    approved_by: list[str]


class RecalledCallback(AccountCallback, frozen=True, kw_only=True):
    """Debt that was called back from the agency."""

    collection: str
    case: str
    currency: str | None
    cause: str
    actor: str | None
    stated_reason: str | None


class ReportedCallback(AccountCallback, frozen=True, kw_only=True):
    """Debt that was reported to a credit bureau."""

    collection: str
    case: str
    currency: str | None
    fields: list[str]


class MandateCallback(AccountCallback, frozen=True, kw_only=True):
    """Direct-debit mandate that was revoked."""

    mandate: str
    actor: str


class NoticeCallback(AccountCallback, frozen=True, kw_only=True):
    """Notice that the product writes to its customer, in place of a mail."""

    notice: str
    step: int
    locale: str | None
    claim: bool
    content: dict[str, Any]
    """The values of the mail's template, by name."""


class LetterCallback(Struct, frozen=True, kw_only=True):
    """Letter for the print service."""

    account_id: str
    notice: str
    to: str
    language: str
    subject: str
    text: str
    html: str


class AlertCallback(Struct, frozen=True, kw_only=True):
    """Alert to operators; other fields depend on the topic."""

    account_id: str | None
    topic: str
    subject: str


CALLBACKS: Mapping[str, type[Struct]] = {
    "account.grace_started": CaseCallback,
    "account.grace_reminder": ReminderCallback,
    "account.grace_warning": ReminderCallback,
    "account.dunning_level": DunningLetterCallback,
    "account.recovered": CaseCallback,
    "account.downgraded": CaseCallback,
    "account.dispute_opened": DisputeCallback,
    "account.suspended": HoldCallback,
    "account.reinstated": HoldCallback,
    "account.entitlement_changed": AccountCallback,
    "account.data_deletion_due": DeletionDueCallback,
    "account.closed": ClosedCallback,
    "refund.decided": RefundCallback,
    "collections.handed_over": HandedOverCallback,
    "collections.recalled": RecalledCallback,
    "collections.reported": ReportedCallback,
    "mandate.revoked": MandateCallback,
    "letter.requested": LetterCallback,
    "notice.due": NoticeCallback,
    "ops.alert": AlertCallback,
}
"""Type of the `data` of each callback."""
OPEN = frozenset({"account.entitlement_changed", "ops.alert"})
"""Callbacks that also carry the details of their cause, which are of many kinds."""
_COMMON = frozenset(AccountCallback.__struct_fields__)
_REASON, _STATED_REASON = "reason", "stated_reason"
"""The words of a person have another name in a callback, whose `reason` is the rule."""
_DETAILS = {
    kind: tuple(
        (_REASON if name == _STATED_REASON else name, name) for name in data.__struct_fields__ if name not in _COMMON
    )
    for kind, data in CALLBACKS.items()
    if kind not in OPEN
}


def details(kind: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return the details of a change that its callback carries."""
    if kind in OPEN:
        return {_STATED_REASON if name == _REASON else name: value for name, value in detail.items()}
    return {name: detail[stored] for stored, name in _DETAILS[kind] if stored in detail}
