"""Documents of accounts, for the API, the command line and the console."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from kulanz import documents
from kulanz.documents.standing import Certificates
from kulanz.errors import NotFoundError
from kulanz.formats.messages import PLAIN, Message, Reader
from kulanz.policy.assess import lifted
from kulanz.policy.consequences.effects import entitlement as rights
from kulanz.policy.state import FREE, Account, Moment
from kulanz.queries import account_documents, account_list, closed, outlook, sentences, story, waits
from kulanz.queries.product_notice import product_notice
from kulanz.queries.views import AccountView, Page, of_row, view, with_links
from kulanz.services import Services
from kulanz.store import accounts as stored
from kulanz.store import bindings, ledger
from kulanz.store.account_list import AccountQuery
from kulanz.store.database import Connection
from kulanz.store.ledger import DecisionRow

MOST_STEPS, LAST_STEPS = 10_000, 50
"""Decisions that are explained at once: to a person at a terminal, and through the API."""


def account_document(services: Services, name: str) -> documents.Account:
    """Return the account as `GET /v1/accounts/<id>` answers it (CONTRACT section 3)."""
    with services.database.read() as conn:
        return account_in(services, conn, name)


def account_in(services: Services, conn: Connection, name: str) -> documents.Account:
    """Return the account's document as an open transaction sees it."""
    return account_documents.account(with_links(conn, view(services, conn, name)))


def accounts(services: Services, wanted: AccountQuery, *, after: str | None, limit: int) -> Page[documents.Account]:
    """Return accounts in the order that is wanted."""
    with services.database.read() as conn:
        places, following = account_list.places_after(conn, wanted, after, limit)
        rows = stored.these(conn, [place.account for place in places])
        found = [rows[place.account] for place in places if place.account in rows]
        items = [account_documents.account(with_links(conn, of_row(services, conn, row))) for row in found]
    return Page(items=items, after=following)


def entitlement(services: Services, name: str, languages: Sequence[str] = ()) -> documents.Entitlement:
    """Return an account's entitlement, and the message for its users in the first language that has a text.

    NotFoundError for an unknown account, unless the settings put unknown accounts on the free plan.
    """
    with services.database.read() as conn:
        row = stored.answering(conn, name)
        if row is None and services.settings.unknown_accounts == FREE:
            return documents.Entitlement(account_id=name, **rights(Account(id=name)), known=False, notice=None)
        seen = view(services, conn, name)
    notice = product_notice(seen, services.settings, languages)
    return documents.Entitlement(account_id=seen.account.id, **rights(seen.account), known=True, notice=notice)


def timeline(services: Services, name: str, *, after: str | None = None, limit: int = 50) -> Page[documents.Decision]:
    """Return the account's decisions, oldest first; `after` is the number of a decision."""
    with services.database.read() as conn:
        row = stored.answering(conn, name)
        if row is None:
            raise NotFoundError(f"no account {name!r}")
        rows = ledger.of_account(conn, row.id, int(after or 0), limit + 1)
    items = [account_documents.decision(other_row) for other_row in rows[:limit]]
    return Page(items=items, after=str(rows[limit - 1].seq) if len(rows) > limit else None)


def certificates(services: Services, name: str) -> Certificates:
    """Return the certificates of what was destroyed about an account, and what is kept of it."""
    public = services.vault.signer.public
    with services.database.read() as conn:
        account = view(services, conn, name).account.id
        return Certificates(
            certificates=tuple(closed.certificates_of(conn, account, public)),
            kept=tuple(closed.kept_of(conn, account)),
        )


def account_of_dispute(services: Services, dispute: str) -> str:
    """Return the account of a dispute."""
    return bound(services, f"dispute:{dispute}", f"no dispute {dispute!r}")


def bound(services: Services, key: str, otherwise: str) -> str:
    """Return the account to which a name is bound; NotFoundError saying `otherwise` if there is none."""
    with services.database.read() as conn:
        matches = bindings.find(conn, [key])
    if key not in matches:
        raise NotFoundError(otherwise)
    return matches[key]


def explanation(
    services: Services,
    name: str,
    *,
    steps: int = MOST_STEPS,
    languages: Sequence[str] = (),
    reader: Reader | None = None,
) -> documents.Explanation:
    """Explain an account's state: each step with its event, rule, clause and policy, and possible changes.

    The language is the first one with translations, else plain English; times are in the account's zone, or as a
    `reader` has them. Only the last steps are returned.
    """
    with services.database.read() as conn:
        seen = with_links(conn, view(services, conn, name))
        conditions = waits.of_account(services, conn, seen)
        row = stored.answering(conn, name)
        rows = ledger.of_account(conn, row.id, max(0, row.seq - steps), steps) if row is not None and steps else []
        gone = closed.reasons(conn, row) if row is not None and row.key is None else None
    reader = reader or reader_for(seen, languages)
    return documents.Explanation.of(
        seen.account,
        account_id=seen.account.id,
        why=tuple(map(reader.read, gone or _why(services, seen))),
        steps=tuple(step(row, reader) for row in rows),
        waits=tuple(wait.document(reader) for wait in conditions),
        outlook=(
            *(wait.read(reader) for wait in conditions),
            *(() if gone else map(reader.read, _outlook(seen, {wait.held for wait in conditions}))),
        ),
    )


def changes_ahead(explained: documents.Explanation) -> tuple[str, ...]:
    """Return the lines of the outlook without the conditions that come first in it, which are shown apart."""
    return explained.outlook[len(explained.waits) :]


def reader_for(seen: AccountView, languages: Sequence[str]) -> Reader:
    """Return the reader of sentences about an account, in its zone."""
    return read_by(languages, seen.account.zone(seen.terms))


def read_by(languages: Sequence[str], zone: str) -> Reader:
    """Return the reader of the first language with translations, else plain English."""
    if not languages:
        return PLAIN
    from kulanz.formats.localised import reader_of, zone_of  # noqa: PLC0415 - dates of all languages are slow to load

    return reader_of(languages, zone_of(zone))


def _why(services: Services, seen: AccountView) -> Iterator[Message]:
    book, now = seen.account.book, seen.state.as_of
    moment = Moment(seen.terms.under(book, now), seen.account.zone(seen.terms), now)
    yield from story.reasons(seen.state, lifted(seen.state, book, moment))
    yield from story.linked(seen.links)
    yield from story.unnamed(seen.account.id, book, services.account_naming.places)
    yield from story.idle(book, moment.terms)


def _outlook(seen: AccountView, waiting: Collection[str]) -> Iterator[Message]:
    yield from outlook.outlook(seen.state, waiting)
    book = seen.account.book
    yield from story.could_be(seen.account.id, seen.linkable_to)
    yield from story.paid_twice(seen.state, seen.now)
    yield from outlook.scheduled(seen.state, book, seen.terms.under(book, seen.state.as_of))


def step(row: DecisionRow, reader: Reader = PLAIN) -> documents.Step:
    """Return a recorded decision with its changes in sentences."""
    decision = account_documents.decision(row)
    return documents.Step.of(decision, sentences=tuple(sentences.sentence(each, reader) for each in decision.changes))
