"""Facts before timers: the possible account of a waiting event, the receivers' spools, and the breaker's count."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INSTANT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("inbox", sa.Column("concerns", sa.String()))
    where = sa.text("concerns IS NOT NULL")
    op.create_index("ix_inbox_concerns", "inbox", ["concerns"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "losses",
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("cause", "account", name="pk_losses"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_losses_at", "losses", ["cause", "at"])
    op.create_table(
        "receivers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("empty_since", INSTANT),
        sa.Column("missed_since", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_receivers"),
    )
    op.execute(
        "INSERT INTO losses (cause, account, at) SELECT 'dunning', account, max(at) FROM decisions"
        " WHERE rule = 'dunning.hold_placed' GROUP BY account"
    )


def downgrade() -> None:
    op.drop_table("receivers")
    op.drop_table("losses")
    op.drop_index("ix_inbox_concerns", "inbox")
    op.drop_column("inbox", "concerns")
