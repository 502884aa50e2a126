"""A debt that goes to a collection agency: who decides it, what goes with it, and what brings it back."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from kulanz.commands import collections
from kulanz.errors import InvalidInputError, NotFoundError, RefusedError
from kulanz.policy import document
from kulanz.policy import facts as f
from kulanz.policy.areas.closure import retention
from kulanz.policy.document import Policy
from kulanz.policy.effects import DropFile, Notify
from kulanz.policy.facts import DisputeStatus, Outcome, OverrideKind
from kulanz.policy.state import CaseState
from tests.policy.stories import (
    DAY,
    MONDAY,
    Stage,
    a_dispute,
    a_failure,
    a_paying_account,
    a_success,
    an_override,
    terms,
)
from tests.policy.test_transfers import pay

DUNNING_AT_TEXT = (
    document.preset("dunning-at")
    .replace('text = "demand"\n', 'text = "demand"\nfee = { EUR = 500 }\n')
    .replace('text = "last_demand"\n', 'text = "last_demand"\nfee = { EUR = 1000 }\n')
)
DUNNING_AT = document.parse(DUNNING_AT_TEXT, version=1)
READY = MONDAY + 56 * DAY
WHO = {
    "birth_name": "Ada Byron",
    "postal_address": "Ring 1, 1010 Wien",
    "birth_date": "1990-05-17",
    "phone": "+43 1 1",
    "passport_copy": "archive 7",
}


def given_up(policy: Policy = DUNNING_AT, **stage: Any) -> Stage:
    """An account whose debt is given up, by the Austrian preset, with all letters delivered."""
    account = a_paying_account(terms=terms(policy), **stage)
    account.hear(a_failure(), at=MONDAY)
    account.wait(READY)
    return account


def tell(account: Stage, **fields: str | None) -> None:
    account.hear(collections.told(account.account, {**WHO, **fields}, actor="ada", now=account.now))


def propose(account: Stage, actor: str = "ada", *, approves: bool = True, also: tuple[str, ...] = ()) -> None:
    account.hear(
        collections.proposed(
            account.account,
            account.terms,
            ident="col_1",
            case=None,
            reason="no answer",
            also=also,
            approves=approves,
            actor=actor,
            now=account.now,
        )
    )


def approve(account: Stage, actor: str = "bob") -> None:
    account.hear(collections.approved(account.account, account.terms, ident="col_1", actor=actor, now=account.now))


def report(account: Stage, actor: str) -> None:
    account.hear(collections.reported(account.account, account.terms, ident="col_1", actor=actor, now=account.now))


def handed_over(**stage: Any) -> Stage:
    account = given_up(**stage)
    tell(account)
    propose(account)
    approve(account)
    return account


def state(account: Stage) -> str:
    return account.account.book.collections["col_1"].state


def files(account: Stage) -> dict[str, Any]:
    """What was left for people outside, by its kind."""
    return {effect.kind: json.loads(effect.content) for _, effect in account.done if isinstance(effect, DropFile)}


def hash_of(statement: dict[str, Any]) -> str:
    """The hash of a statement, as the manual says that it is computed."""
    text = json.dumps(statement, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def test_one_name_hands_nothing_over_and_the_second_name_does_5() -> None:
    account = given_up()

    propose(account)
    assert (account.case.state, files(account)) == (CaseState.EXHAUSTED, {})
    approve(account)

    assert account.case.state is CaseState.IN_COLLECTIONS
    assert list(files(account)) == ["handover"]
    assert account.callbacks[-1] == "collections.handed_over"
    assert ("collections.handed_over", "5") in account.rules


def test_a_proposal_without_an_authenticated_name_is_no_approval() -> None:
    account = given_up()

    propose(account, "cli:ada", approves=False)
    approve(account, "ada")
    assert account.case.state is CaseState.EXHAUSTED
    approve(account, "bob")

    assert account.case.state is CaseState.IN_COLLECTIONS


def test_the_same_name_approves_once() -> None:
    account = given_up()
    propose(account, "ada")

    with pytest.raises(RefusedError, match="two names"):
        approve(account, "ada")


def test_exactly_what_the_policy_names_and_is_held_goes_5() -> None:
    account = handed_over()

    stated = files(account)["handover"]

    ours = {"reference", "handed_over_at", "statement_sha256"}
    held = {"birth_name", "postal_address", "email", "age", "phone", "contract_date"}
    assert stated.keys() == ours | held | {"arrears", "invoices", "statement"}
    assert (stated["birth_name"], stated["age"], stated["email"]) == ("Ada Byron", 35, "owner@example.com")
    assert account.account.book.collections["col_1"].handed is not None


def test_the_passports_copy_goes_only_where_it_is_needed() -> None:
    account = given_up()
    tell(account)

    propose(account, also=("passport_copy",))
    approve(account)

    assert files(account)["handover"]["passport_copy"] == "archive 7"


def test_what_is_left_out_of_a_description_is_known_no_more() -> None:
    account = given_up()
    tell(account)
    tell(account, phone=None, birth_date=None)

    propose(account)
    approve(account)

    assert not {"phone", "age"} & files(account)["handover"].keys()


def test_the_statement_is_frozen_with_its_hash() -> None:
    account = given_up()
    pay(account, 500)
    propose(account)
    approve(account)
    stated = files(account)["handover"]

    account.hear(a_success(MONDAY + 60 * DAY, key="lemonsqueezy:77"), at=MONDAY + 60 * DAY)

    whole = json.dumps(stated["statement"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    handed = account.account.book.collections["col_1"].handed
    assert handed is not None
    assert sha256(whole.encode()).hexdigest() == stated["statement_sha256"] == handed.statement_sha256
    assert stated["statement"]["balance"] == stated["arrears"]["total"] == 1999 - 500 + 1500
    assert [line["amount"] for line in stated["statement"]["lines"]] == [1999, 500, 1000, -500]


def test_every_reminder_stops() -> None:
    account = handed_over()
    before = len(account.mails)

    account.wait(MONDAY + 300 * DAY)

    assert len(account.mails) == before
    assert [timer.kind for timer in account.state.timers] == ["retention_end"]


@pytest.mark.parametrize(
    ("day", "says"), [(3, "given up"), (41, "given up"), (50, "given up")], ids=["grace", "letters done", "on hold"]
)
def test_a_debt_that_is_not_given_up_is_not_handed_over(day: int, says: str) -> None:
    account = a_paying_account(terms=terms(DUNNING_AT))
    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + day * DAY)

    with pytest.raises(RefusedError, match=says):
        propose(account)


def test_letters_that_never_arrived_are_no_ground_for_a_hand_over() -> None:
    account = a_paying_account(terms=terms(DUNNING_AT))
    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 34 * DAY)
    account.mail = Outcome.FAILED
    account.wait(MONDAY + 36 * DAY)
    account.mail = Outcome.DONE
    account.wait(MONDAY + 200 * DAY)
    assert account.case.state is CaseState.EXHAUSTED

    with pytest.raises(RefusedError, match="delivered"):
        propose(account)


def test_operators_are_told_once_that_a_debt_may_be_handed_over() -> None:
    account = given_up()

    account.wait(MONDAY + 200 * DAY)

    assert account.alerts.count("ready_for_collections") == 1


def test_a_disputed_debt_is_not_handed_over() -> None:
    account = given_up()
    account.hear(a_dispute(DisputeStatus.OPENED, account.now, opened_at=account.now))

    with pytest.raises(RefusedError, match="disputed"):
        propose(account)


def test_what_was_paid_between_the_approvals_is_not_handed_over() -> None:
    account = given_up()
    propose(account)

    pay(account, 1999)

    assert state(account) == "withdrawn"
    with pytest.raises(RefusedError, match="withdrawn"):
        approve(account)
    assert files(account) == {}


@pytest.mark.parametrize(
    ("news", "cause"),
    [
        (a_success(READY), "paid"),
        (a_dispute(DisputeStatus.OPENED, READY, opened_at=READY), "disputed"),
        (an_override(OverrideKind.WAIVE, READY), "void"),
    ],
    ids=["paid", "disputed", "waived"],
)
def test_a_debt_comes_back_when_it_is_paid_disputed_or_waived(news: f.Fact, cause: str) -> None:
    account = handed_over()

    account.hear(news)

    assert state(account) == "recalled"
    assert files(account)["recall"]["cause"] == cause
    assert "collections.recalled" in account.callbacks
    assert "collection_recalled" in account.alerts
    assert all(case.state is not CaseState.IN_COLLECTIONS for case in account.state.cases)


def test_a_part_that_is_paid_to_us_leaves_it_there_and_is_seen() -> None:
    account = handed_over()

    pay(account, 500)

    assert (state(account), account.case.amount_due) == ("handed_over", 1499)
    assert "paid_in_collections" in account.alerts


def test_a_person_recalls_it_and_may_propose_it_again() -> None:
    account = handed_over()
    account.hear(
        collections.recalled(
            account.account, account.terms, ident="col_1", reason="our mistake", actor="ada", now=account.now
        )
    )
    assert account.case.state is CaseState.EXHAUSTED
    assert files(account)["recall"]["cause"] == "operator"
    assert account.mails.count("downgraded") == 1

    fact = collections.proposed(
        account.account,
        account.terms,
        ident="col_2",
        case=account.case.key,
        reason="again",
        also=(),
        approves=True,
        actor="ada",
        now=account.now,
    )

    assert fact.case == account.case.key


def test_the_credit_bureau_is_told_by_two_approvals_of_their_own_6() -> None:
    account = handed_over()
    assert "credit-report" not in files(account)

    report(account, "ada")
    assert "credit-report" not in files(account)
    report(account, "bob")

    stated = files(account)["credit-report"]
    assert {"birth_name", "postal_address", "age", "arrears"} <= stated.keys()
    assert not {"phone", "email", "statement"} & stated.keys()
    assert ("collections.reported", "6") in account.rules


def test_a_report_bears_the_hash_of_the_statement_that_the_agency_has() -> None:
    account = handed_over()
    pay(account, 500)
    for actor in ("ada", "bob"):
        report(account, actor)

    handed, stated = files(account)["handover"], files(account)["credit-report"]
    assert stated["statement_sha256"] == handed["statement_sha256"] == hash_of(handed["statement"])
    assert stated["handed_over_at"] == handed["handed_over_at"] <= stated["reported_at"]
    assert stated["arrears"]["amount_due"] == handed["arrears"]["amount_due"] - 500
    assert "newer_statement_sha256" not in stated


def test_a_report_with_a_statement_of_its_own_has_the_hash_of_that_one_too() -> None:
    telling = DUNNING_AT_TEXT.replace('"age", "arrears"]', '"age", "arrears", "statement"]')
    account = handed_over(policy=document.parse(telling, version=1))
    pay(account, 500)
    for actor in ("ada", "bob"):
        report(account, actor)

    handed, stated = files(account)["handover"], files(account)["credit-report"]
    assert stated["statement_sha256"] == hash_of(handed["statement"])
    assert stated["newer_statement_sha256"] == hash_of(stated["statement"]) != stated["statement_sha256"]


def test_nothing_is_reported_that_is_disputed_recalled_or_not_handed_over_6() -> None:
    proposed = given_up()
    propose(proposed)
    disputed = handed_over()
    disputed.hear(a_dispute(DisputeStatus.OPENED, READY, opened_at=READY))

    for account in (proposed, disputed):
        with pytest.raises(RefusedError):
            report(account, "ada")


def test_a_report_that_was_made_is_to_be_corrected_when_the_debt_is_paid() -> None:
    account = handed_over()
    report(account, "ada")
    report(account, "bob")

    pay(account, 1999 + 1500)

    assert "credit_report_to_correct" in account.alerts


def test_the_merchants_product_hears_no_personal_data() -> None:
    account = handed_over()

    (notify,) = [
        effect for _, effect in account.done if isinstance(effect, Notify) and effect.type == "collections.handed_over"
    ]

    assert "Byron" not in json.dumps(notify.data)
    assert notify.data["approved_by"] == ["ada", "bob"]
    changes = [change.detail for decision in account.decisions for change in decision.changes]
    assert "Byron" not in repr(changes)


def test_a_policy_that_hands_nothing_over_never_does() -> None:
    account = a_paying_account()
    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 100 * DAY)

    with pytest.raises(RefusedError, match="hands no debts over"):
        propose(account)


@pytest.mark.parametrize("wrong", [{"birth_date": "17.5.1990"}, {"contract_date": "2999-01-01"}])
def test_a_day_that_is_none_is_refused(wrong: dict[str, str]) -> None:
    account = given_up()

    with pytest.raises(InvalidInputError):
        tell(account, **wrong)


def test_what_there_is_not_is_named() -> None:
    account = given_up()

    with pytest.raises(NotFoundError):
        approve(account)
    with pytest.raises(InvalidInputError, match="include"):
        propose(account, also=("phone",))


def test_what_was_paid_and_handed_over_is_kept_as_long_as_the_law_says_1() -> None:
    account = handed_over()
    pay(account, 9999)
    book, rules = account.account.book, DUNNING_AT.retention

    kept = {
        (retained_records.kind, name)
        for retained_records in retention.retained(book, rules, "UTC", READY)
        for each in retained_records.records
        for name in each
    }

    assert {("settlements", "payment"), ("dunning", "collection"), ("interactions", "notice")} <= kept
    assert "Byron" not in repr(retention.retained(book, rules, "UTC", READY))
