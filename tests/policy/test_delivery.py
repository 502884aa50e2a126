"""Letters on paper, where the customer chose them; and mandates for direct debits."""

from __future__ import annotations

from typing import Any

import pytest

from kulanz.commands import collections
from kulanz.errors import NotFoundError, RefusedError
from kulanz.policy import facts as f
from kulanz.policy.effects import SendLetter, SendMail
from kulanz.policy.facts import Outcome
from kulanz.policy.state import CaseState
from tests.policy.stories import DAY, MONDAY, Stage, a_failure, a_paying_account, a_success, terms
from tests.policy.test_collections import DUNNING_AT, READY, propose, tell


def a_reader_of_letters(*, addressed: bool = True, **stage: Any) -> Stage:
    """A customer who chose letters, by the Austrian preset."""
    account = a_paying_account(terms=terms(DUNNING_AT), **stage)
    account.hear(collections.delivered_by(account.account, "letter", now=account.now))
    if addressed:
        tell(account)
    return account


def on_paper(account: Stage) -> list[str]:
    return [effect.notice for _, effect in account.done if isinstance(effect, SendLetter)]


def test_who_chose_letters_gets_the_notices_about_a_debt_on_paper_2() -> None:
    account = a_reader_of_letters()

    account.hear(a_failure(), at=MONDAY)
    account.wait(READY)

    assert on_paper(account) == [
        "grace_started",
        "dunning_level",
        "dunning_level",
        "dunning_level",
        "grace_warning",
        "downgraded",
    ]
    assert account.mails == []
    assert ("delivery.chosen", "2") in account.rules
    (first, *_) = [effect for _, effect in account.done if isinstance(effect, SendLetter)]
    assert first.to == "Ring 1, 1010 Wien"


def test_a_letter_counts_as_the_notice_that_it_is_i2() -> None:
    account = a_reader_of_letters()
    account.hear(a_failure(), at=MONDAY)
    account.wait(READY)
    assert account.case.state is CaseState.EXHAUSTED

    propose(account)

    assert "col_1" in account.account.book.collections


def test_letters_that_could_not_be_written_do_not_count_i2() -> None:
    account = a_reader_of_letters(mail=Outcome.FAILED, letter=Outcome.FAILED)
    account.hear(a_failure(), at=MONDAY)

    account.wait(MONDAY + 44 * DAY)

    assert account.case.state is CaseState.GRACE


def test_without_an_address_mail_stands_in_and_operators_see_it() -> None:
    account = a_reader_of_letters(addressed=False)

    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 8 * DAY)

    assert on_paper(account) == []
    assert "dunning_level" in account.mails
    assert account.alerts == ["no_postal_address"]


def test_who_chose_mail_or_nothing_gets_mail() -> None:
    account = a_reader_of_letters()
    account.hear(collections.delivered_by(account.account, "mail", now=account.now))

    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 8 * DAY)

    assert (on_paper(account), account.mails) == ([], ["grace_started", "dunning_level"])


def test_the_last_word_counts_even_within_one_instant() -> None:
    account = a_paying_account(terms=terms(DUNNING_AT))

    for by in ("letter", "mail", "letter"):
        account.hear(collections.delivered_by(account.account, by, now=account.now))

    assert account.account.book.word("delivery") == "letter"


def test_a_letter_that_is_no_longer_wanted_is_not_sent() -> None:
    account = a_reader_of_letters()
    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 7 * DAY - DAY)
    account.now = MONDAY + 7 * DAY
    effects = account._decided(()).effects
    account.hear(a_success(MONDAY + 7 * DAY))
    before = on_paper(account)

    account.carry_out(effects)

    assert any(isinstance(effect, SendLetter) for effect in effects)
    assert on_paper(account) == before


def test_a_mandate_is_granted_and_revoked_for_the_future_without_reasons_3() -> None:
    account = a_paying_account(terms=terms(DUNNING_AT))
    account.hear(collections.granted(ident="man_1", by="portal", reference="M-1", actor="ada", now=account.now))

    account.hear(collections.revoked(account.account, ident="man_1", actor="ada", now=account.now))

    assert [effect for effect in account.rules if effect[0].startswith("mandate.")] == [
        ("mandate.granted", "3"),
        ("mandate.revoked", "3"),
    ]
    assert "mandate.revoked" in account.callbacks
    assert account.alerts == ["mandate_revoked"]
    assert account.state.plan == "professional"
    assert not any(isinstance(effect, SendMail) for _, effect in account.done)


def test_a_mandate_is_revoked_once_and_only_one_that_there_is() -> None:
    account = a_paying_account()
    account.hear(collections.granted(ident="man_1", by="staff", reference=None, actor="ada", now=account.now))
    account.hear(collections.revoked(account.account, ident="man_1", actor="ada", now=account.now))

    with pytest.raises(RefusedError):
        collections.revoked(account.account, ident="man_1", actor="ada", now=account.now)
    with pytest.raises(NotFoundError):
        collections.revoked(account.account, ident="man_2", actor="ada", now=account.now)
    assert f.MandateRevoked(id="man_1", at=account.now, actor="ada") == account.account.book.mandates["man_1"].revoked
