"""The tables of a policy document about debts: each key with its meaning, unit and default."""

from __future__ import annotations

from dataclasses import dataclass

from kulanz.policy.calendar.time import Span
from kulanz.policy.document import reading as read

TEXTS = ("reminder", "demand", "last_demand")
"""The dunning letters that there are, from the friendliest to the last: one template of each in every language."""

TOLD = (
    "birth_name",
    "postal_address",
    "email",
    "age",
    "profession",
    "phone",
    "contract_date",
    "passport_copy",
)
"""The fields of a debtor from the merchant, as far as a policy may name them; `age` follows from the birth date."""
DERIVED = ("arrears", "invoices", "statement")
"""The fields of a debt that we know ourselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRules:
    """A dunning letter (dunning-at 4)."""

    after: Span = read.key(read.span, "from what `levels_from` names to when it goes out")
    text: str = read.key(read.one_of(*TEXTS), "which letter it is: a reminder, a demand, or the last demand")
    fee: tuple[tuple[str, int], ...] = read.key(
        read.amounts,
        "what it costs the debtor by currency, in minor units: recorded as owed, never charged by us",
        default=(),
    )
    clause: str = read.key(read.clause, "clause that it names", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditReportRules:
    """Report to a credit bureau about a debt that was handed over, by a step of its own (dunning-at 6)."""

    fields: tuple[str, ...] = read.key(
        read.some_of(*TOLD, *DERIVED),
        "what it is told, where it is held; without any nothing is reported",
        read.LESS,
        default=(),
    )
    clause: str = read.key(read.clause, "clause that a report names", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionRules:
    """When a debt may be handed over to a collection agency, and with what (dunning-at 5)."""

    fields: tuple[str, ...] = read.key(
        read.some_of(*TOLD, *DERIVED),
        "what goes with a debt, where it is held; without any no debt is handed over",
        read.LESS,
        default=(),
    )
    only_where_needed: tuple[str, ...] = read.key(
        read.some_of(*TOLD),
        "those of them that go only where the proposal says that they are needed",
        read.MORE,
        default=(),
    )
    after: Span = read.key(
        read.span,
        "from the delivery of the last dunning letter (without levels: from giving up) to a hand-over",
        default=Span(days=14),
    )
    minimum: tuple[tuple[str, int], ...] = read.key(
        read.amounts, "what a debt must be at least, by currency, in minor units", default=()
    )
    clause: str = read.key(read.clause, "clause that a hand-over names", default="")
    credit_report: CreditReportRules = read.table(CreditReportRules, "reports to a credit bureau")


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterRules:
    """Notices by letter, for customers who chose letters (dunning-at 2)."""

    notices: tuple[str, ...] = read.key(
        read.some_of("grace_started", "grace_reminder", "grace_warning", "downgraded", "dunning_level"),
        "which notices about a debt go by letter where the customer chose letters; the others go by mail",
        read.NEUTRAL,
        default=(),
    )
    by: str = read.key(
        read.one_of("file", "callback"),
        "whether a letter is left in `letters` for the print partner, or sent to your product as a callback",
        read.NEUTRAL,
        default="file",
    )
    clause: str = read.key(read.clause, "clause that the choice of letters names", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateRules:
    """Direct-debit mandates (dunning-at 3)."""

    clause: str = read.key(read.clause, "clause that granting and revoking name", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRules:
    """Money that reaches the merchant outside the provider (dunning-at 4)."""

    clause: str = read.key(read.clause, "clause that a transfer recorded by hand names", default="")
