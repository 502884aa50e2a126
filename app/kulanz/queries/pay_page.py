"""The page behind the link of a mail: the amount owed for one renewal, the deadline, and the consequences.

It shows no more than the mail did. An unknown link and a link whose case is over get the same page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from kulanz.delivery import Attempt, pay_links
from kulanz.delivery.pages import PageWords, render_page
from kulanz.delivery.reading import reader
from kulanz.formats.languages import LANGUAGES
from kulanz.formats.localised import parsed
from kulanz.policy.consequences import letters
from kulanz.policy.state import Case, CaseState, Decision
from kulanz.queries.views import AccountView, of_row
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import accounts, case_index
from kulanz.store import pay_links as stored_links
from kulanz.store.database import Connection

THANKS_LAST = timedelta(days=14)
"""Time for which a link says that the payment has arrived; afterwards the link is unknown."""


_NOTHING_ASKED = frozenset({CaseState.VOLUNTARY, CaseState.VOID, CaseState.IN_COLLECTIONS})
"""A debt that was handed over is to be paid to the agency."""


class PageKind(StrEnum):
    """Kinds of pages; each is the name of its template."""

    DUE = "due"
    PAID = "paid"
    NOTHING = "nothing"
    """The case rests, or is waived: nothing is asked."""
    ENDED = "ended"
    """The subscription is given up, and nothing is owed for it any more."""
    UNKNOWN = "unknown"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPage:
    """A page: its template, the template's values, and the account."""

    kind: PageKind
    locale: str | None = None
    """The account's own."""
    account: str = ""
    effect: str = ""
    """The mail that the link was in."""
    data: Mapping[str, Any] = field(default_factory=dict)
    subscription: str = ""
    """For a payment that is due: its subject, by the provider's name."""
    invoice: str | None = None
    customer: str = ""


UNKNOWN = PayPage(kind=PageKind.UNKNOWN)


def pay_page(services: Services, token: str) -> PayPage:
    """Return the page that a link's token opens."""
    digest = pay_links.digest_of(token)
    if digest is None:
        return UNKNOWN
    with services.database.read() as conn:
        link = stored_links.find(conn, digest)
        row = accounts.answering(conn, link.account) if link is not None else None
        if link is None or row is None or row.key is None:
            return UNKNOWN
        seen = of_row(services, conn, row)
        case = seen.state.case(link.subject)
        kind = _kind(case) if case is not None else _ended(conn, seen, link.subject)
    if kind is PageKind.UNKNOWN:
        return UNKNOWN
    return PayPage(
        kind=kind,
        locale=seen.account.book.word("locale"),
        account=seen.account.id,
        effect=link.effect,
        data=_content(seen, case) if case is not None else {},
        subscription=case.subscription if case is not None else "",
        invoice=case.invoice if case is not None else None,
        customer=seen.account.book.subscriptions[case.subscription].seen.customer if case is not None else "",
    )


def unavailable(page: PayPage = UNKNOWN) -> PayPage:
    """Return the page shown if no payment page is available now."""
    return PayPage(kind=PageKind.UNAVAILABLE, locale=page.locale)


def words(services: Services, page: PayPage, languages: Sequence[str]) -> PageWords:
    """Return the text of a page in the account's language; without an account in the first language with a text."""
    now, channels = real_now(), services.channels()
    spoken = (name for name in languages if (locale := parsed(name)) is not None and locale.language in LANGUAGES)
    recipient = reader(
        channels,
        Attempt(account=page.account, decided_at=now, now=now),
        page.locale or next(spoken, None),
        page.data,
        0,
    )
    return render_page(str(page.kind), page.data, recipient)


def _kind(case: Case) -> PageKind:
    if case.frozen_since is not None or case.state in _NOTHING_ASKED:
        return PageKind.NOTHING
    return PageKind.DUE if case.pursued else PageKind.ENDED


def _ended(conn: Connection, seen: AccountView, case: str) -> PageKind:
    """Return the text about a closed case."""
    row = case_index.find(conn, seen.account.id, case_index.CASE, case)
    if row is None or row.closed_at is None or row.closed_at + THANKS_LAST <= seen.now:
        return PageKind.UNKNOWN
    return PageKind.PAID if row.state == "recovered" else PageKind.NOTHING


def _content(seen: AccountView, case: Case) -> dict[str, Any]:
    """Return the present text of a mail about the case."""
    now = Decision(account=seen.account, before=None, state=seen.state, changes=(), facts=(), effects=())
    zone = seen.account.book.word("timezone")
    return {
        **letters.content(case.key, case.subscription, now),
        "stage": "grace" if case.state is CaseState.GRACE else "hold",
        **({"timezone": zone} if zone else {}),
    }
