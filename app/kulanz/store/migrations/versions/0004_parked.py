"""Index of parked events by account, independent of the number of other parked events."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("state = 'parked'")
    op.create_index("ix_inbox_parked", "inbox", ["account"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_inbox_parked", "inbox")
