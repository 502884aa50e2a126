"""A notice on paper: a page in the folder of letters, or a callback to whoever prints it."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from kulanz.delivery import AttemptState, deliver
from kulanz.policy.effects import SendLetter
from kulanz.policy.facts import Outcome
from tests.callbacks import misfits
from tests.delivery import values
from tests.fake_servers import CallbackReceiver

DATA = {"letter": "demand", "currency": "EUR", "amount_due": 1999, "fee": 500, "fees": 500, "total_due": 2499}


def a_letter(**told: Any) -> SendLetter:
    document: dict[str, Any] = {
        "id": "ef_paper",
        "notice": "dunning_level",
        "subject": "lemonsqueezy:421953:1134999",
        "step": 2,
        "to": "Ada Byron\nRing 1 <script>\n1010 Wien",
        "by": "file",
        "locale": "de-AT",
        "data": DATA,
    }
    return SendLetter(**{**document, **told})


def test_a_letter_is_a_page_with_its_address_private_and_written_once(tmp_path: Path) -> None:
    channels = values.the_channels(drop_dir=tmp_path)

    reports = [deliver(a_letter(), channels, values.an_attempt()) for _ in range(2)]

    (page,) = (tmp_path / "letters").iterdir()
    text = page.read_text()
    assert [report.outcome for report in reports] == [Outcome.DONE, Outcome.DONE]
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "Ada Byron<br>" in text
    assert "<script>" not in text
    assert "Mahnung" in text
    assert "24,99" in text


def test_a_letter_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("a file where the folder should be")

    report = deliver(a_letter(), values.the_channels(drop_dir=tmp_path), values.an_attempt())

    assert report.state is AttemptState.RETRY


def test_a_letter_goes_to_the_print_partner_as_a_signed_callback(receiver: CallbackReceiver) -> None:
    channels = values.the_channels(callback_url=receiver.url, callback_secret=receiver.secret)

    report = deliver(a_letter(by="callback"), channels, values.an_attempt())

    (document,) = receiver.documents
    assert report.outcome is Outcome.DONE
    assert document["type"] == "letter.requested"
    assert misfits(document) == []
    assert document["data"]["to"].startswith("Ada Byron")
    assert "24,99" in document["data"]["text"]


def test_a_letter_without_its_data_is_parked(tmp_path: Path) -> None:
    report = deliver(a_letter(data={}), values.the_channels(drop_dir=tmp_path), values.an_attempt())

    assert report.state is AttemptState.PARKED
