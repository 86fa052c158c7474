"""How often something was done: one row for each limit that is in use, counted by the database itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from subscribers.store.statements import is_sqlite
from subscribers.tables import DoorsRow, LimitRow, Moment


def count_one(session: Session, key: str, *, most: int, seconds: int, now: datetime) -> bool:
    """Count one more use unless there were `most` since the first one, `seconds` ago or less; whether it was counted."""
    insert: Any = sqlite.insert if is_sqlite(session) else postgresql.insert
    at, end = literal(now, Moment), literal(now + timedelta(seconds=seconds), Moment)
    over = LimitRow.until <= at
    counted = session.execute(
        insert(LimitRow)
        .values(key=key, used=1, since=now, until=now + timedelta(seconds=seconds))
        .on_conflict_do_update(
            index_elements=["key"],
            set_={
                "used": case((over, 1), else_=LimitRow.used + 1),
                "since": case((over, at), else_=LimitRow.since),
                "until": case((over, end), else_=LimitRow.until),
            },
            where=over | (LimitRow.used < most),
        )
        .returning(LimitRow.used)
    )
    return counted.first() is not None


def forget_uses(session: Session, keys: list[str]) -> None:
    """Count these from nothing again."""
    session.execute(delete(LimitRow).where(LimitRow.key.in_(keys)))


def forget_past_uses(session: Session, *, now: datetime) -> None:
    """Drop what no limit counts any more."""
    session.execute(delete(LimitRow).where(LimitRow.until <= now))


def doors_closed_at(session: Session) -> datetime | None:
    """Since when every way to sign up is closed, or None while they are open."""
    row = session.get(DoorsRow, 1, populate_existing=True)
    return row.closed_at if row else None


def set_doors(session: Session, *, closed_at: datetime | None) -> None:
    """Close every way to sign up since a moment, or open them again with None."""
    session.execute(delete(DoorsRow))
    if closed_at is not None:
        session.add(DoorsRow(id=1, closed_at=closed_at))
    session.flush()
