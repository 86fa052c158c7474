"""What an engine has to know of the chunks that it hands out: which are free, when one is free again, whose they are."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from digest.deliveries.model import Chunk
from digest.deliveries.tables import ChunkRow
from digest.editions.model import EditionId


def free_chunks(session: Session, edition_id: EditionId, *, now: datetime) -> list[int]:
    """The ids of the chunks that could be leased at `now`, in order."""
    return list(
        session.scalars(
            select(ChunkRow.id)
            .where(ChunkRow.edition_id == edition_id, ChunkRow.finished_at.is_(None))
            .where(ChunkRow.due_at <= now, or_(ChunkRow.lease_until.is_(None), ChunkRow.lease_until <= now))
            .order_by(ChunkRow.first)
        )
    )


def free_again(session: Session, chunk_id: int) -> datetime | None:
    """When the chunk can next be leased, which may be a moment that has passed; None when nothing in it is left to do."""
    row = session.get(ChunkRow, chunk_id)
    if row is None or row.finished_at is not None:
        return None
    return max(row.due_at, row.lease_until or row.due_at)


def kept_by(session: Session, edition_id: EditionId, owner: str) -> list[Chunk]:
    """The unfinished chunks of the edition that are in `owner`'s name, whether or not the lease has run out."""
    rows = session.scalars(
        select(ChunkRow)
        .where(ChunkRow.edition_id == edition_id, ChunkRow.finished_at.is_(None), ChunkRow.owner == owner)
        .order_by(ChunkRow.first)
    )
    return [Chunk(id=row.id, edition_id=row.edition_id, first=row.first, last=row.last) for row in rows]
