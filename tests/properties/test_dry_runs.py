"""What is only tried is not written (I8), whatever is tried on whatever account; and rules that write are caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from kulanz.commands import commands as c
from kulanz.commands import execute, handler, versions
from kulanz.errors import KulanzError
from kulanz.policy import document
from kulanz.policy.facts import DisputeStatus, OverrideKind
from kulanz.processing.decision_log import Cause
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.queries.replay.simulation import Totals, simulate
from kulanz.services import Services
from kulanz.store.tables import metadata
from tests.days import DAY, days_before_monday, happens
from tests.lemonsqueezy import (
    MONDAY,
    Purchase,
    dispute_created,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
)

PLEXO = document.preset("plexo")
ACCOUNTS = ("org_good", "org_late", "org_held", "org_disputed")
Trial = Callable[[Services], object]
"""Something that is tried, and shall leave no trace."""

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
SPANS = st.integers(0, 400).map(lambda days: MONDAY + timedelta(days=10 + days))
AMOUNTS = st.integers(1, 9000)
DOCUMENTS = st.builds(
    lambda grace, window, scope: (
        PLEXO.replace('grace = "7d"', f'grace = "{grace}d"')
        .replace('window = "30d"', f'window = "{window}d"', 1)
        .replace('scope = "account"', f'scope = "{scope}"')
    ),
    *(st.integers(5, 60), st.integers(1, 90), st.sampled_from(["account", "subscription"])),
)
COMMANDS: st.SearchStrategy[c.Command] = st.one_of(
    st.builds(c.SetOverride, kind=st.sampled_from(OverrideKind), until=SPANS, reason=st.just("a promise")),
    st.builds(c.OpenDispute, amount=AMOUNTS, currency=st.just("EUR"), reason=st.just("the bank wrote")),
    st.builds(c.RecordPayment, amount=AMOUNTS, currency=st.sampled_from(["EUR", "USD"])),
    st.builds(c.AgreeTerms, document=DOCUMENTS, until=SPANS, reason=st.just("a contract")),
    st.builds(
        c.RequestRefund,
        payment=st.just(str(Purchase().invoice)),
        amount=st.none() | AMOUNTS,
        contact_email=st.just("a@b.c"),
        organisation=st.just("Bakery"),
    ),
    st.builds(c.RequestClosure),
    st.builds(c.ChooseDelivery, by=st.sampled_from(["mail", "letter"])),
    st.builds(c.GrantMandate, by=st.sampled_from(["portal", "staff"])),
    st.builds(c.NoteCancellation, reason=st.just("they called")),
    st.builds(c.EraseAccount, reason=st.just("their right")),
    st.builds(c.CloseDispute, dispute=st.just("lemonsqueezy:1"), outcome=st.sampled_from(DisputeStatus)),
)


@pytest.fixture
def services(sqlite_url: str, tmp_path: Path) -> Iterator[Services]:
    """An instance in which one account is good, one in grace, one on hold, and one suspended."""
    with days_before_monday(sqlite_url, tmp_path / "data") as services:
        first = {"good": 1, "late": 2, "held": 3, "disputed": 4}
        bought = {
            name: Purchase(account=f"org_{name}", customer=n, subscription=n, invoice=n) for name, n in first.items()
        }
        for purchase in bought.values():
            began = MONDAY - 30 * DAY
            paid = subscription_payment_success(purchase=purchase, at=began, billing_reason="initial")
            happens(services, -30, subscription_created(purchase=purchase, at=began), paid)
        held = subscription_payment_failed(purchase=bought["held"], invoice=33, at=MONDAY)
        happens(services, 0, held, dispute_created(purchase=bought["disputed"], at=MONDAY))
        for day in (3, 5, 7):
            happens(services, day)
        happens(services, 9, subscription_payment_failed(purchase=bought["late"], invoice=22, at=MONDAY + 9 * DAY))
        yield services


def everything(services: Services) -> str:
    """A digest of every row of every table."""
    with services.database.read() as conn:
        rows = [sorted(map(repr, conn.execute(select(table)))) for table in metadata.sorted_tables]
    return sha256(repr(rows).encode()).hexdigest()


def ordered(account: str, command: c.Command) -> Trial:
    return partial(execute.command, account=account, order=command, actor="ada", dry_run=True)


def simulated(text: str) -> Trial:
    return lambda services: list(simulate(services, text, Totals()))


def activated(text: str) -> Trial:
    return partial(versions.activate, text=text, actor="ada", dry_run=True)


def applied(text: str) -> Trial:
    policy = document.parse(text, version=2)
    return lambda services: list(versions.apply_to_open(services, policy, actor="ada", dry_run=True))


DOCUMENT_TRIALS = st.sampled_from([simulated, activated, applied])
TRIALS: st.SearchStrategy[Trial] = st.one_of(
    st.builds(ordered, st.sampled_from(ACCOUNTS), COMMANDS),
    st.builds(lambda tried, text: tried(text), DOCUMENT_TRIALS, DOCUMENTS),
)


def leaves_a_trace(services: Services, trial: Trial) -> bool:
    """Whether anything is stored otherwise after a trial; one that is refused was tried, too."""
    before = everything(services)
    with suppress(KulanzError):
        trial(services)
    return everything(services) != before


def test_what_is_only_tried_is_not_written_i8(services: Services) -> None:
    @QUICK
    @given(TRIALS)
    def tried(trial: Trial) -> None:
        assert not leaves_a_trace(services, trial)

    tried()


def puts_the_docket_back(account: str, command: c.Command) -> Trial:
    """Try an order, and write what would follow."""

    def trial(services: Services) -> None:
        with services.database.write() as tx:
            unit_of_work = UnitOfWork(services, tx, services.clock.now(tx))
            unit_of_work.lock([account])
            versions.prepare(services, unit_of_work, tx, command, "ada", dry_run=True)
            facts = handler.facts_of(
                command, unit_of_work.account(account), unit_of_work.terms, "ada", unit_of_work.now
            )
            unit_of_work.decide(account, facts, Cause(kind="command", name="tried"))
            unit_of_work.save()

    return trial


def keeps_the_document(account: str, command: c.Command) -> Trial:
    """Try an order, and keep the policy document that it only looked at."""

    def trial(services: Services) -> None:
        with services.database.write() as tx:
            unit_of_work = UnitOfWork(services, tx, services.clock.now(tx))
            versions.prepare(services, unit_of_work, tx, command, "ada", dry_run=False)
        ordered(account, command)(services)

    return trial


@pytest.mark.parametrize("broken", [puts_the_docket_back, keeps_the_document])
def test_a_dry_run_that_writes_is_caught_i8(services: Services, broken: Callable[[str, c.Command], Trial]) -> None:
    trials = st.builds(broken, st.sampled_from(ACCOUNTS), COMMANDS)

    traces: list[bool] = []

    @settings(QUICK, phases=[Phase.generate], derandomize=True, database=None)
    @given(trials)
    def tried(trial: Trial) -> None:
        # What was written once may be there already the next time, so no example is shrunk or told again.
        traces.append(leaves_a_trace(services, trial))

    tried()

    assert any(traces)
