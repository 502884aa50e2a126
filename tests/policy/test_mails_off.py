"""Mails that the merchant's product writes: a callback stands for each, and what is promised is kept all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kulanz.delivery.notices import REQUIRED
from kulanz.errors import PolicyError
from kulanz.policy import document
from kulanz.policy.areas.disputes.chargebacks import DELETION
from kulanz.policy.consequences.effects import still_wanted
from kulanz.policy.document.reading import CUSTOMER_NOTICES
from kulanz.policy.effects import NOTICE_DUE, Notify, SendMail
from kulanz.policy.facts import DisputeStatus, Outcome
from kulanz.policy.state import CaseState
from tests.policy.stories import (
    DAY,
    MONDAY,
    SUB,
    Stage,
    a_dispute,
    a_failure,
    a_paying_account,
    a_success,
    plexo_but,
    terms,
)

GRACE = 'name = "mine"\n[dunning]\ngrace = "7d"\n'


def left_to_product(*, mails: str | tuple[str, ...] = "off", **told: Any) -> Stage:
    policy = replace(plexo_but(warn_by="callback", provider_sends_failure_mail=False), mails=mails)
    return a_paying_account(terms=terms(policy), **told)


def due(account: Stage) -> list[str]:
    """The notices that the product was told to write."""
    return [each.data["notice"] for _, each in account.done if isinstance(each, Notify) and each.type == NOTICE_DUE]


def test_where_mails_are_off_each_of_them_is_a_callback_at_its_time() -> None:
    by_us, by_product = a_paying_account(terms=terms(plexo_but(provider_sends_failure_mail=False))), left_to_product()

    for account in (by_us, by_product):
        account.hear(a_failure(), at=MONDAY)
        account.wait(MONDAY + 8 * DAY)
        account.hear(a_success(MONDAY + 8 * DAY), at=MONDAY + 8 * DAY)

    assert by_product.mails == []
    assert due(by_product) == by_us.mails
    assert by_us.mails == [
        "grace_started",
        "grace_reminder",
        "grace_reminder",
        "grace_warning",
        "downgraded",
        "recovered",
    ]


def test_the_callback_has_what_the_mail_would_have_said() -> None:
    by_us, by_product = a_paying_account(terms=terms(plexo_but(provider_sends_failure_mail=False))), left_to_product()
    for account in (by_us, by_product):
        account.hear(a_failure(), at=MONDAY)

    (mail,) = [effect for _, effect in by_us.done if isinstance(effect, SendMail)]
    (callback,) = [effect for _, effect in by_product.done if isinstance(effect, Notify) and effect.type == NOTICE_DUE]

    assert callback.data["content"] == mail.data
    assert (callback.subject, callback.step, callback.data["step"]) == (mail.subject, mail.step, mail.step)
    assert callback.data["content"]["deadline"] == "2026-03-09T09:00:00Z"
    assert callback.data["content"]["subscription"] == SUB
    assert mail.to not in str(callback.data)


def test_access_is_taken_only_after_the_product_took_the_warning_i2() -> None:
    account = left_to_product(callback=Outcome.FAILED)
    account.hear(a_failure(), at=MONDAY)

    account.wait(MONDAY + 30 * DAY)

    assert account.case.state is CaseState.GRACE
    assert account.alerts == ["warning_cannot_be_delivered"]


def test_a_notice_alone_may_be_left_to_the_product() -> None:
    account = left_to_product(mails=("downgraded", "grace_started"))

    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 8 * DAY)

    assert due(account) == ["grace_started", "downgraded"]
    assert account.mails == ["grace_reminder", "grace_reminder", "grace_warning"]


def test_a_callback_that_is_true_no_more_is_not_made() -> None:
    account = left_to_product(callback=None)
    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 2 * DAY)
    told = due(account)
    assert told == ["grace_started", "grace_reminder"]

    account.hear(a_success(MONDAY + 3 * DAY), at=MONDAY + 3 * DAY)

    effect = next(each for _, each in account.done if isinstance(each, Notify) and each.type == NOTICE_DUE)
    assert not still_wanted(effect, account.state, account.account.book)


def test_the_product_that_took_the_notices_of_deletion_gave_them() -> None:
    account = left_to_product()
    account.hear(a_dispute(DisputeStatus.OPENED, MONDAY), at=MONDAY)
    account.hear(a_dispute(DisputeStatus.LOST, MONDAY + DAY), at=MONDAY + DAY)

    account.wait(MONDAY + 70 * DAY)

    assert due(account) == ["suspended", DELETION, DELETION, DELETION]
    (deletion,) = account.state.deletions
    assert deletion.obstacles == ("approval",)


def test_a_warning_that_nobody_mails_cannot_count_by_mail() -> None:
    for mails in ('mails = "off"\n', 'mails = { grace_warning = "off" }\n'):
        for said in ("", 'warn_by = "mail"\n'):
            with pytest.raises(PolicyError) as refused:
                document.parse(mails + GRACE + said)
            (problem,) = refused.value.problems
            assert problem.startswith(f'dunning.warn_by: line {5 if said else 3}: expected "callback"')
        assert document.parse(f'{mails}{GRACE}warn_by = "callback"\n').dunning.warn_by == "callback"
    document.parse('mails = "off"\nname = "mine"\n[dunning]\ngrace = "0d"\n')
    document.parse(f'mails = {{ recovered = "off", grace_warning = "on" }}\n{GRACE}')


@pytest.mark.parametrize(
    "mails", ['"of"', "true", "1", '["recovered"]', '{ recovery = "off" }', "{ recovered = false }"]
)
def test_what_says_nothing_of_mails_is_refused(mails: str) -> None:
    with pytest.raises(PolicyError, match='mails: line 1: expected "on", "off", or a table'):
        document.parse(f"mails = {mails}\n{GRACE}")


def test_every_mail_to_customers_may_be_left_to_the_product() -> None:
    assert {*CUSTOMER_NOTICES} == {*REQUIRED} - {"ops_alert"}
    policy = document.parse(f'mails = {{ recovered = "off" }}\n{GRACE}')
    assert [name for name in CUSTOMER_NOTICES if not policy.mails_by_us(name)] == ["recovered"]
    assert all(document.parse(GRACE).mails_by_us(name) for name in CUSTOMER_NOTICES)


@pytest.mark.parametrize(
    ("said", "mailed"),
    [(True, False), (False, True), (("lemonsqueezy",), False), (("stripe", "standard"), True), ((), True)],
)
def test_who_mails_on_a_failure_is_said_by_provider(*, said: bool | tuple[str, ...], mailed: bool) -> None:
    account = a_paying_account(terms=terms(plexo_but(provider_sends_failure_mail=said)))

    account.hear(a_failure(), at=MONDAY)

    assert ("grace_started" in account.mails) is mailed


def test_the_policy_names_providers_that_there_are() -> None:
    rules = document.parse(f'{GRACE}provider_sends_failure_mail = ["lemonsqueezy", "stripe"]\n').dunning
    assert rules.is_mailed_by_provider("stripe:sub_1")
    assert not rules.is_mailed_by_provider("paddle:sub_1")

    with pytest.raises(PolicyError, match="true, false, or a list of lemonsqueezy, paddle, standard, stripe"):
        document.parse(f'{GRACE}provider_sends_failure_mail = ["lemon"]\n')
