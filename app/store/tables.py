"""The tables, and how an instant is kept in either database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.types import TypeEngine


class Instant(TypeDecorator[datetime]):
    """An aware instant, in UTC on the way out; naive ones are refused. In SQLite a text that sorts by time."""

    impl = String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Keep PostgreSQL's own type."""
        return TIMESTAMP(timezone=True) if dialect.name == "postgresql" else String(32)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse what has no zone."""
        if value is None:
            return None
        return in_utc(value) if dialect.name == "postgresql" else as_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give UTC."""
        if value is None:
            return None
        return value.astimezone(UTC) if dialect.name == "postgresql" else datetime.fromisoformat(value)


def in_utc(value: datetime) -> datetime:
    """Return the same instant in UTC; ValueError without a zone."""
    if value.tzinfo is UTC:
        return value
    if value.utcoffset() is None:
        raise ValueError("an instant without a time zone")
    return value.astimezone(UTC)


def as_text(value: datetime) -> str:
    """Write an instant with always six decimals, so that texts sort as instants do."""
    return in_utc(value).isoformat(timespec="microseconds")


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows only in a column whose type is exactly INTEGER."""

inbox = Table(
    "inbox",
    metadata,
    Column("id", _Id, primary_key=True),
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
    Index("uq_inbox_delivery", "delivery_key", "provider", unique=True),
    Index("uq_inbox_content", "content_key", "provider", unique=True),
    Index("ix_inbox_account", "account", "id"),
)
"""Rows stay for ever: their keys are the only defence against a captured request that is sent again."""


def _partial(name: str, condition: str, *columns: Column[Any]) -> Index:
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


_partial("ix_inbox_open", "state <> 'handled'", inbox.c.state, inbox.c.id)
_partial("ix_inbox_waits_for", "waits_for IS NOT NULL", inbox.c.waits_for)

claims = Table(
    "claims",
    metadata,
    Column("worker", String, primary_key=True),
    Column("ids", Text, nullable=False),
    Column("claimed_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)
"""One row per worker process: the batch that it is at, as a JSON array, `[]` between batches."""

bindings = Table(
    "bindings",
    metadata,
    Column("key", String, primary_key=True),
    Column("account", String, nullable=False),
    Index("ix_bindings_account", "account"),
    sqlite_with_rowid=False,
)

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
    Index("ix_accounts_standing", "standing", "id"),
    Index("ix_accounts_plan", "plan", "id"),
)
_partial("ix_accounts_alias_of", "alias_of IS NOT NULL", accounts.c.alias_of)

journal = Table(
    "journal",
    metadata,
    Column("id", _Id, primary_key=True),
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
    Column("number", _Id, primary_key=True),
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
    Index("uq_effects_id", "id", unique=True),
    Index("ix_effects_account", "account", "number"),
)
_partial("ix_effects_open", "state <> 'done'", effects.c.state, effects.c.next_attempt_at)

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
