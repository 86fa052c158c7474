"""Changes of address that wait to be confirmed or may be taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "subscriber_moves",
        sa.Column("id", number, nullable=False),
        sa.Column("subscriber_id", number, nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("old_address", sa.String(length=254), nullable=True),
        sa.Column("new_address", sa.String(length=254), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber_people.id"],
            name=op.f("fk_subscriber_moves_subscriber_id_subscriber_people"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriber_moves")),
        sa.UniqueConstraint("subscriber_id", "serial", name=op.f("uq_subscriber_moves_subscriber_id_serial")),
    )
    op.create_index(op.f("ix_subscriber_moves_asked_at"), "subscriber_moves", ["asked_at"])


def downgrade() -> None:
    op.drop_table("subscriber_moves")
