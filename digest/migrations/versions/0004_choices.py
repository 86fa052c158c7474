"""What readers choose of a publication beyond topics and frequency, and what they say when they leave."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLE = "subscriber_subscriptions"


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("events_only", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(_TABLE, sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        _TABLE, sa.Column("ended_answer", sa.String(length=20), server_default=sa.text("''"), nullable=False)
    )
    op.add_column(_TABLE, sa.Column("ended_note", sa.Text(), server_default=sa.text("''"), nullable=False))


def downgrade() -> None:
    for name in ("ended_note", "ended_answer", "paused_until", "events_only"):
        op.drop_column(_TABLE, name)
