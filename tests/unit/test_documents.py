"""Documents are made of values of ours: what has the name of a field is taken over, the rest is named."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from kulanz.documents.shape import Document


class Short(Document, frozen=True, kw_only=True):
    id: str
    amount: int


class Source(NamedTuple):
    key: str
    amount: int
    secret: str = "not told"


def test_a_document_has_the_fields_of_its_source_and_those_that_are_named() -> None:
    assert Short.of(Source("a", 3), id="a") == Short(id="a", amount=3)


def test_what_is_named_counts_before_the_source() -> None:
    assert Short.of(Source("a", 3), id="a", amount=4).amount == 4


def test_a_field_that_neither_names_is_a_fault() -> None:
    with pytest.raises(AttributeError, match="id"):
        Short.of(Source("a", 3))


def test_a_name_that_is_no_field_is_a_fault() -> None:
    with pytest.raises(TypeError, match="other"):
        Short.of(Source("a", 3), id="a", other=1)
