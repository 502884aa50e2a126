"""Effects keep the note of a request that may have moved money: which process was about to send it, and when."""

import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_UNKNOWN = sa.text(
    "SELECT id, begun_at FROM effects WHERE state = 'pending' AND kind = 'RefundPayment'"
    " AND (begun_at IS NOT NULL OR error LIKE 'the provider''s answer was lost%')"
)
"""Refunds that an older version may have sent: it wrote no notes, so these name no process."""
_NOTE = sa.text("UPDATE effects SET request_note = :note WHERE id = :effect")
_NO_PROCESS = {"process": {"host": "", "boot": "", "namespace": "", "pid": 0, "started": ""}, "seconds": 0.0}


def upgrade() -> None:
    op.add_column("effects", sa.Column("request_note", sa.Text()))
    connection = op.get_bind()
    for ident, begun_at in connection.execute(_UNKNOWN).all():
        connection.execute(_NOTE, {"effect": ident, "note": json.dumps(_NO_PROCESS | {"at": _written(begun_at)})})


def _written(begun_at: datetime | str | None) -> str:
    return str(begun_at.isoformat() if isinstance(begun_at, datetime) else begun_at or "1970-01-01T00:00:00Z")


def downgrade() -> None:
    op.drop_column("effects", "request_note")
