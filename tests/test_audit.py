"""The ledger: whoever edits, cuts or reorders decisions is found, on both databases and from the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from kulanz.crypto.signing import Signer
from kulanz.privacy import audit
from kulanz.services import Services
from kulanz.store import accounts, ledger, tables
from kulanz.store.database import Connection
from tests.days import days_go_by, settings_of, settle
from tests.lemonsqueezy import MONDAY
from tests.retelling import Retelling
from tests.workers.instance import an_unpaid_account

DECISIONS = tables.decisions
ORG = "org_1"


def two_accounts(services: Services) -> None:
    for number in (1, 5):
        an_unpaid_account(services, number)
    days_go_by(services, 9)


@pytest.fixture
def services(tmp_path: Path, database_url: str, retelling: Retelling) -> Iterator[Services]:
    """Two accounts with a few decisions each."""
    settings = settings_of(tmp_path, database_url, test_clock=True)
    with retelling.told(settings, two_accounts, at=MONDAY) as (services, _):
        yield services


def test_what_nobody_touched_is_whole(services: Services) -> None:
    audit_results = list(audit.verify(services))

    assert {audit_result.account for audit_result in audit_results} == {"org_1", "org_5"}
    assert all(audit_result.flaw is None and audit_result.decisions >= 5 for audit_result in audit_results)


def edited(tx: Connection) -> None:
    tx.execute(at(3).values(rule="dunning.other"))


def with_another_detail(tx: Connection) -> None:
    tx.execute(at(2).values(detail='{"changes":[]}'))


def at_another_time(tx: Connection) -> None:
    tx.execute(at(2).values(at=MONDAY + timedelta(days=400)))


def without_the_first(tx: Connection) -> None:
    tx.execute(delete(DECISIONS).where(DECISIONS.c.account == ORG, DECISIONS.c.seq == 1))


def without_one_between(tx: Connection) -> None:
    tx.execute(delete(DECISIONS).where(DECISIONS.c.account == ORG, DECISIONS.c.seq == 3))


def without_the_last(tx: Connection) -> None:
    tx.execute(delete(DECISIONS).where(DECISIONS.c.account == ORG, DECISIONS.c.seq == the_last(tx)))


def cut_with_the_account_told_so(tx: Connection) -> None:
    """What only a signature shows: the last decision is gone, and the account's row agrees."""
    last = the_last(tx)
    head = tx.execute(select(DECISIONS.c.prev_hash).where(DECISIONS.c.account == ORG, DECISIONS.c.seq == last)).scalar()
    without_the_last(tx)
    tx.execute(the_account().values(seq=last - 1, head=head))


def cut_and_signed_by_a_stranger(tx: Connection) -> None:
    cut_with_the_account_told_so(tx)
    row = accounts.exactly(tx, ORG)
    assert row is not None
    stranger = Signer(os.urandom(32)).sign(ledger.statement(ORG, row.seq, row.head))
    tx.execute(the_account().values(signature=stranger))


def cut_and_not_signed(tx: Connection) -> None:
    cut_with_the_account_told_so(tx)
    tx.execute(the_account().values(signature=None))


def written_anew_from_the_second_on(tx: Connection) -> None:
    """Everything recomputed as if it had been so: the chain is whole, and the signature is not."""
    head = b""
    for row in ledger.of_account(tx, ORG, 0, 1000):
        rule = "dunning.other" if row.seq == 2 else row.rule
        new = ledger.DecisionRow(**{**fields(row), "rule": rule, "prev_hash": head})
        tx.execute(at(row.seq).values(rule=rule, prev_hash=head, hash=ledger.chain(head, new)))
        head = ledger.chain(head, new)
    tx.execute(the_account().values(head=head))


def two_in_the_other_order(tx: Connection) -> None:
    for old, new in ((2, 900), (3, 2), (900, 3)):
        tx.execute(at(old).values(seq=new))


def with_the_rows_of_another_account(tx: Connection) -> None:
    tx.execute(delete(DECISIONS).where(DECISIONS.c.account == ORG))
    tx.execute(update(DECISIONS).where(DECISIONS.c.account == "org_5").values(account=ORG))


def without_its_account(tx: Connection) -> None:
    tx.execute(delete(tables.accounts).where(tables.accounts.c.id == ORG))


def redacted_for_no_reason(tx: Connection) -> None:
    ledger.redact(tx, ORG)


def with_its_key_destroyed_in_silence(tx: Connection) -> None:
    tx.execute(the_account().values(key=None))


TAMPERINGS = {
    edited: "changed",
    with_another_detail: "changed",
    at_another_time: "changed",
    without_the_first: "missing",
    without_one_between: "missing",
    without_the_last: "missing",
    cut_with_the_account_told_so: "forged",
    cut_and_signed_by_a_stranger: "forged",
    cut_and_not_signed: "unsigned",
    written_anew_from_the_second_on: "forged",
    two_in_the_other_order: "changed",
    with_the_rows_of_another_account: "changed",
    without_its_account: "orphaned",
    redacted_for_no_reason: "redacted",
    with_its_key_destroyed_in_silence: "erased",
}


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda one: one.__name__)
def test_an_account_shows_that_somebody_left_it(services: Services, tampering: Any) -> None:
    with services.database.write() as tx:
        tampering(tx)

    flaws = {audit_result.account: audit_result.flaw for audit_result in audit.verify(services) if audit_result.flaw}

    assert flaws[ORG] == TAMPERINGS[tampering]


def test_a_decision_that_is_made_later_is_signed_too(services: Services) -> None:
    services.clock.set(MONDAY + timedelta(days=60))
    settle(services)

    assert [audit_result.flaw for audit_result in audit.verify(services)] == [None, None]


def the_last(tx: Connection) -> int:
    row = accounts.exactly(tx, ORG)
    assert row is not None
    return row.seq


def the_account() -> Any:
    return update(tables.accounts).where(tables.accounts.c.id == ORG)


def at(seq: int) -> Any:
    return update(DECISIONS).where(DECISIONS.c.account == ORG, DECISIONS.c.seq == seq)


def fields(row: ledger.DecisionRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}
