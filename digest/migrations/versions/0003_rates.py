"""What has been used of the limits on sending, and the recipient domains that asked us to wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_rates",
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("used", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_mail_rates")),
    )
    op.create_table(
        "mail_back_offs",
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_mail_back_offs")),
    )


def downgrade() -> None:
    op.drop_table("mail_back_offs")
    op.drop_table("mail_rates")
