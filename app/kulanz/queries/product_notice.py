"""The one sentence that a product shows its users about their account: the subject of the mail that says the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr

from kulanz.config import Settings
from kulanz.documents import Audience, Notice, NoticeSeverity
from kulanz.errors import UntranslatableError
from kulanz.policy.areas.collections import levels
from kulanz.policy.areas.disputes.chargebacks import DELETION
from kulanz.policy.areas.dunning import notices
from kulanz.policy.consequences import letters
from kulanz.policy.state import Account, Case, CaseState, Decision, Hold, Owner, State
from kulanz.queries.views import AccountView
from kulanz.services import brand_of

SUSPENDED = "suspended"
DOWNGRADED = "downgraded"
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matter:
    """A notice to be shown; `notice` names the mail with its text."""

    notice: str
    subject: str
    severity: NoticeSeverity
    who: Audience
    deadline: datetime | None = None


def product_notice(seen: AccountView, settings: Settings, languages: Sequence[str]) -> Notice | None:
    """Return the most severe notice in the first language with a text, else the account's own, else `MAIL_LOCALE`."""
    account, state = seen.account, seen.state
    for matter in sorted(_matters(account, state), key=lambda matter: (_GRAVITY[matter.notice], _until(matter))):
        text = _text(matter, seen, settings, languages)
        if text is not None:
            return Notice.of(matter, text=text, link=settings.billing_url)
    return None


_GRAVITY = {
    notice: rank
    for rank, notice in enumerate(
        (DELETION, SUSPENDED, DOWNGRADED, notices.WARNING, notices.REMINDER, notices.GRACE_STARTED, levels.NOTICE)
    )
}


def _until(matter: _Matter) -> datetime:
    return matter.deadline or _NEVER


def _matters(account: Account, state: State) -> Iterator[_Matter]:
    for hold in state.holds:
        if hold.counts:
            yield from _taken(hold, account, state)
    for case in state.cases:
        if not case.claim and case.frozen_since is None:
            yield from _threatened(case, account, state)


def _taken(hold: Hold, account: Account, state: State) -> Iterator[_Matter]:
    """Yield the loss by a hold, if the policy informs customers of such a hold."""
    if hold.owner is Owner.DUNNING and (case := state.case(hold.source)) is not None:
        yield _loud(DOWNGRADED, hold, case.hold_ends_at if case.state is CaseState.ON_HOLD else None)
    elif hold.owner is Owner.OPERATOR:
        yield _loud(SUSPENDED, hold, None)
    elif hold.owner is Owner.DISPUTE:
        dispute = state.chargeback(hold.source)
        until = dispute.deletion_eligible_at if dispute else None
        announced = until is not None and any(account.book.notices_about(hold.source).of(DELETION))
        yield _loud(DELETION if announced else SUSPENDED, hold, until)


def _loud(notice: str, hold: Hold, deadline: datetime | None) -> _Matter:
    critical, everyone = NoticeSeverity.CRITICAL, Audience.EVERYONE
    return _Matter(notice=notice, subject=hold.source, severity=critical, who=everyone, deadline=deadline)


def _threatened(case: Case, account: Account, state: State) -> Iterator[_Matter]:
    """Yield the notice of a case that has taken nothing, in the words of the last mail about it."""
    if case.state is CaseState.GRACE:
        kind = next((kind for kind in _LATER_MAILS if _was_sent(kind, case, account)), notices.GRACE_STARTED)
        severity = NoticeSeverity.CRITICAL if kind == notices.WARNING else NoticeSeverity.WARNING
        yield _Matter(notice=kind, subject=case.key, severity=severity, who=Audience.PAYER, deadline=case.deadline)
    elif case.state is CaseState.EXHAUSTED and case.pursued and (debt := state.debt(case.key)) and debt.letter:
        yield _Matter(notice=levels.NOTICE, subject=case.key, severity=NoticeSeverity.WARNING, who=Audience.PAYER)


_LATER_MAILS = (notices.WARNING, levels.NOTICE, notices.REMINDER)


def _was_sent(kind: str, case: Case, account: Account) -> bool:
    """Whether a mail of a kind was asked for; a warning counts for the deadline that it announced."""
    return any(
        log.seen is None or log.seen + notices.LATE >= case.deadline
        for name in case.names
        for _, log in account.book.notices_about(name).of(kind)
    )


def _text(matter: _Matter, seen: AccountView, settings: Settings, languages: Sequence[str]) -> str | None:
    """Return the subject of the mail about a notice; None if it cannot be rendered."""
    from kulanz.delivery.notices import Recipient, locale_of, one_line, render, zone_of  # noqa: PLC0415 - mostly unused

    book = seen.account.book
    locale = settings.mail_locale
    for name in reversed((*languages, book.word("locale"))):
        locale = str(locale_of(name, locale, settings.templates))
    now = Decision(account=seen.account, before=None, state=seen.state, changes=(), facts=(), effects=())
    subscription = next(iter(seen.state.concerned(matter.subject)), "")
    reader = Recipient(
        locale=locale_of(locale, settings.mail_locale, settings.templates),
        fallback=locale_of(None, settings.mail_locale),
        zone=zone_of(seen.account.zone(seen.terms)),
        account=str(one_line(seen.account.id)),
        sender=parseaddr(settings.mail_from)[0] or settings.brand_name,
        billing_url=settings.billing_url,
        brand=brand_of(settings),
        templates=settings.templates,
    )
    try:
        return render(matter.notice, letters.content(matter.subject, subscription, now), reader).subject
    except UntranslatableError:
        return None
