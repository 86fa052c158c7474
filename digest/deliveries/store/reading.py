"""What the ledger says: counts, single deliveries, and the evidence of their tries."""

from __future__ import annotations

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from digest.database import pages
from digest.deliveries.model import Attempt, Delivery, DeliveryState, Phase, Verdict
from digest.deliveries.tables import AttemptRow, ChunkRow, DeliveryRow
from digest.editions.model import EditionId


def counts(session: Session, edition_id: EditionId) -> dict[DeliveryState, int]:
    """How many deliveries of the edition stand in each state; every state is there, and they add up."""
    rows = session.execute(
        select(DeliveryRow.state, func.count())
        .where(DeliveryRow.edition_id == edition_id)
        .group_by(DeliveryRow.state)
    ).all()
    found = {DeliveryState(state): count for state, count in rows}
    return {state: found.get(state, 0) for state in DeliveryState}


def unsettled(session: Session, edition_id: EditionId) -> bool:
    """True while a delivery of the edition is still pending, claimed or being sent."""
    left = session.scalar(
        select(ChunkRow.id).where(ChunkRow.edition_id == edition_id, ChunkRow.finished_at.is_(None)).limit(1)
    )
    return left is not None


def delivery(session: Session, edition_id: EditionId, subscriber_id: int) -> Delivery | None:
    """The delivery of one edition to one subscriber, None when that person was not in its audience."""
    row = session.scalar(
        select(DeliveryRow).where(
            DeliveryRow.edition_id == edition_id, DeliveryRow.subscriber_id == subscriber_id
        )
    )
    return _delivery(row) if row is not None else None


def listed(
    session: Session,
    edition_id: EditionId,
    *,
    state: DeliveryState | None = None,
    after: int = 0,
    limit: int,
) -> list[tuple[Delivery, tuple[Attempt, ...]]]:
    """The next deliveries behind position `after`, in one state or in any, each with its tries, oldest first."""
    query = select(DeliveryRow).where(DeliveryRow.edition_id == edition_id, DeliveryRow.position > after)
    if state is not None:
        query = query.where(DeliveryRow.state == state)
    found = session.scalars(query.order_by(DeliveryRow.position).limit(limit)).all()
    tries: dict[int, list[Attempt]] = {row.position: [] for row in found}
    for page in pages(list(tries)):
        rows = session.scalars(
            select(AttemptRow)
            .where(AttemptRow.edition_id == edition_id, AttemptRow.position.in_(page))
            .order_by(AttemptRow.id)
        )
        for row in rows:
            tries[row.position].append(_attempt(row))
    return [(_delivery(row), tuple(tries[row.position])) for row in found]


def attempts(session: Session, edition_id: EditionId, subscriber_id: int) -> list[Attempt]:
    """The tries at one delivery, oldest first."""
    rows = session.scalars(
        select(AttemptRow)
        .join(
            DeliveryRow,
            and_(
                DeliveryRow.edition_id == AttemptRow.edition_id, DeliveryRow.position == AttemptRow.position
            ),
        )
        .where(DeliveryRow.edition_id == edition_id, DeliveryRow.subscriber_id == subscriber_id)
        .order_by(AttemptRow.id)
    )
    return [_attempt(row) for row in rows]


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        edition_id=row.edition_id,
        position=row.position,
        subscriber_id=row.subscriber_id,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        not_before=row.not_before,
        reason=row.reason,
    )


def _attempt(row: AttemptRow) -> Attempt:
    return Attempt(
        at=row.at,
        phase=Phase(row.phase),
        outcome=Verdict(row.outcome),
        code=row.code,
        enhanced=row.enhanced,
        text=row.text,
    )
