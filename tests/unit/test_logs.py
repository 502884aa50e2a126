"""Lines that a person and a machine can read, one for each event."""

import json
import re
import subprocess
import sys

import pytest

from kulanz.telemetry.logs import Log


@pytest.fixture
def log() -> Log:
    log = Log()
    log.part = "web"
    return log


def test_an_event_is_one_line_with_its_time_its_level_its_part_and_its_fields(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    log.info("event.applied", inbox=7, rule="plan.given")

    assert re.fullmatch(
        r"timestamp=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z level=info part=web"
        r" event=event\.applied inbox=7 rule=plan\.given\n",
        capsys.readouterr().err,
    )


def test_what_is_not_known_is_left_out(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    log.warning("worker.failed", detail=None, queue="events")

    assert capsys.readouterr().err.endswith("event=worker.failed queue=events\n")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("two words", '"two words"'),
        ('says "no"', '"says \\"no\\""'),
        ("a=b", '"a=b"'),
        ("übung", "übung"),
        ("first\nlevel=critical", '"first\\nlevel=critical"'),
        ("\x1b[2J", '"\\u001b[2J"'),
        ("\u2028", '"\\u2028"'),
        (True, "true"),
        ("", ""),
    ],
)
def test_a_value_can_neither_end_its_line_nor_pose_as_another_field(
    log: Log, capsys: pytest.CaptureFixture[str], value: object, written: str
) -> None:
    log.error("queue.odd", value=value)

    assert capsys.readouterr().err.endswith(f"event=queue.odd value={written}\n")


def test_what_standard_error_cannot_write_does_not_stop_who_logs(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    log.error("queue.odd", value="\ud800")

    assert capsys.readouterr().err.endswith('value="\\ud800"\n')


def test_an_event_is_one_json_document_where_that_is_wanted(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    log.as_json = True

    log.info("event.settled", cause="evt_7", detail=None, text='two "words"\n', odd="\ud800", yes=True)

    (line,) = capsys.readouterr().err.splitlines()
    document = json.loads(line)
    assert document.pop("timestamp").endswith("Z")
    assert document == {
        "level": "info", "part": "web", "event": "event.settled",
        "cause": "evt_7", "text": 'two "words"\n', "odd": "\ud800", "yes": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("as_json", "expected"),
    [
        (False, 'level=warning part=web event=some.library detail="it says \\"no\\""\n'),
        (True, '"level": "warning", "part": "web", "event": "some.library", "detail": "it says \\"no\\""}\n'),
    ],
)
def test_what_a_library_logs_has_the_same_form(*, as_json: bool, expected: str) -> None:
    code = (
        f"from kulanz.telemetry import logs; import logging; logs.configure('web', as_json={as_json});"
        "logging.getLogger('some.library').warning('it says \"%s\"', 'no')"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr

    assert said.endswith(expected)
