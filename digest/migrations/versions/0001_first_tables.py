"""The first tables: posts, editions, deliveries, and the subscribers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("edition_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subscriber_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'claimed', 'sending', 'accepted', 'refused', 'failed', 'uncertain', 'skipped', 'bounced', 'complained')",
            name=op.f("ck_deliveries_state"),
        ),
        sa.PrimaryKeyConstraint("edition_id", "position", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "edition_id", "subscriber_id", name=op.f("uq_deliveries_edition_id_subscriber_id")
        ),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("phase", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("enhanced", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'deferred', 'refused', 'uncertain')",
            name=op.f("ck_delivery_attempts_outcome"),
        ),
        sa.CheckConstraint(
            "phase IN ('connect', 'tls', 'ehlo', 'auth', 'mail', 'rcpt', 'data', 'body', 'dot', 'check')",
            name=op.f("ck_delivery_attempts_phase"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_attempts")),
    )
    op.create_index(
        "ix_delivery_attempts_delivery", "delivery_attempts", ["edition_id", "position"], unique=False
    )
    op.create_table(
        "delivery_audiences",
        sa.Column("edition_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("candidates", sa.Integer(), nullable=False),
        sa.Column("enqueued", sa.Integer(), nullable=False),
        sa.Column("excluded", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("edition_id", name=op.f("pk_delivery_audiences")),
    )
    op.create_table(
        "delivery_chunks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_chunks")),
    )
    op.create_index(
        "ix_delivery_chunks_unfinished",
        "delivery_chunks",
        ["edition_id", "first"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NULL"),
        sqlite_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "instance",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("armed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_instance_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance")),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=400), nullable=False),
        sa.Column("publication", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.String(length=400), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('queued', 'accepted', 'failed')", name=op.f("ck_notices_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("key", name=op.f("uq_notices_key")),
    )
    op.create_index(
        "ix_notices_queued",
        "notices",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
        sqlite_where=sa.text("state = 'queued'"),
    )
    op.create_table(
        "publications",
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_publications")),
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("fetch_url", sa.Text(), nullable=True),
        sa.Column("moved_to", sa.Text(), nullable=True),
        sa.Column("moved_times", sa.Integer(), nullable=False),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("key", name=op.f("uq_sources_key")),
    )
    op.create_table(
        "adoptions",
        sa.Column("publication", sa.String(length=64), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["publication"], ["publications.slug"], name=op.f("fk_adoptions_publication_publications")
        ),
        sa.PrimaryKeyConstraint("publication", "source_key", name=op.f("pk_adoptions")),
    )
    op.create_table(
        "editions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("publication", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("cut_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("send_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("slot", sa.Date(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("preheader", sa.Text(), nullable=False),
        sa.Column("intro", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("hold", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("launched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'approved', 'sending', 'paused', 'sent', 'skipped', 'cancelled', 'failed')",
            name=op.f("ck_editions_state"),
        ),
        sa.ForeignKeyConstraint(
            ["publication"], ["publications.slug"], name=op.f("fk_editions_publication_publications")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_editions")),
        sa.UniqueConstraint("publication", "number", name=op.f("uq_editions_publication_number")),
        sa.UniqueConstraint("publication", "slot", name=op.f("uq_editions_publication_slot")),
    )
    op.create_index(op.f("ix_editions_state"), "editions", ["state"], unique=False)
    op.create_table(
        "posts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("image", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("event", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_posts_source_id_sources")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posts")),
    )
    op.create_table(
        "items",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=True),
        sa.Column("section", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=False),
        sa.Column("image", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("event", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("post_fingerprint", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name=op.f("fk_items_edition_id_editions")),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_items_post_id_posts")),
        sa.PrimaryKeyConstraint("edition_id", "place", name=op.f("pk_items")),
    )
    op.create_index(op.f("ix_items_post_id"), "items", ["post_id"], unique=False)
    op.create_table(
        "offers",
        sa.Column("publication", sa.String(length=64), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("first_run", sa.Boolean(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('open', 'seen', 'dismissed')", name=op.f("ck_offers_state")),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_offers_post_id_posts")),
        sa.ForeignKeyConstraint(
            ["publication"], ["publications.slug"], name=op.f("fk_offers_publication_publications")
        ),
        sa.PrimaryKeyConstraint("publication", "post_id", name=op.f("pk_offers")),
    )
    op.create_table(
        "placements",
        sa.Column("publication", sa.String(length=64), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name=op.f("fk_placements_edition_id_editions")
        ),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_placements_post_id_posts")),
        sa.ForeignKeyConstraint(
            ["publication"], ["publications.slug"], name=op.f("fk_placements_publication_publications")
        ),
        sa.PrimaryKeyConstraint("publication", "post_id", name=op.f("pk_placements")),
    )
    op.create_index(op.f("ix_placements_edition_id"), "placements", ["edition_id"], unique=False)
    op.create_table(
        "post_keys",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_post_keys_post_id_posts")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_post_keys")),
    )
    op.create_table(
        "sightings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_sightings_post_id_posts")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_sightings_source_id_sources")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sightings")),
    )
    op.create_index(op.f("ix_sightings_post_id"), "sightings", ["post_id"], unique=False)
    op.create_index(
        op.f("ix_sightings_source_id_post_id"), "sightings", ["source_id", "post_id"], unique=True
    )
    op.create_table(
        "snapshots",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name=op.f("fk_snapshots_edition_id_editions")
        ),
        sa.PrimaryKeyConstraint("edition_id", name=op.f("pk_snapshots")),
    )
    op.create_table(
        "subscriber_people",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=True),
        sa.Column("address_key", sa.String(length=1024), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("barred", sa.String(length=20), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "barred IN ('complained', 'hard-bounce', 'soft-limit', 'erased', 'manual')",
            name=op.f("ck_subscriber_people_barred"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriber_people")),
        sa.UniqueConstraint("address_key", name=op.f("uq_subscriber_people_address_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subscriber_suppressions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "reason IN ('complained', 'hard-bounce', 'soft-limit', 'erased', 'manual')",
            name=op.f("ck_subscriber_suppressions_reason"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriber_suppressions")),
        sa.UniqueConstraint(
            "address_hash", "reason", name=op.f("uq_subscriber_suppressions_address_hash_reason")
        ),
    )
    op.create_table(
        "subscription_lists",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_lists")),
        sa.UniqueConstraint("slug", name=op.f("uq_subscription_lists_slug")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subscription_wordings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_wordings")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_subscription_wordings_fingerprint")),
    )
    op.create_table(
        "subscriber_subscriptions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subscriber_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_reason", sa.String(length=20), nullable=True),
        sa.Column("wording_id", sa.Integer(), nullable=False),
        sa.Column("consent_source", sa.Text(), nullable=False),
        sa.Column("consent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consent_ip", sa.String(length=45), nullable=False),
        sa.Column("topics", sa.Text(), nullable=False),
        sa.Column("frequency", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "(state = 'ended') = (ended_at IS NOT NULL)", name=op.f("ck_subscriber_subscriptions_ended_at")
        ),
        sa.CheckConstraint(
            "(state = 'ended') = (ended_reason IS NOT NULL)",
            name=op.f("ck_subscriber_subscriptions_ended_why"),
        ),
        sa.CheckConstraint(
            "ended_reason IN ('unsubscribed', 'unsubscribed-all', 'complained', 'hard-bounce', 'expired', 'erased', 'manual')",
            name=op.f("ck_subscriber_subscriptions_ended_reason"),
        ),
        sa.CheckConstraint(
            "state <> 'confirmed' OR confirmed_at IS NOT NULL",
            name=op.f("ck_subscriber_subscriptions_confirmed_at"),
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'confirmed', 'ended')", name=op.f("ck_subscriber_subscriptions_state")
        ),
        sa.ForeignKeyConstraint(
            ["list_id"],
            ["subscription_lists.id"],
            name=op.f("fk_subscriber_subscriptions_list_id_subscription_lists"),
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber_people.id"],
            name=op.f("fk_subscriber_subscriptions_subscriber_id_subscriber_people"),
        ),
        sa.ForeignKeyConstraint(
            ["wording_id"],
            ["subscription_wordings.id"],
            name=op.f("fk_subscriber_subscriptions_wording_id_subscription_wordings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriber_subscriptions")),
    )
    op.create_index(
        "ix_subscriber_subscriptions_subscriber_id",
        "subscriber_subscriptions",
        ["subscriber_id"],
        unique=False,
    )
    op.create_index(
        "uq_subscriber_subscriptions_open",
        "subscriber_subscriptions",
        ["list_id", "subscriber_id"],
        unique=True,
        sqlite_where=sa.text("state <> 'ended'"),
        postgresql_where=sa.text("state <> 'ended'"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_subscriber_subscriptions_open",
        table_name="subscriber_subscriptions",
        sqlite_where=sa.text("state <> 'ended'"),
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.drop_index("ix_subscriber_subscriptions_subscriber_id", table_name="subscriber_subscriptions")
    op.drop_table("subscriber_subscriptions")
    op.drop_table("subscription_wordings")
    op.drop_table("subscription_lists")
    op.drop_table("subscriber_suppressions")
    op.drop_table("subscriber_people")
    op.drop_table("snapshots")
    op.drop_index(op.f("ix_sightings_source_id_post_id"), table_name="sightings")
    op.drop_index(op.f("ix_sightings_post_id"), table_name="sightings")
    op.drop_table("sightings")
    op.drop_table("post_keys")
    op.drop_index(op.f("ix_placements_edition_id"), table_name="placements")
    op.drop_table("placements")
    op.drop_table("offers")
    op.drop_index(op.f("ix_items_post_id"), table_name="items")
    op.drop_table("items")
    op.drop_table("posts")
    op.drop_index(op.f("ix_editions_state"), table_name="editions")
    op.drop_table("editions")
    op.drop_table("adoptions")
    op.drop_table("sources")
    op.drop_table("publications")
    op.drop_index(
        "ix_notices_queued",
        table_name="notices",
        postgresql_where=sa.text("state = 'queued'"),
        sqlite_where=sa.text("state = 'queued'"),
    )
    op.drop_table("notices")
    op.drop_table("instance")
    op.drop_index(
        "ix_delivery_chunks_unfinished",
        table_name="delivery_chunks",
        postgresql_where=sa.text("finished_at IS NULL"),
        sqlite_where=sa.text("finished_at IS NULL"),
    )
    op.drop_table("delivery_chunks")
    op.drop_table("delivery_audiences")
    op.drop_index("ix_delivery_attempts_delivery", table_name="delivery_attempts")
    op.drop_table("delivery_attempts")
    op.drop_table("deliveries")
