"""Facts and books look, order and are written as dataclasses would be, which wrote what is stored."""

from __future__ import annotations

from dataclasses import is_dataclass, make_dataclass
from typing import Any

import msgspec
import pytest

from kulanz.policy.book import Book
from kulanz.policy.facts import Stamp
from kulanz.policy.state import NO_MEMO, Memo
from kulanz.store import codec
from tests.policy.stories import MONDAY, in_grace
from tests.replacing import replace


def twin(value: Any) -> Any:
    """Return the value with a dataclass of the same name and fields in place of every struct."""
    match value:
        case msgspec.Struct():
            return _twin(value, value.__struct_fields__)
        case _ if is_dataclass(value):
            return _twin(value, tuple(value.__dataclass_fields__))
        case dict():
            return {key: twin(each) for key, each in value.items()}
        case tuple() if type(value) is tuple:
            return tuple(twin(each) for each in value)
        case _:
            return value


def _twin(value: Any, names: tuple[str, ...]) -> Any:
    kind = make_dataclass(type(value).__name__, [(name, object) for name in names], frozen=True)
    return kind(*(twin(getattr(value, name)) for name in names))


def book_of_a_story() -> Book:
    return in_grace().account.book


def test_a_book_is_written_in_the_bytes_of_earlier_versions() -> None:
    book = book_of_a_story()

    assert codec.pack_book(book) == msgspec.msgpack.encode(twin(book))
    assert codec.unpack_book(codec.pack_book(book)) == book


def test_values_that_repr_tells_apart_at_a_tie_look_as_in_earlier_versions() -> None:
    subscriptions = book_of_a_story().subscriptions

    assert len(subscriptions) == 1
    assert repr(subscriptions) == repr(twin(subscriptions))


def test_stamps_are_ordered_by_time_then_rank_then_digest() -> None:
    first, ranked, digested = Stamp(MONDAY), Stamp(MONDAY, 1), Stamp(MONDAY, 1, "a")

    assert sorted([digested, ranked, first]) == [first, ranked, digested]


def test_an_assessment_at_hand_is_no_part_of_an_accounts_value() -> None:
    account = in_grace().account

    assert account.assessed is not NO_MEMO
    assert account == replace(account, assessed=NO_MEMO)
    assert hash(Memo()) == hash(account.assessed)


def test_a_value_is_frozen_and_made_of_its_own_fields_only() -> None:
    stamp = Stamp(MONDAY)

    with pytest.raises(AttributeError, match="immutable"):
        stamp.rank = 2  # type: ignore[misc]  # That is the question.
    with pytest.raises(TypeError, match="colour"):
        Stamp(MONDAY, colour="red")  # type: ignore[call-arg]  # That is the question.
    with pytest.raises(TypeError, match="colour"):
        replace(stamp, colour="red")
    with pytest.raises(TypeError, match="Missing required argument"):
        Stamp()  # type: ignore[call-arg]  # That is the question.
