"""Sign-ups that wait for their reader, how often something was done, and the switch that closes every door."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "subscription_requests",
        sa.Column("subscription_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.Column("mail_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriber_subscriptions.id"],
            name=op.f("fk_subscription_requests_subscription_id_subscriber_subscriptions"),
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_subscription_requests")),
    )
    op.create_index(op.f("ix_subscription_requests_expires_at"), "subscription_requests", ["expires_at"])
    op.create_table(
        "subscriber_limits",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_subscriber_limits")),
    )
    op.create_table(
        "subscription_doors",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_subscription_doors_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_doors")),
    )
    op.add_column(
        "notices", sa.Column("language", sa.String(length=35), server_default=sa.text("''"), nullable=False)
    )
    op.add_column(
        "notices", sa.Column("unsubscribe_url", sa.Text(), server_default=sa.text("''"), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("notices", "unsubscribe_url")
    op.drop_column("notices", "language")
    for name in ("subscription_doors", "subscriber_limits", "subscription_requests"):
        op.drop_table(name)
