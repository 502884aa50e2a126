"""Evidence: one file that tells the whole story, and in which not a byte can be changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from kulanz.commands import execute
from kulanz.commands.commands import OpenDispute
from kulanz.crypto.signing import Signer, fingerprint
from kulanz.errors import InvalidInputError, NotFoundError
from kulanz.queries import evidence
from kulanz.queries.evidence.check import check
from kulanz.queries.evidence.page import DATA_BEGINS, SIGNATURE_BEGINS, SIGNATURE_ENDS, written
from kulanz.services import Services
from kulanz.store.database import Database
from tests.days import days_go_by, settings_of, settle
from tests.fake_servers import CallbackReceiver, Mailbox, a_callback_receiver, a_mailbox
from tests.lemonsqueezy import MONDAY
from tests.retelling import Retelling
from tests.workers.instance import an_unpaid_account


@pytest.fixture(scope="module")
def callbacks() -> Iterator[CallbackReceiver]:
    with a_callback_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    """The letters of all tests: what was told before the first is sent once."""
    with a_mailbox() as mailbox:
        yield mailbox


def downgraded_and_disputed(services: Services) -> None:
    an_unpaid_account(services, 1)
    days_go_by(services, 9)
    order = OpenDispute(amount=1999, currency="EUR", reason="<b>fraud</b> & more", reference="case-77")
    execute.command(services, "org_1", order, "anna")
    settle(services)


@pytest.fixture
def services(
    tmp_path: Path, database_url: str, callbacks: CallbackReceiver, mailbox: Mailbox, retelling: Retelling
) -> Iterator[Services]:
    """An account that did not pay, was downgraded, and then disputed."""
    stated = {
        "callback_url": callbacks.url,
        "callback_secret": callbacks.secret,
        "smtp_url": mailbox.url,
        "mail_from": "billing@shop.example",
        "test_clock": True,
    }
    settings = settings_of(tmp_path, database_url, **stated)
    with retelling.told(settings, downgraded_and_disputed, at=MONDAY) as (services, _):
        yield services


def test_the_file_tells_what_happened_by_which_clause_and_what_was_sent(services: Services) -> None:
    page = evidence.of_account(services, "org_1").decode()

    assert "A renewal payment of subscription lemonsqueezy:1 failed" in page
    assert "6.2" in page
    assert "mail: grace warning" in page
    assert "A chargeback of 19.99 EUR was opened" in page
    assert "effective_from" in page
    assert "name = &#34;plexo&#34;" in page
    assert "&lt;b&gt;fraud&lt;/b&gt; &amp; more" in page
    assert "<b>fraud" not in page
    assert "case-77" in page


def test_what_the_customer_was_told_is_in_the_file_word_for_word(services: Services, mailbox: Mailbox) -> None:
    document = data_of(evidence.of_account(services, "org_1"))

    stated = [item for item in document["sent"] if item["kind"] == "SendMail"]

    received = [part.get_content().strip() for letter in mailbox.accepted for part in letter.iter_parts()]
    assert stated
    assert {item["text"].strip() for item in stated} <= {"\n".join(text.splitlines()) for text in received}
    assert all(item["state"] == "done" and item["ended_at"] and item["to"] for item in stated)


def test_a_file_that_nobody_touched_is_sound_without_a_database(services: Services) -> None:
    file = evidence.of_account(services, "org_1")
    public = services.vault.signer.public

    evidence_verdict = check(file)

    assert evidence_verdict.problems == ()
    assert evidence_verdict.account == "org_1"
    assert evidence_verdict.decisions > 5
    assert check(file, public.hex()).problems == check(file, fingerprint(public)).problems == ()


def test_a_change_anywhere_in_the_file_shows(services: Services) -> None:
    file = evidence.of_account(services, "org_1")
    chance = Random(7)

    for place in (0, len(file) - 1, *(chance.randrange(len(file)) for _ in range(300))):
        changed = bytearray(file)
        changed[place] ^= 1 << chance.randrange(7)

        assert not is_sound(bytes(changed)), place


def test_a_signature_that_is_written_otherwise_shows(services: Services) -> None:
    file = evidence.of_account(services, "org_1")
    page, begins, line = file.rpartition(SIGNATURE_BEGINS)
    signature = line.removesuffix(SIGNATURE_ENDS)

    assert is_sound(page + begins + signature + SIGNATURE_ENDS)
    assert not is_sound(page + begins + signature.upper() + SIGNATURE_ENDS)


@pytest.mark.parametrize("left", [0, 10, 5000, -200, -130, -1])
def test_a_file_that_was_cut_shows(services: Services, left: int) -> None:
    assert not is_sound(evidence.of_account(services, "org_1")[:left])


def test_what_stands_behind_the_signature_counts_too(services: Services) -> None:
    assert not is_sound(evidence.of_account(services, "org_1") + b"<p>And more.</p>")


def test_a_file_of_somebody_else_s_making_is_told_by_its_key(services: Services) -> None:
    forger = Signer(os.urandom(32))
    document = data_of(evidence.of_account(services, "org_1"))
    document["key"] = {"algorithm": "Ed25519", "public_key": forger.public.hex(), "fingerprint": "…"}

    evidence_verdict = check(written(document, forger), services.vault.signer.public.hex())

    assert "another key than the expected one" in evidence_verdict.problems[0]
    assert "the end of the decisions of org_1 is not signed with this key" in evidence_verdict.problems


def test_a_story_told_anew_under_the_right_key_still_has_to_fit_its_hashes(services: Services) -> None:
    signer = services.vault.signer
    document = data_of(evidence.of_account(services, "org_1"))
    document["chains"][-1]["decisions"][1]["record"]["clause"] = "6.9"

    assert check(written(document, signer)).problems == ("the decisions of org_1 do not fit together at number 2",)

    document = data_of(evidence.of_account(services, "org_1"))
    del document["chains"][-1]["decisions"][-1]
    assert check(written(document, signer)).problems == ("the decisions of org_1 are not all there",)

    document = data_of(evidence.of_account(services, "org_1"))
    document["policies"][0]["text"] += "\n# another clause"
    assert "does not have its hash" in check(written(document, signer)).problems[0]


@pytest.mark.parametrize("junk", [b"", b"<html></html>", SIGNATURE_BEGINS, b"x" + SIGNATURE_BEGINS + b"zz -->\n"])
def test_what_is_no_evidence_is_refused(junk: bytes) -> None:
    with pytest.raises(InvalidInputError):
        check(junk)


def test_an_account_that_nobody_knows_has_none(services: Services, database: Database) -> None:
    with pytest.raises(NotFoundError):
        evidence.of_account(services, "nobody")


def is_sound(file: bytes) -> bool:
    try:
        return not check(file).problems
    except InvalidInputError:
        return False


def data_of(file: bytes) -> dict:
    begin = file.index(DATA_BEGINS) + len(DATA_BEGINS)
    return msgspec.json.decode(file[begin : file.rindex(b"</script>")])
