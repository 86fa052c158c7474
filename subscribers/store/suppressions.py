"""Suppressions: keyed hashes of addresses that are never mailed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from subscribers.model import Suppression, SuppressionReason
from subscribers.store.statements import among, insert_new
from subscribers.tables import SuppressionRow


def suppressions(session: Session, hashes: Sequence[str]) -> list[Suppression]:
    """What is recorded against one address, under any of its hashes."""
    query = (
        select(SuppressionRow.reason, func.min(SuppressionRow.at))
        .where(SuppressionRow.address_hash.in_(hashes))
        .group_by(SuppressionRow.reason)
        .order_by(func.min(SuppressionRow.at), SuppressionRow.reason)
    )
    return [Suppression(reason=SuppressionReason(reason), at=at) for reason, at in session.execute(query)]


def suppressed_hashes(session: Session, hashes: Sequence[str]) -> dict[str, SuppressionReason]:
    """Which of these hashes are suppressed, each with a reason."""
    query = select(SuppressionRow.address_hash, SuppressionRow.reason).where(
        among(session, SuppressionRow.address_hash, hashes)
    )
    return {address_hash: SuppressionReason(reason) for address_hash, reason in session.execute(query)}


def any_suppressed(session: Session) -> bool:
    """Whether there is any suppression at all."""
    return session.scalars(select(SuppressionRow.id).limit(1)).first() is not None


def insert_suppressions(session: Session, found: Mapping[str, SuppressionReason], *, at: datetime) -> None:
    """Record suppressions by hash; one that is there already keeps its first date."""
    if found:
        rows = [{"address_hash": h, "reason": reason.value, "at": at} for h, reason in found.items()]
        session.execute(insert_new(session, SuppressionRow), rows)
