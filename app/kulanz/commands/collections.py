"""Facts of commands about a hand-over, its debtor and mandates: propose, approve, recall, report; or why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from kulanz.errors import InvalidInputError, NotFoundError, RefusedError
from kulanz.formats.messages import Message, message
from kulanz.policy import facts as f
from kulanz.policy.areas.collections import handover
from kulanz.policy.assess import assess
from kulanz.policy.book.collections import Collection
from kulanz.policy.state import Account, Case, State, Terms

DATES = frozenset({"birth_date", "contract_date"})


def proposed(
    account: Account,
    terms: Terms,
    *,
    ident: str,
    case: str | None,
    reason: str,
    also: Iterable[str],
    approves: bool,
    actor: str,
    now: datetime,
) -> f.CollectionProposed:
    """Return the proposal to hand a debt over; raise RefusedError with the policy's unmet conditions."""
    stored_case = _case(_state(account, terms, now), case)
    if handover.current(stored_case, account.book) is not None:
        raise RefusedError(message("a hand-over of this debt is proposed or made already"))
    _check(stored_case, account, terms, now)
    only = stored_case.policy.collections.only_where_needed
    if unknown := sorted(set(also) - set(only)):
        raise InvalidInputError(
            message("include: the policy has no such field that goes only where needed: {unknown}", unknown=unknown[0])
        )
    return f.CollectionProposed(
        id=ident,
        case=stored_case.key,
        opened_at=stored_case.opened_at,
        at=now,
        actor=actor,
        approves=approves,
        reason=reason,
        also=tuple(sorted(set(also))),
    )


def approved(account: Account, terms: Terms, *, ident: str, actor: str, now: datetime) -> f.CollectionApproved:
    """Return the approval of a hand-over by another name than those that approved it before."""
    collection, case = _found(account, terms, ident, now)
    if collection.state != "proposed" or case is None:
        raise RefusedError(
            message(
                "it is {state}: there is nothing to approve", state=Message(text=collection.state.replace("_", " "))
            )
        )
    _another(actor, collection.approvals)
    _check(case, account, terms, now)
    return f.CollectionApproved(id=ident, at=now, actor=actor)


def recalled(
    account: Account, terms: Terms, *, ident: str, reason: str, actor: str, now: datetime
) -> f.CollectionRecalled:
    """Return that a hand-over, or its proposal, is taken back by a person."""
    collection, _ = _found(account, terms, ident, now)
    if collection.recalled is not None:
        raise RefusedError(message("it was recalled already"))
    return f.CollectionRecalled(id=ident, at=now, cause="operator", actor=actor, reason=reason)


def reported(account: Account, terms: Terms, *, ident: str, actor: str, now: datetime) -> f.CreditReportApproved:
    """Return the approval of a report to a credit bureau; never of a debt that is disputed, paid or not handed over."""
    collection, case = _found(account, terms, ident, now)
    if not collection.in_force or case is None:
        raise RefusedError(message("only a debt that is with the agency is reported"))
    if case.frozen_since is not None:
        raise RefusedError(message("the debt is disputed: it is not reported"))
    if not case.policy.collections.credit_report.fields:
        raise RefusedError(message("its policy reports no debts"))
    if collection.reported is not None:
        raise RefusedError(message("it was reported already"))
    _another(actor, collection.reports)
    return f.CreditReportApproved(id=ident, at=now, actor=actor)


def told(account: Account, fields: Mapping[str, str | None], *, actor: str, now: datetime) -> f.DebtorTold:
    """Return the debtor's data; raise InvalidInputError for an invalid date."""
    debtor = account.book.debtors.get("debtor")
    given = {name: value for name, value in fields.items() if value}
    for name in sorted(DATES & given.keys()):
        if _day(name, given[name]) > now.date():
            raise InvalidInputError(message("{name}: that is in the future", name=name))
    number = debtor.told.number + 1 if debtor else 1
    return f.DebtorTold(number=number, at=now, actor=actor, fields=tuple(sorted(given.items())))


def granted(*, ident: str, by: str, reference: str | None, actor: str, now: datetime) -> f.MandateGranted:
    """Return that a mandate is granted, in the portal or by staff."""
    return f.MandateGranted(id=ident, at=now, by=by, actor=actor, reference=reference)


def revoked(account: Account, *, ident: str, actor: str, now: datetime) -> f.MandateRevoked:
    """Return the fact that a mandate is revoked for the future; no reason is asked for."""
    mandate = account.book.mandates.get(ident)
    if mandate is None:
        raise NotFoundError(message("no mandate {ident}", ident=repr(ident)))
    if mandate.revoked is not None:
        raise RefusedError(message("the mandate was revoked already"))
    return f.MandateRevoked(id=ident, at=now, actor=actor)


def delivered_by(account: Account, by: str, *, now: datetime) -> f.AddressKnown:
    """Return the customer's choice of delivery for letters, newer than any choice before, also at the same time."""
    address = account.book.addresses.get("account")
    existing = address.words.get("delivery") if address else None
    return f.AddressKnown(at=max(now, existing[0] + timedelta(microseconds=1)) if existing else now, delivery=by)


def _state(account: Account, terms: Terms, now: datetime) -> State:
    return assess(account.book, terms, account.zone(terms), now)


def _case(state: State, key: str | None) -> Case:
    if key is not None:
        stored_case = state.case(key)
        if stored_case is None:
            raise InvalidInputError(message("case_id: the account has no such open debt"))
        return stored_case
    given_up = [case for case in state.cases if case.given_up]
    if len(given_up) > 1:
        raise InvalidInputError(message("case_id: the account has several debts; say which one"))
    if not given_up:
        raise RefusedError(message("the account has no debt that is given up and could be handed over"))
    return given_up[0]


def _check(case: Case, account: Account, terms: Terms, now: datetime) -> None:
    why = handover.obstacle(case, account.book, account.zone(terms), now)
    if why is not None:
        raise RefusedError(message("this debt may not be handed over: {why}", why=why))


def _found(account: Account, terms: Terms, ident: str, now: datetime) -> tuple[Collection, Case | None]:
    collection = account.book.collections.get(ident)
    if collection is None or collection.proposed is None:
        raise NotFoundError(message("no hand-over {ident}", ident=repr(ident)))
    return collection, _state(account, terms, now).case(collection.proposed.case)


def _another(actor: str, before: Iterable[tuple[datetime, str]]) -> None:
    if any(actor == name for _, name in before):
        raise RefusedError(message("{actor} has approved it already: two approvals need two names", actor=actor))


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(message("{name}: expected a day such as 1980-05-17", name=name)) from None
