"""Which editions somebody has had, as the ledger knows it: accepted counts, uncertain too, and what is under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, select
from sqlalchemy.orm import Session

from digest.database import pages
from digest.deliveries.model import UNSETTLED, DeliveryState
from digest.deliveries.tables import DeliveryRow
from digest.editions.model import EditionId

# What came back as undeliverable was not had. What is still under way will be, or a newer edition takes its place.
HAD = frozenset({DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN, DeliveryState.COMPLAINED, *UNSETTLED})
_HAD = sorted(state.value for state in HAD)


def latest_had(
    session: Session, subscriber_ids: Sequence[int], edition_ids: Sequence[EditionId]
) -> dict[int, EditionId]:
    """The first of these editions, in the order given, that each subscriber had; those who had none are missing."""
    found: dict[int, EditionId] = {}
    # Almost everybody had the latest one, so only the others are looked for any further.
    for asked in (edition_ids[:1], edition_ids[1:]):
        left = [number for number in subscriber_ids if number not in found]
        for page in pages(left) if asked else ():
            rows = session.execute(
                select(DeliveryRow.subscriber_id, DeliveryRow.edition_id).where(
                    DeliveryRow.edition_id.in_(asked),
                    DeliveryRow.subscriber_id.in_(page),
                    DeliveryRow.state.in_(_HAD),
                )
            )
            place = {edition_id: n for n, edition_id in enumerate(asked)}
            for subscriber_id, edition_id in rows:
                known = found.get(subscriber_id)
                if known is None or place[edition_id] < place[known]:
                    found[subscriber_id] = edition_id
    return found


def due(
    session: Session, readers: Select[Any, Any], *, had: Mapping[str, Sequence[EditionId]], default: str
) -> tuple[Select[Any], int]:
    """Those of `readers` whose turn it is, and how many have to wait.

    `readers` yields `subscriber_id` and `frequency`, each subscriber once. `had` says for each frequency which editions
    of its present period make somebody wait who had one; other frequencies than these count as `default`.
    """
    asked = readers.subquery()
    theirs: list[ColumnElement[bool]] = []
    for frequency, edition_ids in had.items():
        wishes = asked.c.frequency == frequency
        if frequency == default:
            wishes = asked.c.frequency.not_in([other for other in had if other != frequency])
        mine = exists().where(
            DeliveryRow.subscriber_id == asked.c.subscriber_id,
            DeliveryRow.edition_id.in_(edition_ids),
            DeliveryRow.state.in_(_HAD),
        )
        if edition_ids:
            theirs.append(and_(wishes, mine))
    everybody = select(asked.c.subscriber_id)
    if not theirs:
        return everybody, 0
    chosen = everybody.where(*(not_(one) for one in theirs))
    total, now = (
        session.scalar(select(func.count()).select_from(query.subquery())) or 0
        for query in (everybody, chosen)
    )
    return chosen, total - now
