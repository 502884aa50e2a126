"""An account goes: what is personal is destroyed, what the law keeps is sealed apart, and late news do no harm."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select, text

from kulanz.commands import execute
from kulanz.commands.commands import DestroyRecords, EraseAccount, OpenDispute, RequestClosure, SetOverride
from kulanz.crypto import places
from kulanz.errors import RefusedError
from kulanz.policy import effects
from kulanz.policy.facts import OverrideKind
from kulanz.privacy import audit, erasure, retention
from kulanz.queries import accounts as account_queries
from kulanz.queries import closed, evidence
from kulanz.queries.evidence.check import check
from kulanz.queries.replay.replay import replay
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import accounts, archive, certificates, erasing, inbox, outbox, search_index, tables
from kulanz.store.database import Database
from tests.days import DAY, days_go_by, settings_of, settle
from tests.fake_servers import CallbackReceiver, a_callback_receiver
from tests.lemonsqueezy import MONDAY, subscription_cancelled, subscription_created, subscription_updated
from tests.retelling import Retelling
from tests.workers.instance import an_unpaid_account, receive

ORG = "org_1"
MAIL = b"anne@bakery.example"


@pytest.fixture
def callbacks() -> Iterator[CallbackReceiver]:
    with a_callback_receiver() as receiver:
        yield receiver


def nobody_pays(services: Services) -> None:
    for number in (1, 5):
        an_unpaid_account(services, number)
    days_go_by(services, 9)


@pytest.fixture
def services(
    tmp_path: Path, database_url: str, callbacks: CallbackReceiver, retelling: Retelling
) -> Iterator[Services]:
    """Two accounts that did not pay, on hold since a week after MONDAY."""
    stated = {"callback_url": callbacks.url, "callback_secret": callbacks.secret, "test_clock": True}
    with retelling.told(settings_of(tmp_path, database_url, **stated), nobody_pays, at=MONDAY) as (services, _):
        callbacks.requests.clear()
        yield services


def erase(services: Services, account: str = ORG) -> None:
    execute.command(services, account, EraseAccount(reason="Art. 17"), "anna")
    settle(services)


def test_nothing_that_is_personal_can_be_read_any_more(services: Services) -> None:
    erase(services)

    with services.database.read() as conn:
        row = accounts.get(conn, ORG)
        assert row is not None
        assert (row.key, row.book, row.standing, row.plan, row.access) == (None, None, "closed", "free", "none")
        events = list(conn.execute(select(tables.inbox.c.body).where(tables.inbox.c.account == ORG)).scalars())
        assert set(events) == {b""}
        assert not list(conn.execute(select(tables.journal).where(tables.journal.c.account == ORG)))
        assert search_index.find(conn, services.vault.fingerprint("mail:anne@bakery.example")) == ["org_5"]
        assert not list(conn.execute(select(tables.matters).where(tables.matters.c.account == ORG)))
        payloads = {effect.payload for effect in outbox.of_account(conn, ORG) if effect.kind == "SendMail"}
        assert payloads == {b""}


def test_mails_that_were_written_as_files_go_too_and_those_of_others_stay(services: Services, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in (tmp_path / "mail").iterdir()}
    own = {name for name, mail in before.items() if b"X-Kulanz-Account: org_1\n" in mail.replace(b"\r", b"")}
    assert own
    assert own != set(before)

    erase(services)

    assert {path.name for path in (tmp_path / "mail").iterdir()} == set(before) - own


def test_every_table_that_names_accounts_is_either_kept_or_goes(services: Services) -> None:
    named = {table.name for table in tables.metadata.sorted_tables if "account" in table.c}

    gone = {table.name for table in erasing.personal_tables()}

    assert gone | (erasing.KEPT_TABLES & named) == named
    assert {"journal", "timers", "lookups", "matters"} <= gone


def test_every_kind_of_effect_either_holds_personal_data_or_is_carried_on() -> None:
    harmless = {"AlertOperators", "CancelSubscription", "DisableLicence", "LookUpSubscription", "Notify"}

    assert set(effects.EFFECT_KINDS) == erasing.PERSONAL_EFFECT_KINDS | harmless | {
        "RefundPayment",
        "ResumeSubscription",
    }


def test_what_de_duplicates_and_what_proves_stays(services: Services) -> None:
    with services.database.read() as conn:
        before = keys_of(services.database)
        decisions = accounts.get(conn, ORG)
    erase(services)

    assert keys_of(services.database) == before
    assert [audit_result.flaw for audit_result in audit.verify(services)] == [None, None]
    with services.database.read() as conn:
        details = (
            conn.execute(text("SELECT detail FROM decisions WHERE account = 'org_1' ORDER BY seq")).scalars().all()
        )
    assert decisions is not None
    assert len(details) == decisions.seq + 1
    assert all(detail.startswith('{"redacted":"') for detail in details[:-1])
    assert "closure.erased" in details[-1]


def test_the_product_is_told_and_the_renewal_is_stopped_although_the_key_is_gone(
    services: Services, callbacks: CallbackReceiver
) -> None:
    receive(services, subscription_created(account="org_9", subscription=90, customer=91, at=services.clock.now()))
    settle(services)

    erase(services, "org_9")

    stated = [
        document
        for document in callbacks.documents
        if document["data"]["account_id"] == "org_9" and document["type"] != "ops.alert"
    ]
    assert stated[-1]["type"] == "account.closed"
    assert stated[-1]["data"]["entitlement"] | {"version": 0} == {
        "plan": "free",
        "access": "none",
        "allows": [],
        "add_ons": [],
        "version": 0,
    }
    with services.database.read() as conn:
        todo = [effect.type for effect in outbox.listing(conn, "todo", "org_9")]
    assert todo == ["cancel"]


def test_an_erasure_is_refused_under_a_legal_hold_and_an_open_dispute_i9(services: Services) -> None:
    hold = SetOverride(kind=OverrideKind.LEGAL_HOLD, until=services.clock.now() + 30 * DAY, reason="a lawsuit")
    execute.command(services, ORG, hold, "anna")
    execute.command(services, "org_5", OpenDispute(amount=1, currency="EUR", reason="fraud"), "anna")

    with pytest.raises(RefusedError, match="legal hold"):
        execute.command(services, ORG, EraseAccount(reason="Art. 17"), "anna")
    with pytest.raises(RefusedError, match="dispute is open"):
        execute.command(services, "org_5", EraseAccount(reason="Art. 17"), "anna")


def test_a_dry_run_destroys_nothing_i8(services: Services) -> None:
    decision = execute.command(services, ORG, EraseAccount(reason="Art. 17"), "anna", dry_run=True)

    assert str(decision.state.standing) == "closed"
    assert account_queries.account_document(services, ORG).standing == "on_hold"


def test_nothing_is_ordered_for_an_account_that_is_gone(services: Services) -> None:
    erase(services)

    with pytest.raises(RefusedError, match="data were destroyed"):
        execute.command(services, ORG, EraseAccount(reason="again"), "anna")


def test_late_news_of_a_destroyed_account_are_recognised_kept_nowhere_and_visible(services: Services) -> None:
    erase(services)
    version = account_queries.entitlement(services, ORG).version

    late = subscription_updated(account=ORG, subscription=1, customer=2, at=MONDAY + DAY)
    receive(services, late)
    settle(services)

    with services.database.read() as conn:
        event = inbox.listing(conn, None, None, 1)[0]
        assert (event.state, event.account, event.reason, event.body) == ("ignored", ORG, erasing.ERASED, b"")
        assert accounts.data_key(conn, ORG) is None
    assert account_queries.account_document(services, ORG).standing == "closed"
    assert account_queries.entitlement(services, ORG).version == version


def test_a_purchase_under_the_same_id_after_the_erasure_waits_for_a_person(services: Services) -> None:
    erase(services)
    later = services.clock.now() + DAY
    services.clock.set(later)

    receive(services, subscription_created(account=ORG, subscription=77, customer=78, at=later, began=later))
    settle(services)

    with services.database.read() as conn:
        event = inbox.listing(conn, "parked", None, 1)[0]
        assert event.account == ORG
        assert "began later" in str(event.reason)
        assert services.vault.open(event.body, places.event(event.provider, event.delivery_key))


def test_what_was_known_under_an_earlier_name_goes_too(services: Services) -> None:
    bought = services.clock.now()
    of_it = {"subscription": 90, "customer": 91, "order": 92}
    receive(services, subscription_created(account=None, at=bought, began=bought, **of_it))
    settle(services)
    receive(services, subscription_updated(account="org_9", at=bought + timedelta(hours=1), **of_it))
    settle(services)
    with services.database.read() as conn:
        answers = accounts.answering(conn, "lemonsqueezy-91")
        assert answers is not None
        assert answers.id == "org_9"

    erase(services, "lemonsqueezy-91")
    receive(services, subscription_updated(account=None, at=bought + timedelta(hours=2), **of_it))
    settle(services)

    with services.database.read() as conn:
        assert accounts.data_key(conn, "org_9") is None
        mine = tables.inbox.c.account.in_(["org_9", "lemonsqueezy-91"])
        assert set(conn.execute(select(tables.inbox.c.body).where(mine)).scalars()) == {b""}
        assert inbox.listing(conn, None, None, 1)[0].state == "ignored"
        assert search_index.find(conn, services.vault.fingerprint("mail:anne@bakery.example")) == [ORG, "org_5"]
    assert [audit_result.flaw for audit_result in audit.verify(services) if audit_result.flaw] == []


def test_evidence_of_an_erased_account_still_proves_what_was_decided_and_names_nobody(services: Services) -> None:
    erase(services)

    file = evidence.of_account(services, ORG)

    assert check(file).problems == ()
    assert check(file).decisions > 4
    assert MAIL not in file


def test_what_is_retried_of_a_destroyed_account_is_put_aside_and_does_no_harm(services: Services) -> None:
    erase(services)
    with services.database.write() as tx:
        numbers = list(tx.execute(select(tables.inbox.c.id).where(tables.inbox.c.account == ORG)).scalars())
        effects = [effect.id for effect in outbox.of_account(tx, ORG) if effect.kind == "SendMail"]
        inbox.retry(tx, ids=numbers)
        outbox.retry(tx, effects, real_now())
        tx.execute(text("UPDATE effects SET state = 'pending' WHERE account = 'org_1' AND kind = 'SendMail'"))

    settle(services)

    with services.database.read() as conn:
        assert {event.state for number in numbers if (event := inbox.get(conn, number))} == {"parked"}
        mails = [effect.state for effect in outbox.of_account(conn, ORG) if effect.kind == "SendMail"]
    assert set(mails) == {"withdrawn"}
    assert account_queries.account_document(services, ORG).standing == "closed"


def test_replay_counts_erased_accounts_and_does_not_judge_them(services: Services) -> None:
    erase(services)

    findings = {replay_result.account: replay_result for replay_result in replay(services)}

    assert findings[ORG].erased
    assert not findings["org_5"].erased
    assert not any(replay_result.differs for replay_result in findings.values())


def test_what_the_law_keeps_is_sealed_apart_with_basis_and_end(services: Services) -> None:
    erase(services)

    with services.database.read() as conn:
        (kept,) = archive.of_account(conn, ORG)
    assert (kept.kind, kept.basis, kept.records) == ("settlements", "BAO § 132", 1)
    assert kept.kept_until == datetime(2034, 1, 1, tzinfo=UTC)
    assert MAIL not in kept.body
    assert erasure.opened(services.vault, kept)[0]["currency"] == "EUR"
    document = account_queries.account_document(services, ORG)
    assert [(timer.kind, timer.due_at) for timer in document.timers] == [
        ("retention_end", datetime(2034, 1, 1, tzinfo=UTC))
    ]


def test_a_certificate_says_what_was_destroyed_and_what_is_kept(services: Services) -> None:
    erase(services)

    with services.database.read() as conn:
        (row,) = certificates.of_account(conn, ORG)
        document = closed.certificate(row, services.vault.signer.public)
        decided = accounts.get(conn, ORG)
    assert document["genuine"]
    assert document["cause"] == "erasure"
    assert document["destroyed"]["data_keys"] == 1
    assert document["destroyed"]["events"] >= 2
    assert document["kept"] == [
        {"class": "settlements", "basis": "BAO § 132", "until": "2034-01-01T00:00:00Z", "records": 1}
    ]
    assert decided is not None
    assert (document["decision"], document["decision_hash"]) == (decided.seq, decided.head.hex())
    forged = msgspec.structs.replace(row, document=row.document.replace("erasure", "closure"))
    assert not erasure.is_genuine(forged, services.vault.signer.public)


def test_a_closure_of_an_ended_account_runs_through_to_its_certificate_13(
    services: Services, callbacks: CallbackReceiver
) -> None:
    services.clock.set(MONDAY + 60 * DAY)
    settle(services)

    execute.command(services, ORG, RequestClosure(reason="we stop"), "shop")
    settle(services)

    document = account_queries.account_document(services, ORG)
    assert document.standing == "closed"
    assert [item.state for item in document.closures] == ["closed"]
    stated = [item["type"] for item in callbacks.documents if item["data"]["account_id"] == ORG]
    stated = [kind for kind in stated if kind != "ops.alert"]
    assert stated[-2:] == ["account.data_deletion_due", "account.closed"]
    assert "destroyed" in account_queries.explanation(services, ORG).why[0]


def test_what_was_taken_in_hand_before_the_account_closed_is_carried_out_all_the_same_13(
    services: Services, callbacks: CallbackReceiver
) -> None:
    services.clock.set(MONDAY + 60 * DAY)
    settle(services)
    until = services.clock.now() + DAY

    execute.command(services, ORG, RequestClosure(reason="we stop"), "shop")
    execute.command(services, ORG, SetOverride(kind=OverrideKind.SUSPEND, until=until, reason="abuse"), "anna")
    settle(services)

    stated = [document["type"] for document in callbacks.documents if document["data"]["account_id"] == ORG]
    with services.database.read() as conn:
        states = {row.type: row.state for row in outbox.of_account(conn, ORG)}
    assert states["account.closed"] == states["account.suspended"] == "done"
    assert "account.suspended" in stated


def test_a_closure_waits_for_what_is_paid_for_and_says_so_13(services: Services) -> None:
    bought = services.clock.now()
    receive(services, subscription_created(account="org_9", subscription=90, customer=91, at=bought, began=bought))
    settle(services)
    execute.command(services, "org_9", RequestClosure(reason="we stop"), "shop")
    settle(services)

    document = account_queries.account_document(services, "org_9")
    assert document.standing == "good"
    assert document.plan != "free"
    assert document.closures[0].obstacles == ("subscription_runs",)
    assert any("a subscription still runs" in line for line in account_queries.explanation(services, "org_9").outlook)
    stated = {"account": "org_9", "subscription": 90, "customer": 91}
    receive(services, subscription_cancelled(at=bought + DAY, ends_at=bought + 10 * DAY, **stated))
    services.clock.set(bought + 9 * DAY)
    settle(services)
    assert account_queries.account_document(services, "org_9").standing == "good"
    services.clock.set(bought + 10 * DAY)
    settle(services)

    assert account_queries.account_document(services, "org_9").standing == "closed"


def test_asking_again_is_the_same_closure(services: Services) -> None:
    for _ in range(2):
        execute.command(services, ORG, RequestClosure(reason="we stop"), "shop")

    assert len(account_queries.account_document(services, ORG).closures) == 1


def test_archived_records_are_destroyed_when_their_time_is_over_and_certified(services: Services) -> None:
    erase(services)
    assert [
        item.over(services.clock.now()) for item in retention.listed(services, all_of_them=True) if item.archived
    ] == [False]

    services.clock.set(datetime(2034, 1, 1, tzinfo=UTC))
    assert retention.destroy_archived(services, "anna") == 1

    with services.database.read() as conn:
        assert archive.of_account(conn, ORG) == []
        _, row = certificates.of_account(conn, ORG)
        document = closed.certificate(row, services.vault.signer.public)
    assert document["genuine"]
    assert document["destroyed"]["archive"][0]["class"] == "settlements"
    assert [item.flaw for item in audit.verify(services, ORG)] == [None]


def test_archived_records_under_a_legal_hold_stay_i9(services: Services) -> None:
    erase(services)
    held = datetime(2035, 6, 1, tzinfo=UTC)
    assert retention.hold(services, ORG, held, "anna", "a lawsuit") == 1
    services.clock.set(datetime(2034, 1, 1, tzinfo=UTC))

    assert retention.destroy_archived(services, "anna") == 0
    (due,) = [item for item in retention.listed(services) if item.archived]
    assert due.kept_by == ("legal_hold",)
    services.clock.set(held)

    assert retention.destroy_archived(services, "anna") == 1
    assert [item.flaw for item in audit.verify(services, ORG)] == [None]


def test_an_account_that_has_ended_is_destroyed_as_a_whole_when_its_last_record_may(services: Services) -> None:
    services.clock.set(datetime(2033, 12, 31, tzinfo=UTC))
    settle(services)
    with pytest.raises(RefusedError, match="are to be kept"):
        execute.command(services, ORG, DestroyRecords(), "anna")
    services.clock.set(datetime(2034, 1, 1, tzinfo=UTC))

    assert {due_records.account for due_records in retention.listed(services)} == {ORG, "org_5"}
    execute.command(services, ORG, DestroyRecords(), "anna")

    document = account_queries.account_document(services, ORG)
    assert (document.standing, document.timers) == ("closed", ())
    with services.database.read() as conn:
        (row,) = certificates.of_account(conn, ORG)
    assert closed.certificate(row, services.vault.signer.public)["cause"] == "retention"


def keys_of(database: Database) -> list[tuple[bytes, bytes]]:
    with database.read() as conn:
        result = conn.execute(
            select(tables.inbox.c.delivery_key, tables.inbox.c.content_key).order_by(tables.inbox.c.id)
        )
        return [tuple(row) for row in result]
