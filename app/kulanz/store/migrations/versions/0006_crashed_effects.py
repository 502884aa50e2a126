"""Effects count the workers that died at them, so that an effect that kills its workers is parked."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("effects", sa.Column("crashes", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("effects", "crashes")
