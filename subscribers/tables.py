"""The tables of this package, on their own metadata; only the store reads and writes them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from subscribers.model import EndedReason, SubscriptionState, SuppressionReason

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_Number = BigInteger().with_variant(Integer(), "sqlite")
_OPEN = text("state <> 'ended'")


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC; a naive one is a programming error and raises ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The value as the database keeps it."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: every time here carries its zone")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The value as the program knows it."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _one_of(column: str, values: type[EndedReason | SubscriptionState | SuppressionReason]) -> str:
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


class Base(DeclarativeBase):
    """The root of this package's tables."""

    metadata = metadata


class PersonRow(Base):
    """A subscriber. Never deleted: its number is in links that never expire, so it must not be given out again."""

    __tablename__ = "subscriber_people"
    __table_args__ = (
        CheckConstraint(_one_of("barred", SuppressionReason), name="barred"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(_Number, primary_key=True)
    address: Mapped[str | None] = mapped_column(String(254))
    address_key: Mapped[str | None] = mapped_column(String(1024), unique=True)
    name: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(String(35), default="")
    # Why no mail goes there, repeated from the suppressions so that an audience is one SELECT.
    barred: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(Moment)
    erased_at: Mapped[datetime | None] = mapped_column(Moment)


class ListRow(Base):
    """A publication by number; the slug may be renamed, the number is what tokens name."""

    __tablename__ = "subscription_lists"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)


class WordingRow(Base):
    """One wording that people consented to, kept once."""

    __tablename__ = "subscription_wordings"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    text: Mapped[str] = mapped_column(Text)


class SubscriptionRow(Base):
    """One subscription from request to end; rows are added and moved forward, never revived or deleted."""

    __tablename__ = "subscriber_subscriptions"
    __table_args__ = (
        CheckConstraint(_one_of("state", SubscriptionState), name="state"),
        CheckConstraint(_one_of("ended_reason", EndedReason), name="ended_reason"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_at"),
        CheckConstraint("(state = 'ended') = (ended_reason IS NOT NULL)", name="ended_why"),
        CheckConstraint("state <> 'confirmed' OR confirmed_at IS NOT NULL", name="confirmed_at"),
        Index(
            "uq_subscriber_subscriptions_open",
            "list_id",
            "subscriber_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("ix_subscriber_subscriptions_subscriber_id", "subscriber_id"),
    )

    id: Mapped[int] = mapped_column(_Number, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(_Number, ForeignKey(PersonRow.id))
    list_id: Mapped[int] = mapped_column(Integer, ForeignKey(ListRow.id))
    state: Mapped[str] = mapped_column(String(10))
    requested_at: Mapped[datetime] = mapped_column(Moment)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_reason: Mapped[str | None] = mapped_column(String(20))
    wording_id: Mapped[int] = mapped_column(Integer, ForeignKey(WordingRow.id))
    consent_source: Mapped[str] = mapped_column(Text)
    consent_at: Mapped[datetime] = mapped_column(Moment)
    consent_ip: Mapped[str] = mapped_column(String(45), default="")
    topics: Mapped[str] = mapped_column(Text, default="")
    frequency: Mapped[str] = mapped_column(String(40), default="")
    events_only: Mapped[bool] = mapped_column(default=False, server_default=false())
    # No mail until this moment; one that has passed means nothing, so nobody has to clear it.
    paused_until: Mapped[datetime | None] = mapped_column(Moment)
    # What the reader answered when asked why they left: one of the answers offered, and their own words.
    ended_answer: Mapped[str] = mapped_column(String(20), default="", server_default=text("''"))
    ended_note: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))


class SuppressionRow(Base):
    """An address never to be mailed, as a keyed hash that no one can turn back into the address."""

    __tablename__ = "subscriber_suppressions"
    __table_args__ = (
        CheckConstraint(_one_of("reason", SuppressionReason), name="reason"),
        UniqueConstraint("address_hash", "reason"),
    )

    id: Mapped[int] = mapped_column(_Number, primary_key=True)
    address_hash: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(Moment)


class RequestRow(Base):
    """A sign-up that waits for its reader: how many mails asked them to confirm, when the next is due, until when."""

    __tablename__ = "subscription_requests"

    subscription_id: Mapped[int] = mapped_column(
        _Number, ForeignKey(SubscriptionRow.id), primary_key=True, autoincrement=False
    )
    mails: Mapped[int] = mapped_column(Integer)
    mail_at: Mapped[datetime | None] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment, index=True)


class LimitRow(Base):
    """How often something was done since a moment; the key is a keyed hash, so it names no address and no network."""

    __tablename__ = "subscriber_limits"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    used: Mapped[int] = mapped_column(Integer)
    since: Mapped[datetime] = mapped_column(Moment)
    until: Mapped[datetime] = mapped_column(Moment)


class DoorsRow(Base):
    """There while staff keep every way to sign up closed: since when."""

    __tablename__ = "subscription_doors"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    closed_at: Mapped[datetime] = mapped_column(Moment)


class MoveRow(Base):
    """One change of a person's address; the addresses are emptied once neither its link nor its way back works."""

    __tablename__ = "subscriber_moves"
    __table_args__ = (UniqueConstraint("subscriber_id", "serial"),)

    id: Mapped[int] = mapped_column(_Number, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(_Number, ForeignKey(PersonRow.id))
    serial: Mapped[int] = mapped_column(Integer)
    old_address: Mapped[str | None] = mapped_column(String(254))
    new_address: Mapped[str | None] = mapped_column(String(254))
    asked_at: Mapped[datetime] = mapped_column(Moment, index=True)
    moved_at: Mapped[datetime | None] = mapped_column(Moment)
    # Taken back, or overtaken by another change: neither of its links does anything any more.
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
