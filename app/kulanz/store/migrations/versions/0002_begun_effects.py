"""Effects store whether an attempt has begun, so that an expired lease alone does not count as an attempt."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("effects", sa.Column("begun_at", INSTANT))
    op.execute("UPDATE effects SET begun_at = lease_until WHERE lease_until IS NOT NULL")


def downgrade() -> None:
    op.drop_column("effects", "begun_at")
