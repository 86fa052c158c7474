"""The range of the ledger that a chunk stands for: who holds it, and what is left in it to do."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from digest.deliveries.model import UNSETTLED, Chunk
from digest.deliveries.tables import ChunkRow, DeliveryRow
from digest.editions.model import EditionId


def within(chunk: Chunk | ChunkRow) -> ColumnElement[bool]:
    """The deliveries of this chunk."""
    return and_(
        DeliveryRow.edition_id == chunk.edition_id, DeliveryRow.position.between(chunk.first, chunk.last)
    )


def held_by(
    session: Session, edition_id: EditionId, owner: str, *, now: datetime | None, chunk_id: int | None = None
) -> list[tuple[int, int]]:
    """The ranges that `owner` leases, locked against a take-over until this transaction ends."""
    query = select(ChunkRow.first, ChunkRow.last).where(
        ChunkRow.edition_id == edition_id, ChunkRow.owner == owner
    )
    if now is not None:
        query = query.where(ChunkRow.lease_until > now)
    if chunk_id is not None:
        query = query.where(ChunkRow.id == chunk_id)
    return [(row.first, row.last) for row in session.execute(query.with_for_update(read=True))]


def plan(session: Session, row: ChunkRow, *, now: datetime) -> None:
    """Finish the chunk, or say when it is next worth looking at."""
    left, at_once, first = session.execute(
        select(
            func.count(),
            func.count().filter(DeliveryRow.not_before.is_(None)),
            func.min(DeliveryRow.not_before),
        ).where(within(row), DeliveryRow.state.in_([state.value for state in UNSETTLED]))
    ).one()
    if left == 0:
        row.finished_at = now
        return
    row.finished_at = None
    row.due_at = now if at_once or first is None else first
