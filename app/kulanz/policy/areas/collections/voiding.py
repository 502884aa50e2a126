"""A transfer that turns out to be none: what it had paid is owed again, and the promised notice is sent again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kulanz.errors import NotFoundError, RefusedError
from kulanz.policy import facts as f
from kulanz.policy.areas import settling
from kulanz.policy.book import Book
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Account, Case, CaseState, Moment


def voided(account: Account, *, ident: str, reason: str, actor: str, now: datetime) -> f.PaymentVoided:
    """Return that a transfer is void; raise for one that was never recorded, or that is void already."""
    transfer = account.book.transfers.get(ident)
    if transfer is None or transfer.told is None:
        raise NotFoundError(f"no payment {ident!r}")
    if transfer.voided is not None:
        raise RefusedError("the payment is void already")
    return f.PaymentVoided(id=ident, at=now, actor=actor, reason=reason)


def due(case: Case, book: Book, moment: Moment) -> Iterator[OwnFact]:
    """Extend a case in grace whose payment is void by the time of a warning: its customer was told that all is good."""
    if case.state is not CaseState.GRACE:
        return
    times = (
        case.policy.dunning.final_warning.after(transfer.voided.at, moment.zone)
        for fact, transfer in settling.known(book)
        if transfer.voided is not None and any(share.claim in {case.invoice, *case.names} for share in fact.shares)
    )
    deadline = max(times, default=None)
    if deadline is not None and deadline > case.deadline:
        yield f.DeadlinePromised(case=case.key, deadline=deadline)
