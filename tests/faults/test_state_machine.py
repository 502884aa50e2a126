"""Anything that may happen, in any order, to a real store: the invariants hold after every step."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from kulanz import pipeline
from kulanz.commands import execute, versions
from kulanz.commands.commands import SetOverride
from kulanz.config import Settings, policy_text
from kulanz.errors import KulanzError
from kulanz.ingest.receiver import Receiver
from kulanz.policy.facts import OverrideKind
from kulanz.queries import accounts as account_queries
from kulanz.queries.replay.replay import replay
from kulanz.runtime.clock import real_now
from kulanz.services import Services, build
from kulanz.store import accounts, inbox, ledger, outbox
from kulanz.store.tables import effects, metadata
from kulanz.store.tables import inbox as rows
from tests.faults.failpoints import time_passes
from tests.lemonsqueezy import (
    MONDAY,
    Builder,
    Payload,
    a_buyer,
    delivery,
    dispute_created,
    dispute_resolved,
    subscription_cancelled,
    subscription_created,
    subscription_expired,
    subscription_payment_failed,
    subscription_payment_recovered,
    subscription_payment_success,
    subscription_updated,
)
from tests.replacing import replace
from tests.servers import empty

TOLD: dict[str, Builder] = {
    "created": subscription_created,
    "updated": subscription_updated,
    "failed": subscription_payment_failed,
    "recovered": subscription_payment_recovered,
    "paid": subscription_payment_success,
    "cancelled": subscription_cancelled,
    "expired": subscription_expired,
    "disputed": dispute_created,
    "resolved": dispute_resolved,
}
GRACE = 'grace = "7d"'
ACCOUNTS = st.integers(1, 3)
STEPS = settings(
    max_examples=12,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


class House(RuleBasedStateMachine):
    """One instance without far ends but files, on a clock that is turned."""

    database_url: str | None = None
    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kulanz-machine-"))
        url = self.database_url or f"sqlite:///{self.folder / 'kulanz.db'}"
        if self.database_url is None:
            shutil.copyfile(self.template, self.folder / "kulanz.db")
        self.settings = Settings(
            data_dir=self.folder,
            database_url=url,
            encryption_keys=(os.urandom(32),),
            lemonsqueezy_webhook_secrets=("the-first",),
            lemonsqueezy_mode="any",
            mail_from="billing@shop.example",
            ops_alert_to="ops@shop.example",
            test_clock=True,
        )
        self.sent: list[Payload] = []
        self.late: list[Payload] = []
        self.accepted: set[str] = set()
        self.quoted: dict[tuple[str, str], datetime] = {}
        self.services, self.intake = self.opened()

    def opened(self) -> tuple[Services, Receiver]:
        services = build(self.settings)
        return services, Receiver(services)

    def teardown(self) -> None:
        try:
            self.come_to_rest()
        finally:
            self.intake.close()
            self.services.close()
            shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.services.clock.set(MONDAY)
        self.deliver(1, "created", late=False)

    @property
    def now(self) -> datetime:
        return self.services.clock.now()

    @rule(number=ACCOUNTS, text=st.sampled_from(sorted(TOLD)), late=st.booleans())
    def deliver(self, number: int, text: str, *, late: bool) -> None:
        payload = TOLD[text](at=self.now, purchase=a_buyer(number, began=MONDAY), **_attributes(text))
        self.sent.append(payload)
        if late:
            self.late.append(payload)
        else:
            self.post(payload)

    @precondition(lambda self: self.late)
    @rule(chance=st.randoms(use_true_random=False))
    def what_was_held_up_arrives(self, chance: Random) -> None:
        self.post(self.late.pop(chance.randrange(len(self.late))))

    @rule(chance=st.randoms(use_true_random=False), again=st.booleans())
    def deliver_again(self, chance: Random, *, again: bool) -> None:
        payload = chance.choice(self.sent)
        ident = f"{chance.getrandbits(128):032x}"
        self.post({**payload, "meta": {**payload["meta"], "webhook_id": ident}} if again else payload)

    @rule()
    def work(self) -> None:
        pipeline.process(self.services)

    @rule()
    def tell_the_world(self) -> None:
        pipeline.deliver(self.services)

    @rule()
    def a_worker_dies_in_a_batch(self) -> None:
        inbox.claim(self.services.database, "dead", 5, real_now())
        time_passes(self.settings)

    @rule()
    def a_worker_dies_at_an_effect(self) -> None:
        for row in outbox.lease(self.services.database, 1, real_now() + timedelta(seconds=1), -1):
            with self.services.database.write() as tx:
                outbox.begin(tx, row, real_now())
        time_passes(self.settings)

    @rule()
    def everything_is_started_anew(self) -> None:
        self.intake.close()
        self.services.close()
        self.services, self.intake = self.opened()

    @rule()
    def somebody_parks_the_newest_event(self) -> None:
        with self.services.database.write() as tx:
            open_ = tx.execute(select(rows.c.id).where(rows.c.state == "received").order_by(rows.c.id.desc())).first()
            if open_ is not None:
                inbox.failed(tx, open_.id, "parked by hand", permanent=True, now_real=real_now())

    @rule()
    def what_is_parked_is_tried_again(self) -> None:
        with self.services.database.write() as tx:
            inbox.retry(tx, state="parked")
            stuck = tx.execute(select(effects.c.id).where(effects.c.state.in_(("parked", "unknown")))).scalars()
            outbox.retry(tx, list(stuck), real_now())

    @rule()
    def a_parked_event_is_skipped(self) -> None:
        with self.services.database.write() as tx:
            result = tx.execute(select(rows.c.id).where(rows.c.state == "parked").order_by(rows.c.id)).first()
            if result is not None:
                inbox.skip(tx, result.id, "not wanted")

    @rule(number=st.integers(1, 10**6))
    def rotate_the_secret(self, number: int) -> None:
        secrets = (f"secret-{number}", *self.settings.lemonsqueezy_webhook_secrets)[:2]
        self.settings = replace(self.settings, lemonsqueezy_webhook_secrets=secrets)
        self.everything_is_started_anew()

    @rule(hours=st.sampled_from([1, 12, 24, 49, 24 * 8, 24 * 31]))
    def time_goes_on(self, hours: int) -> None:
        self.services.clock.set(self.now + timedelta(hours=hours))

    @rule(number=ACCOUNTS, kind=st.sampled_from(OverrideKind), days=st.integers(1, 40))
    def somebody_makes_an_exception(self, number: int, kind: OverrideKind, days: int) -> None:
        until = None if kind is OverrideKind.WAIVE else self.now + timedelta(days=days)
        with suppress(KulanzError):
            order = SetOverride(kind=kind, until=until, reason="because")
            execute.command(self.services, f"org_{number}", order, "ann")

    @rule(days=st.integers(3, 14))
    def the_policy_changes(self, days: int) -> None:
        text = policy_text("plexo")
        assert GRACE in text
        versions.activate(self.services, text.replace(GRACE, f'grace = "{days}d"'), actor="ann")

    @invariant()
    def what_was_acknowledged_is_there(self) -> None:
        with self.services.database.read() as conn:
            matches = {f"evt_{number}" for number in conn.execute(select(rows.c.id)).scalars()}
        assert self.accepted <= matches

    @invariant()
    def accounts_are_what_their_facts_say_and_their_chains_whole(self) -> None:
        assert [finding for finding in replay(self.services, shuffle=Random(1)) if finding.differs] == []
        with self.services.database.read() as conn:
            assert [name for name in accounts.ids(conn, None, 100) if ledger.verify(conn, name) is not None] == []

    @invariant()
    def no_access_is_taken_before_a_deadline_that_was_shown(self) -> None:
        for document in self.documents():
            for case in document["dunning_cases"]:
                about = (document["account_id"], case["id"])
                if case["state"] == "grace" and case["grace_ends_at"] is not None:
                    shown = datetime.fromisoformat(str(case["grace_ends_at"]))
                    self.quoted[about] = max(shown, self.quoted.get(about, shown))
                elif case["state"] == "on_hold" and about in self.quoted:
                    assert self.now >= self.quoted[about], document

    @invariant()
    def nobody_without_access_has_a_plan(self) -> None:
        for document in self.documents():
            assert document["access"] != "none" or document["plan"] == "free"

    def documents(self) -> list[dict[str, Any]]:
        with self.services.database.read() as conn:
            existing = accounts.ids(conn, None, 100)
        return [msgspec.to_builtins(account_queries.account_document(self.services, name)) for name in existing]

    def post(self, payload: Payload) -> None:
        body, headers = delivery(payload, self.settings.lemonsqueezy_webhook_secrets[-1])
        answer = self.intake.accept("lemonsqueezy", headers, body)
        assert answer.status == 200
        if answer.document["event"].removeprefix("evt_").isdigit() and len(answer.document["event"]) < 20:
            self.accepted.add(answer.document["event"])

    def come_to_rest(self) -> None:
        """In the end nothing is left but what waits or is parked, and no letter was written twice."""
        for _ in range(200):
            time_passes(self.settings)
            if not (pipeline.process(self.services).moved | pipeline.deliver(self.services).moved):
                break
        with self.services.database.read() as conn:
            states = set(conn.execute(select(rows.c.state)).scalars())
            left = list(conn.execute(select(effects.c.type).where(effects.c.state == "pending")).scalars())
        assert states <= {"handled", "ignored", "waiting", "parked"}
        assert left == []
        self.accounts_are_what_their_facts_say_and_their_chains_whole()


def test_whatever_happens_the_invariants_hold_on_sqlite(sqlite_url: str) -> None:
    class OnSqlite(House):
        template = Path(sqlite_url.removeprefix("sqlite:///"))

    run_state_machine_as_test(OnSqlite, settings=STEPS)


def test_whatever_happens_the_invariants_hold_on_postgresql(postgresql_url: str) -> None:
    class OnPostgresql(House):
        database_url = postgresql_url

        def __init__(self) -> None:
            empty(postgresql_url, metadata.tables)
            super().__init__()

    run_state_machine_as_test(OnPostgresql, settings=STEPS)


def _attributes(text: str) -> dict[str, Any]:
    return {"status": "won"} if text == "resolved" else {}
