"""Chunks and who works on them: leased, renewed, given back, taken from the dead; what a lease lets one claim."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from digest.deliveries.model import TRANSITIONS, Chunk, Delivery, DeliveryState
from digest.deliveries.store.ranges import held_by, plan, within
from digest.deliveries.store.settling import settle_abandoned
from digest.deliveries.tables import ChunkRow, DeliveryRow
from digest.editions.model import EditionId
from digest.errors import DigestError


class LeaseLost(DigestError):
    """Another worker has this chunk now; what was claimed from it must not be sent."""


def is_due(session: Session, edition_ids: Sequence[EditionId], *, now: datetime) -> bool:
    """True when a chunk of these editions could be leased at `now`."""
    if not edition_ids:
        return False
    found = session.scalar(select(ChunkRow.id).where(_is_free(edition_ids, now=now)).limit(1))
    return found is not None


def chunks(session: Session, edition_id: EditionId) -> list[Chunk]:
    """The chunks of the edition that still have something to do, in order."""
    rows = session.scalars(
        select(ChunkRow)
        .where(ChunkRow.edition_id == edition_id, ChunkRow.finished_at.is_(None))
        .order_by(ChunkRow.first)
    )
    return [_chunk(row) for row in rows]


def lease(
    session: Session,
    edition_ids: Sequence[EditionId],
    owner: str,
    *,
    chunk_id: int | None = None,
    now: datetime,
    lease_seconds: int,
) -> Chunk | None:
    """Take the first chunk that is due and free, or only that with `chunk_id`, for `lease_seconds`; None for none.

    What a dead predecessor left in it is settled first: claimed goes back to pending, sending is uncertain.
    """
    if not edition_ids:
        return None
    row = session.scalar(
        select(ChunkRow)
        .where(_is_free(edition_ids, now=now), *([ChunkRow.id == chunk_id] if chunk_id else []))
        .order_by(ChunkRow.edition_id, ChunkRow.first)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    if row.owner is not None:
        settle_abandoned(session, row, now=now)
    row.owner = owner
    row.lease_until = now + timedelta(seconds=lease_seconds)
    session.flush()
    return _chunk(row)


def renew(session: Session, chunk: Chunk, owner: str, *, now: datetime, lease_seconds: int) -> None:
    """Hold the lease for `lease_seconds` more; raises `LeaseLost` when it is no longer ours."""
    held = session.scalars(
        update(ChunkRow)
        .where(ChunkRow.id == chunk.id, ChunkRow.owner == owner)
        .values(lease_until=now + timedelta(seconds=lease_seconds))
        .returning(ChunkRow.id)
    ).all()
    if not held:
        raise _lost(chunk)


def claim(session: Session, chunk: Chunk, owner: str, *, limit: int, now: datetime) -> list[Delivery]:
    """The next pending deliveries of the chunk, now claimed; raises `LeaseLost` when it is no longer ours."""
    if not held_by(session, chunk.edition_id, owner, now=now, chunk_id=chunk.id):
        raise _lost(chunk)
    due = (
        select(DeliveryRow.position)
        .where(within(chunk), DeliveryRow.state == DeliveryState.PENDING)
        .where(or_(DeliveryRow.not_before.is_(None), DeliveryRow.not_before <= now))
        .order_by(DeliveryRow.position)
        .limit(limit)
    )
    rows = session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.edition_id == chunk.edition_id, DeliveryRow.position.in_(due.scalar_subquery()))
        .where(DeliveryRow.state.in_(_before(DeliveryState.CLAIMED)))
        .values(state=DeliveryState.CLAIMED.value)
        .returning(
            DeliveryRow.position, DeliveryRow.subscriber_id, DeliveryRow.attempts, DeliveryRow.not_before
        ),
        execution_options={"synchronize_session": False},
    ).all()
    return [
        Delivery(
            edition_id=chunk.edition_id,
            position=position,
            subscriber_id=subscriber_id,
            state=DeliveryState.CLAIMED,
            attempts=attempts,
            not_before=not_before,
        )
        for position, subscriber_id, attempts, not_before in sorted(rows, key=itemgetter(0))
    ]


def release(session: Session, chunk: Chunk, owner: str, *, now: datetime) -> bool:
    """Give the chunk back; True when nothing in it is left to do. Claimed deliveries return to pending, and one
    still marked as sending is uncertain, since nobody is left to hear the answer.

    A chunk with only deferred deliveries is due again when the first of them is.
    """
    row = session.scalar(
        select(ChunkRow).where(ChunkRow.id == chunk.id, ChunkRow.owner == owner).with_for_update()
    )
    if row is None:
        return False
    _give_back(session, row, now=now)
    session.flush()
    return row.finished_at is not None


def recover(session: Session, *, now: datetime) -> int:
    """Settle what dead workers left: every chunk whose lease has run out is freed; returns how many were."""
    rows = session.scalars(
        select(ChunkRow)
        .where(ChunkRow.finished_at.is_(None), ChunkRow.owner.is_not(None), ChunkRow.lease_until <= now)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        _give_back(session, row, now=now)
    session.flush()
    return len(rows)


def _is_free(edition_ids: Sequence[EditionId], *, now: datetime) -> ColumnElement[bool]:
    return and_(
        ChunkRow.edition_id.in_(edition_ids),
        ChunkRow.finished_at.is_(None),
        ChunkRow.due_at <= now,
        or_(ChunkRow.lease_until.is_(None), ChunkRow.lease_until <= now),
    )


def _lost(chunk: Chunk) -> LeaseLost:
    return LeaseLost(f"Another worker has taken over chunk {chunk.id} of edition {chunk.edition_id}.")


def _give_back(session: Session, row: ChunkRow, *, now: datetime) -> None:
    settle_abandoned(session, row, now=now)
    row.owner, row.lease_until = None, None
    plan(session, row, now=now)


def _before(state: DeliveryState) -> list[str]:
    """The states from which the table of transitions leads to `state`."""
    return [before.value for before, after in TRANSITIONS.items() if state in after]


def _chunk(row: ChunkRow) -> Chunk:
    return Chunk(id=row.id, edition_id=row.edition_id, first=row.first, last=row.last)
