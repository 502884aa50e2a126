"""The person who asks, beside the known buyers: a difference is shown, and changes no verdict (plexo 9.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from unicodedata import normalize

from kulanz.policy.book import Book
from kulanz.policy.facts import RefundRequested

_NOT_A_LETTER = re.compile(r"[\W_]+")


def differences(fact: RefundRequested, book: Book) -> tuple[str, ...]:
    """Return the words of a request that differ from the account's; an unknown word of the account is no difference."""
    others = (log.asked for key, log in book.refund_requests.items() if key != fact.id)
    organisations = [book.word("organisation"), *(other.organisation for other in others if other is not None)]
    compared = (
        ("contact_email", fact.contact_email, _mails(book)),
        ("organisation", fact.organisation, organisations),
    )
    return tuple(name for name, said, known in compared if _differs(said, known))


def _differs(said: str, known: Iterable[str | None]) -> bool:
    names = {_plain(name) for name in known if name}
    return bool(said and names) and _plain(said) not in names


def _plain(text: str) -> str:
    """Return a text without what people write in more than one way: case, spaces, punctuation."""
    return _NOT_A_LETTER.sub("", normalize("NFKD", text.casefold())) if "@" not in text else text.strip().casefold()


def _mails(book: Book) -> Iterator[str | None]:
    """Yield every address of the account's buyers that the provider sent."""
    for records in (book.subscriptions, book.orders, book.customers):
        yield from (record.seen.email for record in records.values())
    for invoices in book.invoices.values():
        yield from (invoice.seen.email for invoice in invoices.known.values())
