"""The step that each dunning case had reached, and the outcome for its money: the figures of recovery."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

INSTANT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
_GIVEN_UP = """
UPDATE matters SET lost_at = coalesce(closed_at, (
    SELECT max(decisions.at) FROM decisions
    WHERE decisions.account = matters.account AND decisions.rule = 'dunning.exhausted'
), opened_at)
WHERE kind = 'case' AND state IN ('exhausted', 'in_collections', 'voluntary')
"""
_STEPS = """
UPDATE matters SET step = CASE WHEN coalesce(stage, state) = 'on_hold' THEN 'hold' ELSE 'given_up' END
WHERE kind = 'case' AND coalesce(stage, state) IN ('on_hold', 'exhausted', 'in_collections')
"""


def upgrade() -> None:
    for name in ("plan", "step", "spared"):
        op.add_column("matters", sa.Column(name, sa.String()))
    for name in ("deadline", "lost_at"):
        op.add_column("matters", sa.Column(name, INSTANT))
    for statement in (_GIVEN_UP, _STEPS):
        op.execute(statement)
    for name in ("lost_at", "deadline"):
        condition = sa.text(f"{name} IS NOT NULL")
        index = f"ix_matters_{name.removesuffix('_at')}"
        op.create_index(index, "matters", ["kind", name], sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    for name in ("lost", "deadline"):
        op.drop_index(f"ix_matters_{name}", "matters")
    for name in ("lost_at", "deadline", "spared", "step", "plan"):
        op.drop_column("matters", name)
