"""Index for records that are destroyed automatically: every batch asks for them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("by_timer = 1")
    op.create_index("ix_archive_by_timer", "archive", ["kept_until", "id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_archive_by_timer", "archive")
