"""The tables of a policy document about closure and retention."""

from __future__ import annotations

from dataclasses import dataclass

from kulanz.policy.document import reading as read


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureRules:
    """Closure: what follows when an organisation asks to be deleted (plexo 13)."""

    deletion: str = read.key(
        read.one_of("automatic", "approval"),
        "whether data are deleted automatically once nothing stands in the way, or after an operator's approval",
        default="automatic",
    )
    clause: str = read.key(read.clause, "clause that decisions about closures name", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordClass:
    """Record class: how long its records are kept, and by which law."""

    basis: str = read.key(read.text, 'legal basis, such as "BAO § 132"; a class without one is not kept', default="")
    years: int = read.key(
        read.count, "whole years after the end of the calendar year that a record belongs to", default=0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRules:
    """Retention: which records of a closed or erased account are kept, and what happens at the end (dunning-at)."""

    destroy: str = read.key(
        read.one_of("automatic", "approval"),
        "whether records are destroyed by a timer when retention ends, or by `kulanz retention destroy`",
        default="approval",
    )
    clause: str = read.key(read.clause, "clause that decisions about retention name", default="")
    settlements: RecordClass = read.table(RecordClass, "invoices, payments, refunds, orders")
    dunning: RecordClass = read.table(RecordClass, "dunning cases, from the first failure to the end")
    disputes: RecordClass = read.table(RecordClass, "chargebacks")
    interactions: RecordClass = read.table(RecordClass, "notices that were sent, and what operators ordered")
