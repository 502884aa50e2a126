"""The first schema: inbox, accounts, decisions, timers, effects and their helper tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.LargeBinary()),
        sa.Column("book", sa.LargeBinary()),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("access", sa.String(), nullable=False),
        sa.Column("grace_ends_at", INSTANT),
        sa.Column("deletion_eligible_at", INSTANT),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("decided_at", INSTANT),
        sa.Column("alias_of", sa.String()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_index(
        "ix_accounts_alias_of",
        "accounts",
        ["alias_of"],
        unique=False,
        sqlite_where=sa.text("alias_of IS NOT NULL"),
        postgresql_where=sa.text("alias_of IS NOT NULL"),
    )
    op.create_index("ix_accounts_plan", "accounts", ["plan", "id"], unique=False)
    op.create_index("ix_accounts_standing", "accounts", ["standing", "id"], unique=False)

    op.create_table(
        "bindings",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_bindings")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_bindings_account", "bindings", ["account"], unique=False)

    op.create_table(
        "claims",
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("ids", sa.Text(), nullable=False),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_claims")),
    )

    op.create_table(
        "decisions",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("cause_kind", sa.String(), nullable=False),
        sa.Column("cause_ref", sa.String()),
        sa.Column("cause_name", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("clause", sa.String()),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("effects", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account", "seq", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_rule", "decisions", ["rule", "at", "account"], unique=False)

    op.create_table(
        "effects",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("next_attempt_at", INSTANT, nullable=False),
        sa.Column("done_at", INSTANT),
        sa.Column("lease_until", INSTANT),
        sa.Column("error", sa.String()),
        sa.Column("decision_seq", sa.Integer()),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_effects")),
    )
    op.create_index("ix_effects_account", "effects", ["account", "number"], unique=False)
    op.create_index(
        "ix_effects_open",
        "effects",
        ["state", "next_attempt_at"],
        unique=False,
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_index("uq_effects_id", "effects", ["id"], unique=True)

    op.create_table(
        "idempotency",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("document", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("token", "key", name=op.f("pk_idempotency")),
    )
    op.create_index("ix_idempotency_begun_at", "idempotency", ["begun_at"], unique=False)

    op.create_table(
        "inbox",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("next_attempt_at", INSTANT),
        sa.Column("rearmed_at", INSTANT),
        sa.Column("handled_at", INSTANT),
        sa.Column("facts_at", INSTANT),
        sa.Column("account", sa.String()),
        sa.Column("waits_for", sa.String()),
        sa.Column("reason", sa.String()),
        sa.Column("delivery_key", sa.LargeBinary(), nullable=False),
        sa.Column("content_key", sa.LargeBinary()),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
    )
    op.create_index("ix_inbox_account", "inbox", ["account", "id"], unique=False)
    op.create_index(
        "ix_inbox_open",
        "inbox",
        ["state", "id"],
        unique=False,
        sqlite_where=sa.text("state <> 'handled'"),
        postgresql_where=sa.text("state <> 'handled'"),
    )
    op.create_index(
        "ix_inbox_waits_for",
        "inbox",
        ["waits_for"],
        unique=False,
        sqlite_where=sa.text("waits_for IS NOT NULL"),
        postgresql_where=sa.text("waits_for IS NOT NULL"),
    )
    op.create_index("uq_inbox_content", "inbox", ["content_key", "provider"], unique=True)
    op.create_index("uq_inbox_delivery", "inbox", ["delivery_key", "provider"], unique=True)

    op.create_table(
        "journal",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("decision_seq", sa.Integer()),
        sa.Column("fact", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
    )
    op.create_index("ix_journal_account", "journal", ["account", "id"], unique=False)

    op.create_table(
        "keyring",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_keyring")),
    )

    op.create_table(
        "marks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_marks")),
    )

    op.create_table(
        "policies",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("effective_from", INSTANT, nullable=False),
        sa.Column("activated_at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_policies")),
    )

    op.create_table(
        "timers",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("account", "kind", "subject", name=op.f("pk_timers")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_timers_due_at", "timers", ["due_at", "account"], unique=False)
    if op.get_context().dialect.name == "postgresql":
        # Encrypted bytes do not shrink: do not try to compress them.
        op.execute("ALTER TABLE inbox ALTER COLUMN body SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE accounts ALTER COLUMN book SET STORAGE EXTERNAL")


def downgrade() -> None:
    for table in (
        "accounts",
        "bindings",
        "claims",
        "decisions",
        "effects",
        "idempotency",
        "inbox",
        "journal",
        "keyring",
        "marks",
        "policies",
        "timers",
    ):
        op.drop_table(table)
