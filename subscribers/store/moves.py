"""Changes of address: asked for, done, taken back, and forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from subscribers.tables import MoveRow, PersonRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One change of address; the addresses are empty once they are forgotten."""

    subscriber_id: int
    serial: int
    old_address: str
    new_address: str
    asked_at: datetime
    moved_at: datetime | None
    closed_at: datetime | None


def lock_person(session: Session, subscriber_id: int) -> None:
    """Let nobody else change this person until the transaction ends."""
    session.execute(select(PersonRow.id).where(PersonRow.id == subscriber_id).with_for_update())


def insert_move(session: Session, subscriber_id: int, *, old: str, new: str, now: datetime) -> int:
    """Note that somebody asked for another address; the number of this change among theirs. Lock them first."""
    last = session.scalar(select(func.max(MoveRow.serial)).where(MoveRow.subscriber_id == subscriber_id))
    serial = (last or 0) + 1
    session.add(
        MoveRow(subscriber_id=subscriber_id, serial=serial, old_address=old, new_address=new, asked_at=now)
    )
    session.flush()
    return serial


def move(session: Session, subscriber_id: int, serial: int) -> Move | None:
    """The change of this number of one person."""
    query = select(MoveRow).where(MoveRow.subscriber_id == subscriber_id, MoveRow.serial == serial)
    row = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    return _move(row) if row else None


def moves_of(session: Session, subscriber_id: int) -> list[Move]:
    """All changes of address of one person, oldest first."""
    query = select(MoveRow).where(MoveRow.subscriber_id == subscriber_id).order_by(MoveRow.serial)
    return [_move(row) for row in session.scalars(query.execution_options(populate_existing=True))]


def give_address(session: Session, subscriber_id: int, *, address: str, key: str, barred: str | None) -> bool:
    """Let a person be known by another address from now on; False, and nothing done, when somebody has it."""
    try:
        with session.begin_nested():
            session.execute(
                update(PersonRow)
                .where(PersonRow.id == subscriber_id)
                .values(address=address, address_key=key, barred=barred)
            )
    except IntegrityError:
        return False
    return True


def note_moved(session: Session, subscriber_id: int, serial: int, *, now: datetime) -> None:
    """Note that a change was done."""
    session.execute(_one(subscriber_id, serial).values(moved_at=now))


def close_moves(session: Session, subscriber_id: int, *, since: int, now: datetime) -> None:
    """Make the change of this number and all later ones of a person worth nothing."""
    session.execute(
        update(MoveRow)
        .where(MoveRow.subscriber_id == subscriber_id, MoveRow.serial >= since, MoveRow.closed_at.is_(None))
        .values(closed_at=now)
        .execution_options(synchronize_session=False)
    )


def forget_moves(session: Session, *, before: datetime) -> int:
    """Empty the addresses of changes that were asked for, and if done were done, before a moment; how many."""
    old = or_(MoveRow.moved_at.is_(None), MoveRow.moved_at < before)
    return _forget(session, MoveRow.asked_at < before, old)


def forget_moves_of(session: Session, subscriber_id: int) -> None:
    """Empty the addresses of all changes of one person."""
    _forget(session, MoveRow.subscriber_id == subscriber_id)


def _one(subscriber_id: int, serial: int) -> Any:
    return (
        update(MoveRow)
        .where(MoveRow.subscriber_id == subscriber_id, MoveRow.serial == serial)
        .execution_options(synchronize_session=False)
    )


def _forget(session: Session, *which: Any) -> int:
    forgotten = session.scalars(
        update(MoveRow)
        .where(*which, MoveRow.old_address.is_not(None))
        .values(old_address=None, new_address=None)
        .returning(MoveRow.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(forgotten)


def _move(row: MoveRow) -> Move:
    return Move(
        subscriber_id=row.subscriber_id,
        serial=row.serial,
        old_address=row.old_address or "",
        new_address=row.new_address or "",
        asked_at=row.asked_at,
        moved_at=row.moved_at,
        closed_at=row.closed_at,
    )
