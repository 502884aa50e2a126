"""Keyed hashes for the search of accounts: of mail addresses, beginnings of names, invoices and orders."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from kulanz.crypto.vault import Vault
from kulanz.policy.book import Book
from kulanz.policy.facts import CustomerSeen, Fact, InvoiceSeen, OrderSeen, SubscriptionSeen

SHORTEST, LONGEST = 3, 12
"""Number of letters of a word's beginning that are hashed; the whole word is hashed, too."""
MOST_WORDS = 8
"""Words of one text that count."""
_DIGEST_BYTES = 16
"""Length of a search hash: enough for a table of millions; longer hashes would take twice the room."""
_GAP = re.compile(r"[\W_]+")
_Told = SubscriptionSeen | InvoiceSeen | OrderSeen | CustomerSeen


def address_digest(vault: Vault, mail: str) -> bytes:
    """Return the search hash of a mail address, independent of capitals."""
    return vault.fingerprint(f"mail:{mail.strip().casefold()}")


def invoice_digest(vault: Vault, number: str) -> bytes:
    """Return the search hash of an invoice: of the provider's own number."""
    return vault.fingerprint(f"invoice:{number.strip()}")[:_DIGEST_BYTES]


def order_digest(vault: Vault, number: str) -> bytes:
    """Return the search hash of an order: of the provider's own number."""
    return vault.fingerprint(f"order:{number.strip()}")[:_DIGEST_BYTES]


def word_digests(vault: Vault, text: str) -> set[bytes]:
    """Return the search keys for a text that a person searches for: each of its words, as far as it was typed."""
    return {_word(vault, word) for word in words(text)}


def domain_digests(vault: Vault, text: str) -> set[bytes]:
    """Return the search keys for a part of a mail address without the last part of its domain, which is not hashed."""
    named, dot, last = text.rpartition(".")
    return word_digests(vault, named) if dot and last.strip().isalnum() else set()


def digests(vault: Vault, facts: Iterable[Fact], book: Book) -> set[bytes]:
    """Return the hashes of the customer's names in facts, except those that the book has from the same purchase."""
    found: set[bytes] = set()
    for fact in facts:
        stated = getattr(fact, "invoice", fact)
        if not isinstance(stated, _Told):
            continue
        known = list(_known(book, stated))
        if isinstance(stated, InvoiceSeen) and all(seen.key != stated.key for seen in known):
            found.add(invoice_digest(vault, stated.key.partition(":")[2]))
        order = _order(stated)
        if order and all(_order(seen) != order for seen in known):
            found.add(order_digest(vault, order.partition(":")[2]))
        if stated.email and all(seen.email != stated.email for seen in known):
            found |= _of_address(vault, stated.email)
        if stated.name and all(seen.name != stated.name for seen in known):
            found |= _of_words(vault, words(stated.name))
    return found


def words(text: str) -> list[str]:
    """Return the words of a text without capitals and accents; every character but letters and digits divides words."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign))
    return [word for word in _GAP.split(plain) if word][:MOST_WORDS]


def _order(stated: _Told) -> str | None:
    return stated.key if isinstance(stated, OrderSeen) else getattr(stated, "order", None)


def _of_address(vault: Vault, mail: str) -> set[bytes]:
    """Return the hashes of an address: the last part of a domain, such as `com`, says nothing."""
    local, _, domain = mail.rpartition("@")
    named = domain.rpartition(".")[0] or domain
    return {address_digest(vault, mail)} | _of_words(vault, words(f"{local}@{named}"))


def _of_words(vault: Vault, of: Iterable[str]) -> set[bytes]:
    return {_word(vault, part) for word in of for part in _beginnings(word)}


def _beginnings(word: str) -> Iterator[str]:
    yield word
    for length in range(SHORTEST, min(len(word), LONGEST + 1)):
        yield word[:length]


def _word(vault: Vault, word: str) -> bytes:
    return vault.fingerprint(f"word:{word}")[:_DIGEST_BYTES]


def _known(book: Book, stated: _Told) -> Iterator[_Told]:
    """Yield the book's facts of the same purchase, and of its customer."""
    purchase = stated.subscription if isinstance(stated, InvoiceSeen) else stated.key
    for family in (book.subscriptions, book.orders, book.customers):
        if purchase in family:
            yield family[purchase].seen
    if isinstance(stated, InvoiceSeen) and purchase in book.invoices:
        yield from (invoice.seen for invoice in book.invoices[purchase].known.values())
    if not isinstance(stated, CustomerSeen) and stated.customer in book.customers:
        yield book.customers[stated.customer].seen
