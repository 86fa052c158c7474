"""What pages tell, what staff say, the events that posts are, repeats in editions, and links that were tried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_events_post_id_posts")),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_events")),
        sa.UniqueConstraint("key", name=op.f("uq_events_key")),
    )
    op.create_index(op.f("ix_events_ends_at"), "events", ["ends_at"])
    op.create_table(
        "pages",
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_pages_post_id_posts")),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_pages")),
    )
    op.create_table(
        "staff_facts",
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_staff_facts_post_id_posts")),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_staff_facts")),
    )
    op.create_table(
        "link_checks",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_link_checks")),
    )
    op.create_index(op.f("ix_link_checks_checked_at"), "link_checks", ["checked_at"])
    # Columns are added as they are: copying a table that others refer to would break SQLite's foreign keys.
    op.add_column("posts", sa.Column("event_source_id", sa.Integer(), nullable=True))
    op.add_column("items", sa.Column("repeat", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("items", sa.Column("suggestions", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    for table, column in (("items", "suggestions"), ("items", "repeat"), ("posts", "event_source_id")):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")  # names above, nobody else's
    op.drop_index(op.f("ix_link_checks_checked_at"), table_name="link_checks")
    op.drop_table("link_checks")
    op.drop_table("staff_facts")
    op.drop_table("pages")
    op.drop_index(op.f("ix_events_ends_at"), table_name="events")
    op.drop_table("events")
