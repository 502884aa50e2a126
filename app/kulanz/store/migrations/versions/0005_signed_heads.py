"""Signature over the end of an account's chain of decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("signature", sa.LargeBinary))


def downgrade() -> None:
    op.drop_column("accounts", "signature")
