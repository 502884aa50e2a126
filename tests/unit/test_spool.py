"""Records on disk: what is whole is found again, whatever became of the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.errors import StorageUnavailableError
from kulanz.store import spool as spools
from kulanz.store.spool import Spool, framed, whole

MIB = 1024 * 1024
HEAD = len(framed(b""))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    opened = Spool(folder, MIB)
    yield opened
    opened.close()


def taken(spool: Spool) -> list[list[bytes]]:
    """Take every segment, oldest first, and do away with it."""
    matches, after = [], ""
    while (segment := spool.take(after)) is not None:
        with closing(segment):
            matches.append(segment.records())
            segment.keep_only([])
        after = segment.path.name
    return matches


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4))
def test_torn_at_any_byte_every_whole_record_is_found_and_the_tail_dropped(records: list[bytes]) -> None:
    data = b"".join(map(framed, records))
    ends = [sum(HEAD + len(each) for each in records[: number + 1]) for number in range(len(records))]

    for cut in range(len(data) + 1):
        assert list(whole(data[:cut])) == [each for each, end in zip(records, ends, strict=True) if end <= cut]


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=2, max_size=4), st.data())
def test_a_byte_that_changed_costs_its_own_record_and_no_other(records: list[bytes], data: st.DataObject) -> None:
    written = bytearray(b"".join(map(framed, records)))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= data.draw(st.integers(1, 255))
    ends = [sum(HEAD + len(each) for each in records[: number + 1]) for number in range(len(records))]
    hit = next(number for number, end in enumerate(ends) if place < end)

    assert list(whole(bytes(written))) == [each for number, each in enumerate(records) if number != hit]


def test_what_was_put_in_comes_out_in_order(spool: Spool) -> None:
    for number in range(5):
        spool.append([b"%d" % number, b"%d'" % number])

    assert taken(spool) == [[b"0", b"0'", b"1", b"1'", b"2", b"2'", b"3", b"3'", b"4", b"4'"]]
    assert spool.size() == 0


def test_what_a_dead_process_left_is_taken_and_what_a_living_one_writes_is_not(folder: Path, spool: Spool) -> None:
    alive, dead = Spool(folder, MIB), Spool(folder, MIB)
    dead.append([b"left behind"])
    alive.append([b"in use"])
    dead.close()

    assert taken(spool) == [[b"left behind"]]

    alive.close()
    assert taken(spool) == [[b"in use"]]


def test_what_comes_while_a_segment_is_drained_goes_into_another(spool: Spool) -> None:
    spool.append([b"first"])
    segment = spool.take()
    assert segment is not None

    spool.append([b"second"])
    with closing(segment):
        assert segment.records() == [b"first"]
        segment.keep_only([])

    assert taken(spool) == [[b"second"]]


def test_what_cannot_be_brought_back_yet_stays_alone(spool: Spool) -> None:
    spool.append([b"good", b"bad", b"good too"])
    segment = spool.take()
    assert segment is not None
    with closing(segment):
        segment.keep_only([b"bad"])

    assert taken(spool) == [[b"bad"]]


def test_a_full_spool_takes_nothing_and_keeps_what_it_has(folder: Path) -> None:
    small = Spool(folder, 2 * HEAD + 10)
    small.append([b"12345"])

    with pytest.raises(StorageUnavailableError):
        small.append([b"123456"])
    small.append([b"12345"])

    with pytest.raises(StorageUnavailableError):
        small.check()
    assert taken(small) == [[b"12345", b"12345"]]


def test_a_long_outage_makes_several_files_of_a_size_that_can_be_read_at_once(folder: Path) -> None:
    spool = Spool(folder, 64 * MIB)
    for _ in range(20):
        spool.append([bytes(MIB)])
    longest = max(path.stat().st_size for path in folder.iterdir())

    segments = taken(spool)
    assert len(segments) >= 2
    assert sum(map(len, segments)) == 20
    assert longest <= spools.SEGMENT_BYTES + MIB + HEAD


def test_nobody_else_can_read_it(folder: Path, spool: Spool) -> None:
    before = os.umask(0)
    try:
        spool.append([b"x"])
    finally:
        os.umask(before)

    assert [oct(path.stat().st_mode & 0o777) for path in folder.iterdir()] == ["0o600"]
    assert oct(folder.stat().st_mode & 0o777) == "0o700"


def test_where_no_folder_can_be_made_the_refusal_has_our_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    spool = Spool(tmp_path / "file" / "spool", MIB)

    with pytest.raises(StorageUnavailableError):
        spool.append([b"x"])
    with pytest.raises(StorageUnavailableError):
        spool.check()
