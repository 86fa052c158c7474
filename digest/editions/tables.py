"""The rows of the editions stage: publications, what they were offered, editions, items, placements, snapshots."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from digest.database import Base, Moment
from digest.editions.model import EditionState

_STATES = ", ".join(f"'{state.value}'" for state in EditionState)


class PublicationRow(Base):
    """A publication that was configured at least once; only slots after `started_at` are its editions."""

    __tablename__ = "publications"

    slug: Mapped[str] = mapped_column(String(64), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(Moment)


class AdoptionRow(Base):
    """A publication took over a source's posts; from then on what the source shows is new to it."""

    __tablename__ = "adoptions"

    publication: Mapped[str] = mapped_column(ForeignKey("publications.slug"), primary_key=True)
    source_key: Mapped[str] = mapped_column(Text, primary_key=True)
    adopted_at: Mapped[datetime] = mapped_column(Moment)


class OfferRow(Base):
    """A post that a publication may use: open, or seen (older than the publication), or dismissed by staff."""

    __tablename__ = "offers"
    __table_args__ = (CheckConstraint("state IN ('open', 'seen', 'dismissed')", name="state"),)

    publication: Mapped[str] = mapped_column(ForeignKey("publications.slug"), primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True)
    source_key: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    first_run: Mapped[bool]
    offered_at: Mapped[datetime] = mapped_column(Moment)


class EditionRow(Base):
    """One edition; `slot` is the local date of its scheduled send."""

    __tablename__ = "editions"
    __table_args__ = (
        UniqueConstraint("publication", "number"),
        UniqueConstraint("publication", "slot"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    publication: Mapped[str] = mapped_column(ForeignKey("publications.slug"))
    number: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(16), index=True)
    cut_at: Mapped[datetime] = mapped_column(Moment)
    send_at: Mapped[datetime] = mapped_column(Moment)
    slot: Mapped[date | None]
    subject: Mapped[str] = mapped_column(Text)
    preheader: Mapped[str] = mapped_column(Text)
    intro: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    hold: Mapped[str] = mapped_column(Text)
    approved_by: Mapped[str] = mapped_column(Text)
    approved_at: Mapped[datetime | None] = mapped_column(Moment)
    fingerprint: Mapped[str] = mapped_column(String(64))
    launched_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)


class ItemRow(Base):
    """A post as it stands in an edition."""

    __tablename__ = "items"
    __table_args__ = (Index(None, "post_id"),)

    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id"))
    section: Mapped[str] = mapped_column(String(16))
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    excerpt: Mapped[str] = mapped_column(Text)
    image: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    author: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime | None] = mapped_column(Moment)
    language: Mapped[str | None] = mapped_column(Text)
    topics: Mapped[list[str]] = mapped_column(JSON)
    event: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    repeat: Mapped[bool] = mapped_column(server_default=false())
    suggestions: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    post_fingerprint: Mapped[str] = mapped_column(String(64))


class PlacementRow(Base):
    """A post was launched in an edition; the key is why a publication never mails it twice."""

    __tablename__ = "placements"
    __table_args__ = (Index(None, "edition_id"),)

    publication: Mapped[str] = mapped_column(ForeignKey("publications.slug"), primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True)
    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"))


class SnapshotRow(Base):
    """What staff approved, byte for byte; `content` is the rendering's fields as JSON."""

    __tablename__ = "snapshots"

    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"), primary_key=True)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)


class LinkCheckRow(Base):
    """How a link of an edition answered when it was last tried; addresses are hashed, since they have no length limit."""

    __tablename__ = "link_checks"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    status: Mapped[int | None]
    detail: Mapped[str] = mapped_column(Text)
    checked_at: Mapped[datetime] = mapped_column(Moment, index=True)
