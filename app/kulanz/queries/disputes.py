"""Disputes with their deadlines, and what the evidence file of each still lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from kulanz.documents.standing import UndecidedDispute
from kulanz.errors import NotFoundError
from kulanz.formats.messages import Message, message
from kulanz.policy.areas.addresses import mail_address
from kulanz.policy.areas.full_refunds import heard_of, payment_of
from kulanz.policy.book import Book
from kulanz.policy.facts import ContactNoted
from kulanz.policy.state import Chargeback
from kulanz.queries.views import view
from kulanz.services import Services
from kulanz.store import case_index, outbox
from kulanz.store.case_index import DISPUTE, CaseRow
from kulanz.store.database import Connection

_NOTICES = frozenset({"SendMail", "SendLetter"})


class DisputeLine(Struct, frozen=True):
    """One dispute, and what its evidence file lacks."""

    row: CaseRow
    lacks: tuple[Message, ...]


def undecided(services: Services, conn: Connection, limit: int) -> list[UndecidedDispute]:
    """Return the disputes that are not decided: those with a deadline first, then the newest."""
    due = case_index.soonest_due(conn, DISPUTE, limit)
    rest = case_index.page(conn, DISPUTE, only_open=True, after=None, limit=limit)
    rows = {(row.account, row.key): row for row in (*due, *rest)}
    return [_document(line) for line in with_lacks(services, conn, [*rows.values()][:limit])]


def with_lacks(services: Services, conn: Connection, rows: Sequence[CaseRow]) -> list[DisputeLine]:
    """Return rows of disputes with what the evidence of those that are not decided lacks."""
    return [DisputeLine(row, () if row.closed_at else tuple(_lacks(services, conn, row))) for row in rows]


def _document(line: DisputeLine) -> UndecidedDispute:
    row, lacks = line.row, tuple(map(str, line.lacks))
    return UndecidedDispute.of(
        row, id=row.key, account_id=row.account, status=row.state, answer_by=row.deadline, lacks=lacks
    )


def _lacks(services: Services, conn: Connection, row: CaseRow) -> Iterator[Message]:
    try:
        seen = view(services, conn, row.account)
    except NotFoundError:
        return
    chargeback, book = seen.state.chargeback(row.key), seen.account.book
    if chargeback is None:
        return
    if not _payment_known(chargeback, book):
        yield message("the disputed payment is not known here")
    if not any(mail_address(key, book) for key in chargeback.concerned):
        yield message("no mail address of the buyer")
    opened = chargeback.opened_at
    sent = outbox.of_account(conn, seen.account.id)
    if not any(row.kind in _NOTICES and row.state == "done" and row.created_at < opened for row in sent):
        yield message("no notice to the customer was sent before the dispute")
    if not any(_is_contact_before(contact.noted, chargeback, book) for contact in book.contacts.values()):
        yield message("no contact with the customer before the dispute is noted (`kulanz account contact`)")
    if not chargeback.policy.dispute.clause:
        yield message("the policy names no clause for disputes")


def _is_contact_before(noted: ContactNoted, chargeback: Chargeback, book: Book) -> bool:
    """Whether a contact was before a dispute, and may have been about its payment."""
    others = noted.payment is not None and chargeback.payment is not None
    if others and payment_of(str(noted.payment), book) != payment_of(str(chargeback.payment), book):
        return False
    return noted.contacted_at <= chargeback.opened_at


def _payment_known(chargeback: Chargeback, book: Book) -> bool:
    return chargeback.payment is not None and heard_of(payment_of(chargeback.payment, book), book)
