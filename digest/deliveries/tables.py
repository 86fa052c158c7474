"""The ledger's rows: deliveries, their chunks and attempts, queued notices, the limits' use, the armed instance."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Double,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy import text as sql_text
from sqlalchemy.orm import Mapped, mapped_column

from digest.database import Base, Moment
from digest.deliveries.model import DeliveryState, NoticeState, Phase, Verdict

_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER


def _one_of(column: str, values: type[DeliveryState | NoticeState | Phase | Verdict]) -> CheckConstraint:
    # Not IN: SQLite would build its list anew for every row, which takes longer than writing the row.
    return CheckConstraint(" OR ".join(f"{column} = '{value}'" for value in values), name=column)


class DeliveryRow(Base):
    """One recipient of one edition. There is no index on `state`: work is found by chunk and position."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("edition_id", "subscriber_id"), _one_of("state", DeliveryState))

    edition_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    subscriber_id: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    not_before: Mapped[datetime | None] = mapped_column(Moment)
    reason: Mapped[str] = mapped_column(Text, default="")


class ChunkRow(Base):
    """A range of positions that one worker leases; `due_at` is when it is next worth looking at."""

    __tablename__ = "delivery_chunks"
    __table_args__ = (
        Index(
            "ix_delivery_chunks_unfinished",
            "edition_id",
            "first",
            postgresql_where=text("finished_at IS NULL"),
            sqlite_where=text("finished_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    edition_id: Mapped[int] = mapped_column(Integer)
    first: Mapped[int] = mapped_column(Integer)
    last: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime] = mapped_column(Moment)
    owner: Mapped[str | None] = mapped_column(String(80))
    lease_until: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)


class AudienceRow(Base):
    """Who an edition was launched for: how many were candidates, and why some of them are not in its ledger."""

    __tablename__ = "delivery_audiences"

    edition_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    candidates: Mapped[int] = mapped_column(Integer)
    enqueued: Mapped[int] = mapped_column(Integer)
    excluded: Mapped[dict[str, int]] = mapped_column(JSON)


class AttemptRow(Base):
    """Evidence: one try at a delivery, and what the server said, such as the name in its queue."""

    __tablename__ = "delivery_attempts"
    __table_args__ = (
        Index("ix_delivery_attempts_delivery", "edition_id", "position"),
        _one_of("phase", Phase),
        _one_of("outcome", Verdict),
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    edition_id: Mapped[int] = mapped_column(Integer)
    position: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(Moment)
    phase: Mapped[str] = mapped_column(String(12))
    outcome: Mapped[str] = mapped_column(String(12))
    code: Mapped[int | None] = mapped_column(Integer)
    enhanced: Mapped[str] = mapped_column(String(16), default="")
    text: Mapped[str] = mapped_column(Text, default="")


class NoticeRow(Base):
    """A message that is not an edition, waiting to be handed over; `key` makes it be told only once."""

    __tablename__ = "notices"
    __table_args__ = (
        _one_of("state", NoticeState),
        Index(
            "ix_notices_queued",
            "id",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(400), unique=True)
    publication: Mapped[str] = mapped_column(String(64))
    recipient: Mapped[str] = mapped_column(String(400))
    subject: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    not_before: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    reason: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(String(35), default="", server_default=sql_text("''"))
    unsubscribe_url: Mapped[str] = mapped_column(Text, default="", server_default=sql_text("''"))


class RateRow(Base):
    """What all workers together have used of one limit; times are seconds since 1970, `used` is a list of pairs."""

    __tablename__ = "mail_rates"

    key: Mapped[str] = mapped_column(String(300), primary_key=True)
    at: Mapped[float] = mapped_column(Double)
    used: Mapped[list[list[float]]] = mapped_column(JSON)


class BackOffRow(Base):
    """A recipient domain that asked us to come back later: for how long, and how often it said so in a row."""

    __tablename__ = "mail_back_offs"

    domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    since: Mapped[float] = mapped_column(Double)
    until: Mapped[float] = mapped_column(Double)
    times: Mapped[int] = mapped_column(Integer)
    said: Mapped[str] = mapped_column(Text)


class InstanceRow(Base):
    """The one installation that may send from this database."""

    __tablename__ = "instance"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200))
    armed_at: Mapped[datetime] = mapped_column(Moment)
