"""Effects of a decision: mails to customers, callbacks to the merchant's product, alerts, calls to the provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kulanz.policy import facts as f
from kulanz.policy.areas import ASKS
from kulanz.policy.areas.collections import debts, delivery, levels
from kulanz.policy.areas.dunning import notices
from kulanz.policy.book import Book
from kulanz.policy.calendar.time import rfc3339
from kulanz.policy.consequences import callbacks, letters
from kulanz.policy.consequences.changes import notice_clause
from kulanz.policy.consequences.outcomes import reported, still_wanted
from kulanz.policy.document import Policy
from kulanz.policy.effects import NOTICE_DUE, AlertOperators, Effect, Notify, SendLetter, SendMail
from kulanz.policy.identity import effect_id
from kulanz.policy.state import Access, Account, Change, Decision, Standing

__all__ = [
    "effects",
    "entitlement",
    "reported",
    "rfc3339",
    "still_wanted",
]

ALWAYS_ALLOWED = ("login", "export", "explain")
ALLOWED: Mapping[Access, tuple[str, ...]] = {
    Access.NONE: ALWAYS_ALLOWED,
    Access.FREE: (*ALWAYS_ALLOWED, "use_free"),
    Access.FULL: (*ALWAYS_ALLOWED, "use_free", "use_paid"),
}
"""The possible actions with each access; a closed account has none."""
_CALLED_BACK = frozenset({notices.REMINDER, notices.WARNING, levels.NOTICE})
"""Notices of a case that also go to the merchant's product."""
_SHARED_ALERTS = frozenset({"mass_action_brake"})
"""Alerts that concern no single account: all accounts share one alert an hour."""


def entitlement(account: Account) -> dict[str, Any]:
    """Return the rights of the account, as the API and every callback state them (CONTRACT sections 3 and 4)."""
    quantities = {"quantities": dict(account.quantities)} if account.quantities else {}
    closed = account.standing is Standing.CLOSED
    allows = () if closed else ALLOWED[account.access]
    return {
        "plan": account.plan,
        "access": str(account.access),
        "allows": list(allows),
        "add_ons": list(account.add_ons),
        **quantities,
        "version": account.version,
    }


def effects(account: Account, decision: Decision) -> Iterator[Effect]:
    """Yield every outgoing action of a decision; `account` is the state before it."""
    yield from _callbacks(account, decision)
    for fact in decision.facts:
        if (asks := ASKS.get(type(fact))) is not None:
            yield from asks(fact, decision)
        elif isinstance(fact, f.NoticeReported):
            yield from _notice(account, decision, fact)
        elif isinstance(fact, f.OperatorsAlerted):
            yield _alert(account, fact)
    for change in decision.changes:
        if (asks := ASKS.get(change.rule)) is not None:
            yield from asks(change, decision)


def _alert(account: Account, fact: f.OperatorsAlerted) -> AlertOperators:
    about = f"{fact.at:%Y%m%d%H}" if fact.topic in _SHARED_ALERTS else f"{account.id}|{fact.subject}"
    ident = effect_id("alert", fact.topic, about)
    return AlertOperators(id=ident, topic=fact.topic, subject=fact.subject, data={"account_id": account.id})


def _callbacks(account: Account, decision: Decision) -> Iterator[Notify]:
    stated: set[str] = set()
    heard = [change for change in decision.changes if change.callback is not None]
    for change in sorted(heard, key=lambda change: (-change.rank, change.subject)):
        kind = change.callback or ""
        # A hold that ends while another one still takes the same is no reinstatement.
        if kind == "account.reinstated" and decision.account.access is Access.NONE:
            continue
        # Several cases may begin or end at once; suspended and reinstated is the account as a whole.
        if not (kind in stated and kind in {"account.suspended", "account.reinstated"}):
            stated.add(kind)
            yield _notify(account, decision, kind, change)
    first = account.decided_at is None
    news = decision.account.rights != account.rights if first else decision.account.version != account.version
    if news and not stated - {"account.grace_started", "account.dispute_opened"}:
        yield _notify(account, decision, "account.entitlement_changed", decision.principal)


def _notify(account: Account, decision: Decision, kind: str, change: Change | None, step: int = 0) -> Notify:
    subject = change.subject if change else account.id
    data: dict[str, Any] = {
        "entitlement": entitlement(decision.account),
        "standing": str(decision.account.standing),
        "reason": {"rule": change.rule if change else "", "clause": (change.clause or None) if change else None},
        **letters.jsonable(callbacks.details(kind, change.detail) if change else {}),
    }
    ident = effect_id(account.id, "callback", kind, subject, step, account.sequence)
    return Notify(id=ident, type=kind, subject=subject, step=step, data=data)


def _notice(account: Account, decision: Decision, fact: f.NoticeReported) -> Iterator[Effect]:
    yield from _sent(account, decision, fact)
    state = decision.state
    case = state.case(fact.subject)
    if case is not None and not case.claim and fact.kind in _CALLED_BACK:
        detail: dict[str, Any] = {
            "case": case.key,
            "subscription": case.subscription,
            "grace_ends_at": case.deadline,
        }
        params = debts.content(case.key, state) if fact.kind == levels.NOTICE else {}
        rule, clause = f"notice.{fact.kind}", notice_clause(case, fact)
        change = Change(rule=rule, clause=clause, policy=case.policy, subject=fact.subject, detail=detail | params)
        yield _notify(account, decision, f"account.{fact.kind}", change, fact.step)


def _sent(account: Account, decision: Decision, fact: f.NoticeReported) -> Iterator[Effect]:
    """Yield the notice on the channel that the customer chose: a letter if there is an address, else a mail."""
    book, state = decision.account.book, decision.state
    case = state.case(fact.subject)
    postal = delivery.postal_address(case, fact.kind, book) if case is not None else None
    if case is not None and postal is not None:
        yield SendLetter(
            id=effect_id(account.id, "letter", fact.kind, fact.subject, fact.step),
            notice=fact.kind,
            subject=fact.subject,
            step=fact.step,
            to=postal,
            by=case.policy.letters.by,
            locale=book.word("locale"),
            data=letters.content(fact.subject, case.subscription, decision) | _own_zone(book),
        )
        return
    policy = _policy(fact.subject, decision)
    if policy is not None and not policy.mails_by_us(fact.kind):
        yield _left_to_product(account, decision, fact)
        return
    addressed = letters.address(fact.subject, state, book, decision.changes)
    if addressed is not None:
        subscription, to = addressed
        yield SendMail(
            id=effect_id(account.id, "mail", fact.kind, fact.subject, fact.step),
            notice=fact.kind,
            subject=fact.subject,
            step=fact.step,
            to=to,
            locale=book.word("locale"),
            data=letters.content(fact.subject, subscription, decision) | _own_zone(book),
        )


def _left_to_product(account: Account, decision: Decision, fact: f.NoticeReported) -> Notify:
    """Return the callback that tells the merchant's product what to write to its customer."""
    state, book = decision.state, decision.account.book
    case = state.case(fact.subject)
    subscription = next(iter(state.concerned(fact.subject)), "")
    content = letters.content(fact.subject, subscription, decision) | _own_zone(book)
    return Notify(
        id=effect_id(account.id, "notice", fact.kind, fact.subject, fact.step),
        type=NOTICE_DUE,
        subject=fact.subject,
        step=fact.step,
        data={
            "entitlement": entitlement(decision.account),
            "standing": str(decision.account.standing),
            "reason": {"rule": f"notice.{fact.kind}", "clause": content.get("clause")},
            "notice": fact.kind,
            "step": fact.step,
            "locale": book.word("locale"),
            "claim": case is not None and case.claim,
            "content": content,
        },
    )


def _policy(subject: str, decision: Decision) -> Policy | None:
    """Return the policy that governs the notices about a matter."""
    state = decision.state
    matter = state.case(subject) or state.chargeback(subject) or state.refund(subject)
    change = next((change for change in decision.changes if change.subject == subject), None)
    return matter.policy if matter is not None else change.policy if change is not None else None


def _own_zone(book: Book) -> dict[str, str]:
    """Return the time zone in which an account's deadlines are shown, where it has one of its own."""
    zone = book.word("timezone")
    return {"timezone": zone} if zone else {}
