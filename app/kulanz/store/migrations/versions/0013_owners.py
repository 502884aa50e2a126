"""Bindings keep the claims that an owner follows from, with the customer of a purchase and the whole of a payment."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bindings", sa.Column("claims", sa.LargeBinary()))
    op.add_column("bindings", sa.Column("customer", sa.String()))
    op.add_column("bindings", sa.Column("whole", sa.String()))
    for name in ("customer", "whole"):
        where = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"ix_bindings_{name}", "bindings", [name], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name in ("whole", "customer"):
        op.drop_index(f"ix_bindings_{name}", "bindings")
        op.drop_column("bindings", name)
    op.drop_column("bindings", "claims")
