"""Metric sums of all processes; for a recovered case, its state and the evidence of payment."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tallies",
        sa.Column("sample", sa.String(), nullable=False),
        sa.Column("value", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("sample", name="pk_tallies"),
        sqlite_with_rowid=False,
    )
    op.add_column("matters", sa.Column("stage", sa.String()))
    op.add_column("matters", sa.Column("cause", sa.String()))


def downgrade() -> None:
    op.drop_column("matters", "cause")
    op.drop_column("matters", "stage")
    op.drop_table("tallies")
