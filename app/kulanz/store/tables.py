"""The tables."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    true,
)

from kulanz.store.columns import Id, Instant, as_text, in_utc, metadata, partial

__all__ = [
    "Instant",
    "accounts",
    "acts",
    "archive",
    "as_text",
    "attempts",
    "bindings",
    "certificates",
    "claims",
    "decisions",
    "effects",
    "ended_sessions",
    "idempotency",
    "in_utc",
    "inbox",
    "journal",
    "keyring",
    "lookups",
    "losses",
    "marks",
    "matters",
    "metadata",
    "pay_links",
    "policies",
    "receivers",
    "tallies",
    "timers",
    "todo_marks",
    "todos",
    "todos_told",
]

inbox = Table(
    "inbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("provider", String, nullable=False),
    Column("name", String, nullable=False),
    Column("state", String, nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("mode", String, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("next_attempt_at", Instant),
    Column("rearmed_at", Instant),
    Column("handled_at", Instant),
    Column("facts_at", Instant),
    Column("account", String),
    Column("waits_for", String),
    Column("reason", String),
    Column("delivery_key", LargeBinary, nullable=False),
    Column("content_key", LargeBinary),
    Column("sha256", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("concerns", String),
    Index("uq_inbox_delivery", "delivery_key", "provider", unique=True),
    Index("uq_inbox_content", "content_key", "provider", unique=True),
    Index("ix_inbox_account", "account", "id"),
)
"""Rows stay for ever: their keys are the only defence against a captured request that is sent again."""

partial("ix_inbox_open", "state <> 'handled'", inbox.c.state, inbox.c.id)
partial("ix_inbox_parked", "state = 'parked'", inbox.c.account)
partial("ix_inbox_waits_for", "waits_for IS NOT NULL", inbox.c.waits_for)
partial("ix_inbox_concerns", "concerns IS NOT NULL", inbox.c.concerns)

claims = Table(
    "claims",
    metadata,
    Column("worker", String, primary_key=True),
    Column("ids", Text, nullable=False),
    Column("claimed_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)
"""Worker processes, one row each: the current batch as a JSON array, `[]` between batches."""

bindings = Table(
    "bindings",
    metadata,
    Column("key", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("claims", LargeBinary),
    Column("customer", String),
    Column("whole", String),
    Index("ix_bindings_account", "account"),
    sqlite_with_rowid=False,
)
"""The owner of each object of a provider, and the joined claims that it follows from (none: an earlier version's).

`customer` stands with purchases only, and `whole` with payments: the purchase that they go with.
"""

partial("ix_bindings_customer", "customer IS NOT NULL", bindings.c.customer)
partial("ix_bindings_whole", "whole IS NOT NULL", bindings.c.whole)

accounts = Table(
    "accounts",
    metadata,
    Column("id", String, primary_key=True),
    Column("key", LargeBinary),
    Column("book", LargeBinary),
    Column("standing", String, nullable=False),
    Column("plan", String, nullable=False),
    Column("access", String, nullable=False),
    Column("grace_ends_at", Instant),
    Column("deletion_eligible_at", Instant),
    Column("version", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("decided_at", Instant),
    Column("alias_of", String),
    Column("signature", LargeBinary),
    Index("ix_accounts_standing", "standing", "id"),
    Index("ix_accounts_plan", "plan", "id"),
)
partial("ix_accounts_alias_of", "alias_of IS NOT NULL", accounts.c.alias_of)

journal = Table(
    "journal",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String, nullable=False),
    Column("decision_seq", Integer),
    Column("fact", LargeBinary, nullable=False),
    Index("ix_journal_account", "account", "id"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("account", String, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("cause_kind", String, nullable=False),
    Column("cause_ref", String),
    Column("cause_name", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("clause", String),
    Column("policy", String, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("effects", Text, nullable=False),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_decisions_rule", "rule", "at", "account"),
)

losses = Table(
    "losses",
    metadata,
    Column("cause", String, primary_key=True),
    Column("account", String, primary_key=True),
    Column("at", Instant, nullable=False),
    Index("ix_losses_at", "cause", "at"),
    sqlite_with_rowid=False,
)
"""Accounts that lost access within the last hour, by cause: the count of the circuit breaker."""

receivers = Table(
    "receivers",
    metadata,
    Column("id", String, primary_key=True),
    Column("seen_at", Instant, nullable=False),
    Column("empty_since", Instant),
    Column("missed_since", Instant),
    Column("answered", String),
)
"""Spools, one row each: since when it is empty, as its receiver reports every second, since when no report came, and
which question of a worker the report answers."""

timers = Table(
    "timers",
    metadata,
    Column("account", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("due_at", Instant, nullable=False),
    Index("ix_timers_due_at", "due_at", "account"),
    sqlite_with_rowid=False,
)

effects = Table(
    "effects",
    metadata,
    Column("number", Id, primary_key=True),
    Column("id", String, nullable=False),
    Column("account", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("type", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("step", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("lease_until", Instant),
    Column("error", String),
    Column("decision_seq", Integer),
    Column("begun_at", Instant),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("request_note", Text),
    Index("uq_effects_id", "id", unique=True),
    Index("ix_effects_account", "account", "number"),
)
partial("ix_effects_open", "state <> 'done'", effects.c.state, effects.c.next_attempt_at)
partial("ix_effects_listed", "state <> 'done'", effects.c.state, effects.c.number)

pay_links = Table(
    "pay_links",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("effect", String, nullable=False),
    Column("made_at", Instant, nullable=False),
    Index("ix_pay_links_effect", "effect"),
    sqlite_with_rowid=False,
)
"""Hashes of the tokens in the links of mails, by the mail; the mail's row has the account and the subject."""

policies = Table(
    "policies",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("document", Text, nullable=False),
    Column("sha256", String, nullable=False),
    Column("effective_from", Instant, nullable=False),
    Column("activated_at", Instant, nullable=False),
    Column("actor", String, nullable=False),
    Column("general", Boolean, nullable=False, server_default=true()),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("token", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("request", LargeBinary, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("status", Integer),
    Column("document", LargeBinary),
    Index("ix_idempotency_begun_at", "begun_at"),
)

keyring = Table(
    "keyring",
    metadata,
    Column("name", String, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

lookups = Table(
    "lookups",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("account", String, primary_key=True),
    Index("ix_lookups_account", "account"),
    sqlite_with_rowid=False,
)
"""Keyed hashes of the mail addresses that people search an account by; the addresses cannot be read from them."""

matters = Table(
    "matters",
    metadata,
    Column("account", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String),
    Column("policy_version", Integer, nullable=False),
    Column("stage", String),
    Column("cause", String),
    Column("plan", String),
    Column("step", String),
    Column("spared", String),
    Column("deadline", Instant),
    Column("lost_at", Instant),
    Index("ix_matters_opened", "kind", "opened_at", "account", "key"),
)
"""Dunning cases and disputes in plain columns, for lists and sums: like timers they follow from the books."""

partial("ix_matters_open", "closed_at IS NULL", matters.c.kind, matters.c.opened_at, matters.c.account, matters.c.key)
partial("ix_matters_closed", "closed_at IS NOT NULL", matters.c.kind, matters.c.closed_at)
partial("ix_matters_lost", "lost_at IS NOT NULL", matters.c.kind, matters.c.lost_at)
partial("ix_matters_deadline", "deadline IS NOT NULL", matters.c.kind, matters.c.deadline)

archive = Table(
    "archive",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("basis", String, nullable=False),
    Column("kept_until", Instant, nullable=False),
    Column("held_until", Instant),
    Column("archived_at", Instant, nullable=False),
    Column("by_timer", SmallInteger, nullable=False),
    Column("records", Integer, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_archive_account", "account", "id"),
    Index("ix_archive_kept_until", "kept_until", "id"),
)
"""Records of closed accounts that the law keeps: each class and year under a key of its own."""

partial("ix_archive_by_timer", "by_timer = 1", archive.c.kept_until, archive.c.id)

certificates = Table(
    "certificates",
    metadata,
    Column("id", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("document", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Index("ix_certificates_account", "account", "at"),
)
"""Certificates of destruction, with time and legal basis: signed, and without personal data."""

acts = Table(
    "acts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", String, nullable=False),
    Column("act", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", String),
    Index("ix_acts_subject", "subject", "id"),
)
"""Audit log of operators at the console; decisions about accounts are in the ledger. In real time."""

attempts = Table(
    "attempts",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("until", Instant, nullable=False),
)
"""Unused: web processes of earlier versions count attempts to log in here, and may run beside this version."""

ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("id", String, primary_key=True),
    Column("until", Instant, nullable=False),
)
"""Sessions that were revoked before they ran out."""

tallies = Table(
    "tallies",
    metadata,
    Column("sample", String, primary_key=True),
    Column("value", Float(53), nullable=False),
    sqlite_with_rowid=False,
)
"""Metric sums of all processes, by metric name."""

todos = Table(
    "todos",
    metadata,
    Column("id", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("topic", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("since", Instant, nullable=False),
    Column("by_policy", Boolean, nullable=False),
    Index("ix_todos_account", "account"),
    Index("ix_todos_since", "since", "id"),
)
"""To-do items that stand in no other table: from an account's last decision, or alerted once (`by_policy` false)."""

todo_marks = Table(
    "todo_marks",
    metadata,
    Column("id", String, primary_key=True),
    Column("acknowledged_by", String),
    Column("acknowledged_at", Instant),
    Column("assigned_to", String),
    Column("assigned_at", Instant),
)
"""Acknowledgements and assignees of to-do items, in policy time."""

todos_told = Table(
    "todos_told",
    metadata,
    Column("chat", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("topic", String, nullable=False),
)
"""The open to-do items that each chat was notified of; `chat` is a keyed hash of its address."""
