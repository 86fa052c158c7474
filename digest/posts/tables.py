"""The rows of the posts stage: sources and how they fare, posts, the keys they are known by, and who showed them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from digest.database import Base, Moment


class SourceRow(Base):
    """A source, what its last visit left us, and when to visit again.

    `fetch_url` is the address adopted after repeated permanent redirects; `moved_to` the one being confirmed.
    """

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    url: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text, default="")
    etag: Mapped[str | None] = mapped_column(Text)
    last_modified: Mapped[str | None] = mapped_column(Text)
    fetch_url: Mapped[str | None] = mapped_column(Text)
    moved_to: Mapped[str | None] = mapped_column(Text)
    moved_times: Mapped[int] = mapped_column(default=0)
    last_attempt_at: Mapped[datetime | None] = mapped_column(Moment)
    last_success_at: Mapped[datetime | None] = mapped_column(Moment)
    last_error: Mapped[str] = mapped_column(Text, default="")
    failures: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(Moment)
    warnings: Mapped[list[str]] = mapped_column(JSON, default=list)


class PostRow(Base):
    """A post as last told by `source_id`, the source that first showed it; `event_source_id` told its event."""

    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    external_id: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    summary: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime | None] = mapped_column(Moment)
    updated_at: Mapped[datetime | None] = mapped_column(Moment)
    author: Mapped[str] = mapped_column(Text)
    categories: Mapped[list[str]] = mapped_column(JSON)
    language: Mapped[str | None] = mapped_column(Text)
    image: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    event: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    warnings: Mapped[list[str]] = mapped_column(JSON)
    fingerprint: Mapped[str] = mapped_column(String(64))
    seen_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime | None] = mapped_column(Moment)
    gone_at: Mapped[datetime | None] = mapped_column(Moment)
    event_source_id: Mapped[int | None]


class PageRow(Base):
    """What a post's own page told when it was read, or how often that was tried in vain."""

    __tablename__ = "pages"

    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True)
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    tries: Mapped[int]
    error: Mapped[str] = mapped_column(Text)
    read_at: Mapped[datetime | None] = mapped_column(Moment)
    next_try_at: Mapped[datetime | None] = mapped_column(Moment)


class StaffFactsRow(Base):
    """What a person said of a post: whether it is an event, and the facts they confirmed."""

    __tablename__ = "staff_facts"

    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)


class EventRow(Base):
    """The event a post is, as our calendar files tell it; `key` never changes, `revision` counts the changes.

    `starts_at` and `ends_at` span all its dates, for finding those to come.
    """

    __tablename__ = "events"

    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    fingerprint: Mapped[str] = mapped_column(String(64))
    revision: Mapped[int]
    changed_at: Mapped[datetime] = mapped_column(Moment)
    starts_at: Mapped[datetime | None] = mapped_column(Moment)
    ends_at: Mapped[datetime | None] = mapped_column(Moment, index=True)


class PostKeyRow(Base):
    """A key that leads to a post; its value is hashed, since addresses and ids have no length limit.

    A key that several posts share leads to none (`post_id` is NULL) and stays that way.
    """

    __tablename__ = "post_keys"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id"))


class SightingRow(Base):
    """A post was shown by a source, under this id there; rows are in the order they were first shown."""

    __tablename__ = "sightings"
    __table_args__ = (Index(None, "source_id", "post_id", unique=True), Index(None, "post_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    external_id: Mapped[str] = mapped_column(Text)
    first_at: Mapped[datetime] = mapped_column(Moment)
