"""To-do items, who acknowledged them, and which chats were notified."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INSTANT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "todos",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("by_policy", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_todos"),
    )
    op.create_index("ix_todos_account", "todos", ["account"])
    op.create_index("ix_todos_since", "todos", ["since", "id"])
    op.create_table(
        "todo_marks",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("acknowledged_by", sa.String()),
        sa.Column("acknowledged_at", INSTANT),
        sa.Column("assigned_to", sa.String()),
        sa.Column("assigned_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_todo_marks"),
    )
    op.create_table(
        "todos_told",
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("chat", "id", name="pk_todos_told"),
    )


def downgrade() -> None:
    op.drop_table("todos_told")
    op.drop_table("todo_marks")
    op.drop_table("todos")
