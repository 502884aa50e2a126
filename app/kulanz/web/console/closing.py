"""Commands that end something: closing an account, deleting its data, handing a debt over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kulanz.commands.commands import (
    ApproveCollection,
    ApproveDeletion,
    Command,
    ProposeCollection,
    RecallCollection,
    RequestClosure,
    WithdrawClosure,
)
from kulanz.documents import Account
from kulanz.formats.messages import Message, message

RUNNING_STATES = frozenset({"waiting", "approval", "announced"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A command that applies to the account's present state, about its closure or one of its debts."""

    order: str
    subject: str
    what: Message
    reasoned: bool = True

    @property
    def title(self) -> Message:
        """Title of the command."""
        return CLOSING_TITLES[self.order]


CLOSING_TITLES = {
    "request_closure": message("Close the account"),
    "withdraw_closure": message("Withdraw the closure"),
    "approve_deletion": message("Approve the deletion"),
    "propose_collection": message("Propose collection"),
    "approve_collection": message("Approve collection"),
    "recall_collection": message("Recall from collection"),
}
CLOSING_COMMANDS: dict[str, Callable[[str, str], Command]] = {
    "request_closure": lambda _, reason: RequestClosure(reason=reason),
    "withdraw_closure": lambda _, reason: WithdrawClosure(reason=reason),
    "approve_deletion": lambda subject, reason: ApproveDeletion(reason=reason, subject=subject),
    "propose_collection": lambda subject, reason: ProposeCollection(reason=reason, case=subject),
    "approve_collection": lambda subject, _: ApproveCollection(collection=subject),
    "recall_collection": lambda subject, reason: RecallCollection(collection=subject, reason=reason),
}
WITHOUT_REASON = frozenset({"approve_collection"})


def choices(account: Account) -> list[Choice]:
    """Return the possible commands."""
    return [*_of_closures(account), *_of_debts(account)]


def _of_closures(account: Account) -> Iterator[Choice]:
    running = [item for item in account.closures if item.state in RUNNING_STATES]
    if not running and account.standing != "closed":
        what = message("The organisation asks to be deleted: what is paid for runs out first, and it is announced.")
        yield Choice(order="request_closure", subject="", what=what)
    for item in running:
        yield Choice(order="withdraw_closure", subject=item.id, what=message("The organisation stays after all."))
        if item.state == "approval":
            what = message("Its data are deleted on the announced day; a legal hold or an open dispute keeps them.")
            yield Choice(order="approve_deletion", subject=item.id, what=what)


def _of_debts(account: Account) -> Iterator[Choice]:
    existing = {item.case_id for item in account.collections if item.state in {"proposed", "handed_over"}}
    for case in account.dunning_cases:
        if case.state == "exhausted" and case.id not in existing:
            what = message("Two people, by two names, have to approve it before anything is handed over.")
            yield Choice(order="propose_collection", subject=case.id, what=what)
    for item in account.collections:
        if item.state == "proposed":
            what = message("By your name; the second one hands the debt over.")
            yield Choice(order="approve_collection", subject=item.id, what=what, reasoned=False)
        if item.state in {"proposed", "handed_over"}:
            yield Choice(order="recall_collection", subject=item.id, what=message("The debt is taken back."))
