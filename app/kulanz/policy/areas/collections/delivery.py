"""Channel of a notice about a debt: mail, or letter where the customer chose so (dunning-at 2)."""

from __future__ import annotations

from kulanz.policy.areas.addresses import mail_address
from kulanz.policy.book import Book
from kulanz.policy.state import Case

LETTER = "letter"


def postal_address(case: Case, notice: str, book: Book) -> str | None:
    """Return where a notice goes by letter; None: it goes by mail."""
    if notice not in case.policy.letters.notices or book.word("delivery") != LETTER:
        return None
    return known_address(book)


def known_address(book: Book) -> str | None:
    """Return the debtor's postal address, where the merchant gave one."""
    debtor = book.debtors.get("debtor")
    return dict(debtor.told.fields).get("postal_address") if debtor else None


def reachable(case: Case, book: Book) -> bool:
    """Whether notices about a case can reach the customer."""
    by_letter = book.word("delivery") == LETTER and bool(case.policy.letters.notices) and bool(known_address(book))
    return by_letter or mail_address(case.subscription, book) is not None


def unaddressed(case: Case, book: Book) -> bool:
    """Whether letters were chosen and there is no address to send them to: mail stands in for them."""
    return bool(case.policy.letters.notices) and book.word("delivery") == LETTER and known_address(book) is None
