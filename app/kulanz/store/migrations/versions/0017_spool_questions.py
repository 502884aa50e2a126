"""A receiver's report says which question of a worker it answers."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("receivers", sa.Column("answered", sa.String()))


def downgrade() -> None:
    op.drop_column("receivers", "answered")
