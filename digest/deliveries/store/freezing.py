"""Who an edition goes to, fixed at its launch: one pending delivery each, in chunks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, literal, select
from sqlalchemy.orm import Session

from digest.deliveries.model import Audience, DeliveryState
from digest.deliveries.tables import AudienceRow, ChunkRow, DeliveryRow
from digest.editions.model import EditionId

CHUNK = 500


def freeze(session: Session, edition_id: EditionId, audience: Select[Any], *, now: datetime) -> int:
    """Write one pending delivery for each row of `audience`, and its chunks; returns how many there are.

    `audience` yields one column, the subscriber's id, each once. Positions number it from 1 in id order.
    """
    who = audience.subquery()
    subscriber = next(iter(who.c))
    numbered = select(
        literal(edition_id),
        func.row_number().over(order_by=subscriber),
        subscriber,
        literal(DeliveryState.PENDING.value),
        literal(0),
        literal(""),
    )
    columns = ["edition_id", "position", "subscriber_id", "state", "attempts", "reason"]
    session.execute(insert(DeliveryRow).from_select(columns, numbered))
    total = (
        session.scalar(select(func.max(DeliveryRow.position)).where(DeliveryRow.edition_id == edition_id))
        or 0
    )
    ranges = [
        {"edition_id": edition_id, "first": first, "last": min(first + CHUNK - 1, total), "due_at": now}
        for first in range(1, total + 1, CHUNK)
    ]
    if ranges:
        session.execute(insert(ChunkRow), ranges)
    return total


def keep_audience(session: Session, edition_id: EditionId, audience: Audience) -> None:
    """Keep who the edition was launched for, and who not and why."""
    session.add(
        AudienceRow(
            edition_id=edition_id,
            candidates=audience.candidates,
            enqueued=audience.enqueued,
            excluded=dict(audience.excluded),
        )
    )
    session.flush()


def audience(session: Session, edition_id: EditionId) -> Audience:
    """Who the edition was launched for; all zero before its launch."""
    row = session.get(AudienceRow, edition_id)
    if row is None:
        return Audience()
    return Audience(candidates=row.candidates, enqueued=row.enqueued, excluded=row.excluded)
