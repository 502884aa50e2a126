"""The proof that a process is gone: same host, boot and namespace, and no process with that id and start time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from kulanz.runtime.request_note import Process, RequestNote, _started, this_process

NOW = datetime(2026, 3, 9, tzinfo=UTC)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def known_as(process: subprocess.Popen[bytes]) -> Process:
    return msgspec.structs.replace(this_process(), pid=process.pid, started=_started(process.pid))


def test_a_process_that_runs_is_not_gone_and_neither_is_one_that_is_suspended(
    child: subprocess.Popen[bytes],
) -> None:
    process = known_as(child)

    child.send_signal(signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)

    assert not this_process().is_gone
    assert not process.is_gone


def test_a_process_that_was_killed_is_gone(child: subprocess.Popen[bytes]) -> None:
    process = known_as(child)

    child.kill()
    child.wait()

    assert process.is_gone


def test_a_process_whose_id_another_one_has_by_now_is_gone() -> None:
    assert msgspec.structs.replace(this_process(), started="1").is_gone


@pytest.mark.parametrize(
    "elsewhere",
    [{"host": "beta"}, {"boot": "another"}, {"namespace": "pid:[1]"}, {"boot": ""}, {"namespace": ""}, {"started": ""}],
)
def test_a_process_that_cannot_be_seen_from_here_is_never_proved_gone(elsewhere: dict[str, str]) -> None:
    gone = msgspec.structs.replace(this_process(), pid=2**22 + 1)

    assert gone.is_gone
    assert not msgspec.structs.replace(gone, **elsewhere).is_gone


def test_the_age_of_a_note_of_this_boot_is_measured_by_a_clock_that_nobody_sets() -> None:
    note = RequestNote.read(RequestNote.of_this_process(NOW).text())

    assert note.age(NOW + timedelta(days=400)) < timedelta(minutes=1)


def test_the_age_of_a_note_of_another_host_is_measured_by_the_time_of_day() -> None:
    note = RequestNote.of_this_process(NOW)
    other = msgspec.structs.replace(note, process=msgspec.structs.replace(note.process, host="beta"))

    assert other.age(NOW + timedelta(hours=3)) == timedelta(hours=3)
