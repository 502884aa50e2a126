from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from kulanz.policy.book import Book
from kulanz.policy.book.filing import entries
from kulanz.policy.book.joining import first
from kulanz.policy.facts import FACT_KINDS, CollectionApproved, Fact, Stamp, Status
from tests.policy.scenarios import FACTS, TALES, Scenario
from tests.policy.stories import DAY, MONDAY, a_subscription, a_success, an_invoice

FAMILIES = tuple(Book.__struct_fields__)


def heard(scenario: Scenario) -> list[Fact]:
    return scenario.run().heard


EVERYTHING = st.one_of(FACTS, TALES.map(heard))


def split(facts: list[Fact], parts: int) -> list[Book]:
    return [Book().with_facts(facts[part::parts]) for part in range(parts)]


@given(EVERYTHING)
def test_books_join_in_any_order_and_any_grouping_and_any_number_of_times(facts: list[Fact]) -> None:
    book, two, three = split(facts, 3)

    assert book.join(two) == two.join(book)
    assert book.join(two).join(three) == book.join(two.join(three))
    assert book.join(book) == book


@given(EVERYTHING)
def test_every_record_joins_by_the_same_laws(facts: list[Fact]) -> None:
    other_book, two, three = split(facts, 3)

    for family in FAMILIES:
        mine, second, third = (getattr(book, family) for book in (other_book, two, three))
        for key in mine.keys() & second.keys():
            a, b = mine[key], second[key]
            c = third.get(key, a)
            assert a.join(b) == b.join(a)
            assert a.join(b).join(c) == a.join(b.join(c))
            assert a.join(a) == a
            assert a.join(b).join(b) == a.join(b)


@pytest.mark.parametrize("kind", FACT_KINDS.values())
def test_every_kind_of_fact_has_its_place_in_the_book(kind: type[Fact]) -> None:
    unshrunk = settings(phases=[Phase.generate], database=None)
    fact = find(st.from_type(kind), lambda fact: bool(list(entries(fact))), settings=unshrunk)

    assert Book().with_facts([fact]) != Book()


@given(EVERYTHING)
def test_a_book_knows_its_facts_whether_they_come_one_by_one_or_together(facts: list[Fact]) -> None:
    one_by_one = Book()
    for fact in facts:
        one_by_one = one_by_one.with_facts([fact])

    assert one_by_one == Book().with_facts(facts)


@given(EVERYTHING)
def test_a_book_is_written_as_json_and_read_again(facts: list[Fact]) -> None:
    book = Book().with_facts(facts)

    written = msgspec.json.encode(book)

    assert msgspec.json.decode(written, type=Book) == book
    assert json.loads(written).keys() == set(FAMILIES)


def test_facts_that_are_known_make_no_new_book_of_other_pages() -> None:
    book = Book().with_facts([a_subscription(), a_success(MONDAY)])

    again = book.with_facts([a_subscription()])

    assert again == book
    assert again.invoices is book.invoices


def test_what_a_record_was_asked_makes_it_no_other_record_and_is_not_stored() -> None:
    # given
    unpaid = a_subscription(status=Status.UNPAID)
    asked, fresh = (Book().with_facts([unpaid]) for _ in range(2))
    # when
    sub = asked.subscriptions[unpaid.key]
    answers = (sub.was_unpaid, sub.gives_one_plan, sub.heard_by)
    # then
    assert answers[:2] == (True, True)
    assert asked == fresh
    assert repr(asked) == repr(fresh)
    assert msgspec.msgpack.encode(asked) == msgspec.msgpack.encode(fresh)
    # and what is known since is asked again
    runs = asked.with_facts([a_subscription(status=Status.PAUSED, at=MONDAY + DAY)]).subscriptions[unpaid.key]
    assert (runs.was_unpaid, runs.gives_one_plan, runs.heard_by) == (True, False, None)


def test_an_invoice_is_found_by_its_own_key() -> None:
    book = Book().with_facts([a_success(MONDAY)])

    invoice = book.invoice("lemonsqueezy:1134999")

    assert invoice is not None
    assert invoice.paid
    assert book.invoice("lemonsqueezy:0") is None


def test_what_was_paid_stays_paid_whatever_a_later_snapshot_says() -> None:
    book = Book().with_facts([an_invoice(MONDAY, status="paid"), an_invoice(MONDAY + DAY)])

    invoice = book.invoice("lemonsqueezy:1134999")

    assert invoice is not None
    assert invoice.paid


@pytest.mark.parametrize("digests", [("a", "b"), ("b", "a")])
def test_at_a_tie_of_time_and_rank_the_digest_decides_in_either_order(digests: tuple[str, str]) -> None:
    first, second = (
        a_subscription(stamp=Stamp(MONDAY, 1, digest), status=status)
        for digest, status in zip(
            digests,
            (Status.ACTIVE, Status.PAST_DUE) if digests[0] == "a" else (Status.PAST_DUE, Status.ACTIVE),
            strict=True,
        )
    )

    assert Book().with_facts([first, second]).subscriptions["lemonsqueezy:421953"].seen.status is Status.PAST_DUE


def test_two_snapshots_of_one_stamp_join_in_any_grouping_though_they_should_not_differ() -> None:
    stamp = Stamp(MONDAY, 1, "a")
    runs, rests = (a_subscription(status, stamp=stamp) for status in (Status.ACTIVE, Status.PAUSED))
    older = a_subscription(Status.UNPAID, MONDAY - DAY)

    books = [Book().with_facts(order) for order in ([runs, rests, older], [older, rests, runs], [rests, older, runs])]

    assert books[0] == books[1] == books[2]


def test_of_acts_that_happen_once_the_earlier_counts_in_either_order_and_at_a_tie_always_the_same() -> None:
    early = CollectionApproved(id="col_1", at=MONDAY, actor="bob")
    late = CollectionApproved(id="col_1", at=MONDAY + DAY, actor="ada")
    tied = CollectionApproved(id="col_1", at=MONDAY, actor="ada")

    assert first(early, late) == first(late, early) == first(early, None) == first(None, early) == early
    assert first(early, tied) == first(tied, early) == tied
