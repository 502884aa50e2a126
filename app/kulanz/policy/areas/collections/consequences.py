"""Consequences of a debt's change: callbacks, alerts, and the files that collectors get."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from kulanz.policy import facts as f
from kulanz.policy.areas.collections import packages
from kulanz.policy.book import Book
from kulanz.policy.book.collections import Collection, Mandate, Transfer
from kulanz.policy.effects import DropFile, Effect
from kulanz.policy.state import Account, CaseState, Change, Decision, State, Terms, Transition

FOLDER = "collections"
HANDOVER, RECALL, REPORT = "handover", "recall", "credit-report"
_NOTHING = Collection()
_NO_MANDATE = Mandate()
_NO_TRANSFER = Transfer()
FILED = frozenset({"collections.handed_over", "collections.recalled", "collections.reported"})
"""The rules of the steps that send a callback to the product, and that produce a file."""
_PAID_THERE = "paid_in_collections"


def changes(step: Transition) -> Iterator[Change]:
    """Yield the transfers that were recorded, the steps of hand-overs, and the changes of the debtor's data."""
    old, new = step.old, step.new
    if new.transfers is not old.transfers:
        yield from _of_transfers(step)
    if new.collections is not old.collections:
        yield from _of_collections(step)
    if new.mandates is not old.mandates:
        yield from _of_mandates(step)
    if new.addresses is not old.addresses:
        yield from _of_delivery(step)
    if new.debtors is not old.debtors:
        yield from _of_debtor(step)


def _of_transfers(step: Transition) -> Iterator[Change]:
    for key, transfer in step.new.transfers.items():
        heard = step.old.transfers.get(key, _NO_TRANSFER)
        if heard != transfer:
            yield from _of_transfer(heard, transfer, step.terms)


def _of_collections(step: Transition) -> Iterator[Change]:
    for key, collection in step.new.collections.items():
        existing_collection = step.old.collections.get(key, _NOTHING)
        if existing_collection != collection:
            yield from _of_collection(key, existing_collection, collection, step)


def _of_delivery(step: Transition) -> Iterator[Change]:
    chosen, policy = step.new.word("delivery"), step.terms.current
    if chosen != step.old.word("delivery"):
        yield Change(
            rule="delivery.chosen",
            clause=policy.letters.clause,
            policy=policy,
            subject=step.account.id,
            rank=6,
            detail={"by": chosen},
        )


def _of_debtor(step: Transition) -> Iterator[Change]:
    if step.new.debtors != step.old.debtors:
        fact, policy = step.new.debtors["debtor"].told, step.terms.current
        detail = {"actor": fact.actor, "fields": [name for name, _ in fact.fields]}
        yield Change(rule="debtor.told", clause="", policy=policy, subject="debtor", rank=6, detail=detail)


def _of_mandates(step: Transition) -> Iterator[Change]:
    policy = step.terms.current
    clause = policy.mandates.clause
    for key, mandate in step.new.mandates.items():
        existing_mandate = step.old.mandates.get(key, _NO_MANDATE)
        if mandate.granted is not None and existing_mandate.granted is None:
            stated = {"mandate": key, "actor": mandate.granted.actor, "by": mandate.granted.by}
            yield Change(rule="mandate.granted", clause=clause, policy=policy, subject=key, rank=7, detail=stated)
        if mandate.revoked is not None and existing_mandate.revoked is None:
            stated = {"mandate": key, "actor": mandate.revoked.actor}
            yield Change(
                rule="mandate.revoked",
                clause=clause,
                policy=policy,
                subject=key,
                rank=36,
                detail=stated,
                callback="mandate.revoked",
            )


def alerts(state: State, book: Book) -> Iterator[tuple[str, str]]:
    """Yield overpayments, payments to us instead of the agency, and mandates that must not be debited any more."""
    yield from ((key, "mandate_revoked") for key, mandate in book.mandates.items() if mandate.revoked is not None)
    for key, transfer in book.transfers.items():
        shares = transfer.shares
        if transfer.unmatched > 0:
            elsewhere = transfer.told is not None and transfer.told.another_account is not None
            yield key, "transfer_names_another_account" if elsewhere else "overpaid"
        elif any(_paid_twice(share.claim, book) for share in shares):
            yield key, "paid_twice"
        handed = {case.invoice for case in state.cases if case.state is CaseState.IN_COLLECTIONS}
        if any(share.claim in handed for share in shares):
            yield key, _PAID_THERE


def files(change: Change, decision: Decision) -> Iterator[Effect]:
    """Yield the file that a change produces for the agency or bureau, for every cause of the change."""
    account = decision.account
    collection = account.book.collections.get(change.subject)
    match change.rule, collection:
        case "collections.handed_over", Collection(handed=f.ClaimHandedOver(id=ident, package=package)):
            yield _file(account, ident, HANDOVER, package)
        case "collections.reported", Collection(reported=f.ClaimReported(id=ident, package=package)):
            yield _file(account, ident, REPORT, package)
        case "collections.recalled", Collection(recalled=f.CollectionRecalled(id=ident, cause=cause, at=at)):
            yield _file(account, ident, RECALL, packages.recall(ident, cause, at))
        case _:
            pass


def _file(account: Account, ident: str, kind: str, content: str) -> DropFile:
    digest = sha256(f"{account.id}|{kind}|{ident}".encode()).hexdigest()[:32]
    return DropFile(id=f"ef_{digest}", folder=FOLDER, subject=ident, kind=kind, content=content)


def _paid_twice(claim: str, book: Book) -> bool:
    invoice = book.invoice(claim)
    return invoice is not None and invoice.paid


def _of_transfer(existing_transfer: Transfer, transfer: Transfer, terms: Terms) -> Iterator[Change]:
    """Name a transfer, or that it is void. The payer's text is personal and stays in the book."""
    fact, voided = transfer.told, transfer.voided
    if fact is None:
        return
    policy = terms.at(fact.at)
    clause = policy.transfers.clause
    about: dict[str, Any] = {"payment": fact.id, "amount": fact.amount, "currency": fact.currency}
    if existing_transfer.told is None:
        unmatched = fact.amount - sum(share.amount for share in fact.shares)
        paid = {
            "received_at": fact.received_at,
            "unmatched": unmatched,
            "claims": len(fact.shares),
            "another_account": fact.another_account,
            "actor": fact.actor,
        }
        yield Change(
            rule="payment.recorded", clause=clause, policy=policy, subject=fact.id, rank=35, detail=about | paid
        )
    if voided is not None and existing_transfer.voided is None:
        why = {"actor": voided.actor, "reason": voided.reason}
        yield Change(rule="payment.voided", clause=clause, policy=policy, subject=fact.id, rank=36, detail=about | why)


def _of_collection(ident: str, collection: Collection, now: Collection, step: Transition) -> Iterator[Change]:
    """Name the outcome of a hand-over. The file that was sent is personal and stays in the book."""
    fact = now.proposed
    if fact is None:
        return
    case = step.after.case(fact.case) or (step.before.case(fact.case) if step.before else None)
    policy = case.policy if case else step.terms.at(fact.opened_at)
    about = {"collection": ident, "case": fact.case, "currency": case.currency if case else None}
    for rule, rank, detail in _steps(fact, collection, now):
        reports = rule.startswith("collections.report")
        clause = policy.collections.credit_report.clause if reports else policy.collections.clause
        yield Change(
            rule=rule,
            clause=clause,
            policy=policy,
            subject=ident,
            rank=rank,
            detail=about | detail,
            callback=rule if rule in FILED else None,
        )


def _steps(
    fact: f.CollectionProposed, collection: Collection, now: Collection
) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield the rule, the rank and the detail of each step that is new."""
    if collection.proposed is None:
        yield "collections.proposed", 50, {"actor": fact.actor, "reason": fact.reason, "approves": fact.approves}
    for _, actor in sorted(set(now.approvals) - set(collection.approvals)):
        yield "collections.approved", 51, {"actor": actor}
    if collection.handed is None and now.handed is not None:
        yield "collections.handed_over", 82, _handed(now.handed, now)
    for _, actor in sorted(set(now.reports) - set(collection.reports)):
        yield "collections.report_approved", 51, {"actor": actor}
    if collection.reported is None and now.reported is not None:
        yield "collections.reported", 81, {"fields": list(now.reported.fields)}
    if collection.recalled is None and now.recalled is not None:
        rule = "collections.recalled" if now.handed is not None else "collections.withdrawn"
        ended = now.recalled
        yield rule, 83, {"cause": ended.cause, "actor": ended.actor, "reason": ended.reason}


def _handed(handed: f.ClaimHandedOver, now: Collection) -> dict[str, Any]:
    return {
        "amount": handed.amount,
        "fields": list(handed.fields),
        "statement_sha256": handed.statement_sha256,
        "approved_by": sorted({actor for _, actor in now.approvals}),
    }
