"""Tables of the console: search index, cases and disputes in plain columns, audit log and sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "lookups",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "account", name="pk_lookups"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_lookups_account", "lookups", ["account"])
    _matters()
    op.create_table(
        "acts",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_acts"),
    )
    op.create_index("ix_acts_subject", "acts", ["subject", "id"])
    op.create_table(
        "attempts",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_attempts"),
    )
    op.create_table(
        "ended_sessions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ended_sessions"),
    )
    _partial("ix_effects_listed", "effects", ["state", "number"], "state <> 'done'")


def downgrade() -> None:
    op.drop_index("ix_effects_listed", "effects")
    for table in ("ended_sessions", "attempts", "acts", "matters", "lookups"):
        op.drop_table(table)


def _matters() -> None:
    op.create_table(
        "matters",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String()),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", "kind", "key", name="pk_matters"),
    )
    columns = ["kind", "opened_at", "account", "key"]
    op.create_index("ix_matters_opened", "matters", columns)
    _partial("ix_matters_open", "matters", columns, "closed_at IS NULL")
    _partial("ix_matters_closed", "matters", ["kind", "closed_at"], "closed_at IS NOT NULL")


def _partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
