"""Hashes of the tokens in the links of mails."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INSTANT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "pay_links",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_pay_links"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pay_links_effect", "pay_links", ["effect"])


def downgrade() -> None:
    op.drop_table("pay_links")
