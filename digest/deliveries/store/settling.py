"""What becomes of each delivery: marked before it is sent, settled after, and the evidence of every try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists, insert, select, update
from sqlalchemy.orm import Session

from digest.database import pages
from digest.deliveries.model import TRANSITIONS, DeliveryState, Phase, Settlement, Verdict
from digest.deliveries.store.ranges import held_by, plan, within
from digest.deliveries.tables import AttemptRow, ChunkRow, DeliveryRow
from digest.editions.model import EditionId
from digest.errors import BadMove

LOST_LEASE = "the worker stopped between the message and the server's answer"


def mark_sending(
    session: Session, edition_id: EditionId, positions: Sequence[int], owner: str, *, now: datetime
) -> set[int]:
    """Mark claimed deliveries as sending; only the returned ones may be sent, and only after the commit.

    A position whose chunk is no longer leased by `owner` is left alone.
    """
    held = held_by(session, edition_id, owner, now=now)
    ours = [p for p in positions if any(first <= p <= last for first, last in held)]
    marked: set[int] = set()
    for page in pages(ours):
        marked.update(
            session.scalars(
                update(DeliveryRow)
                .where(DeliveryRow.edition_id == edition_id, DeliveryRow.position.in_(page))
                .where(DeliveryRow.state == DeliveryState.CLAIMED)
                .values(state=DeliveryState.SENDING.value)
                .returning(DeliveryRow.position)
            )
        )
    return marked


def settle(
    session: Session, edition_id: EditionId, results: Sequence[Settlement], owner: str, *, now: datetime
) -> None:
    """Record what became of claimed and sending deliveries, with the evidence of each try.

    A result that comes after the lease was lost only counts where it is knowledge: accepted, for a delivery
    that had been called uncertain. Raises `BadMove` for a move the table of transitions does not have.
    """
    for result in results:
        if result.state is not result.before and result.state not in TRANSITIONS[result.before]:
            raise BadMove(
                f"Delivery {edition_id}/{result.position} is {result.before}; it cannot become {result.state}."
            )
    held = held_by(session, edition_id, owner, now=None)
    simple: dict[DeliveryState, list[int]] = {}
    for result in results:
        ours = any(first <= result.position <= last for first, last in held)
        if result.state is DeliveryState.ACCEPTED and ours and not result.reason:
            simple.setdefault(result.before, []).append(result.position)
            continue
        _settle_one(session, edition_id, result, ours=ours)
    for before, positions in simple.items():
        for page in pages(positions):
            session.execute(
                update(DeliveryRow)
                .where(DeliveryRow.edition_id == edition_id, DeliveryRow.position.in_(page))
                .where(DeliveryRow.state.in_([before.value, DeliveryState.UNCERTAIN.value]))
                .values(
                    state=DeliveryState.ACCEPTED.value,
                    attempts=DeliveryRow.attempts + 1,
                    reason="",
                    not_before=None,
                )
            )
    if evidence := [_attempt(edition_id, result, now=now) for result in results if result.outcome]:
        session.execute(insert(AttemptRow), evidence)


def settle_abandoned(session: Session, row: ChunkRow, *, now: datetime) -> None:
    """What the last owner of the chunk had in hand: unsent goes back, half-sent is uncertain, with a note of it."""
    session.execute(
        update(DeliveryRow)
        .where(within(row), DeliveryRow.state == DeliveryState.CLAIMED)
        .values(state=DeliveryState.PENDING.value)
    )
    uncertain = session.scalars(
        update(DeliveryRow)
        .where(within(row), DeliveryRow.state == DeliveryState.SENDING)
        .values(
            state=DeliveryState.UNCERTAIN.value,
            attempts=DeliveryRow.attempts + 1,
            reason=LOST_LEASE,
            not_before=None,
        )
        .returning(DeliveryRow.position)
    ).all()
    if uncertain:
        session.execute(
            insert(AttemptRow),
            [
                {
                    "edition_id": row.edition_id,
                    "position": position,
                    "at": now,
                    "phase": Phase.BODY.value,
                    "outcome": Verdict.UNCERTAIN.value,
                    "code": None,
                    "enhanced": "",
                    "text": LOST_LEASE,
                }
                for position in uncertain
            ],
        )


def fail_pending(
    session: Session, edition_id: EditionId, reason: str, *, only_retries: bool = False, now: datetime
) -> int:
    """Give up what waits to be sent, or with `only_retries` what waits to be tried again; returns how many.

    What a worker holds at this moment is left to it.
    """
    tried = [DeliveryRow.attempts > 0] if only_retries else []
    failed = session.scalars(
        update(DeliveryRow)
        .where(DeliveryRow.edition_id == edition_id, DeliveryRow.state == DeliveryState.PENDING, *tried)
        .values(state=DeliveryState.FAILED.value, reason=reason, not_before=None)
        .returning(DeliveryRow.position)
    ).all()
    for row in session.scalars(
        select(ChunkRow)
        .where(ChunkRow.edition_id == edition_id, ChunkRow.finished_at.is_(None), ChunkRow.owner.is_(None))
        .with_for_update()
    ):
        plan(session, row, now=now)
    session.flush()
    return len(failed)


def resolve(
    session: Session,
    edition_id: EditionId,
    state: DeliveryState,
    *,
    subscriber_id: int | None = None,
    now: datetime,
) -> int:
    """Settle uncertain deliveries as a person decided: accepted, or pending to try again; returns how many."""
    if state not in TRANSITIONS[DeliveryState.UNCERTAIN]:
        raise BadMove(f"An uncertain delivery cannot become {state}.")
    meant = [DeliveryRow.edition_id == edition_id, DeliveryRow.state == DeliveryState.UNCERTAIN]
    if subscriber_id is not None:
        meant.append(DeliveryRow.subscriber_id == subscriber_id)
    # Chunks before deliveries, as workers lock them too, so that nobody waits in a circle.
    chunks = session.scalars(
        select(ChunkRow.id)
        .where(ChunkRow.edition_id == edition_id)
        .where(exists().where(*meant, DeliveryRow.position.between(ChunkRow.first, ChunkRow.last)))
        .order_by(ChunkRow.first)
        .with_for_update()
    ).all()
    moved = session.scalars(
        update(DeliveryRow)
        .where(*meant)
        .values(state=state.value, reason="resolved by a person", not_before=None)
        .returning(DeliveryRow.position)
    ).all()
    if state is DeliveryState.PENDING:
        for page in pages(chunks):
            session.execute(
                update(ChunkRow).where(ChunkRow.id.in_(page)).values(finished_at=None, due_at=now)
            )
    return len(moved)


def _settle_one(session: Session, edition_id: EditionId, result: Settlement, *, ours: bool) -> None:
    known = [result.before.value] if ours else []
    if result.state is DeliveryState.ACCEPTED:
        known.append(DeliveryState.UNCERTAIN.value)
    if not known:
        return
    tried = 1 if result.outcome and result.counts else 0
    session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.edition_id == edition_id, DeliveryRow.position == result.position)
        .where(DeliveryRow.state.in_(known))
        .values(
            state=result.state.value,
            reason=result.reason,
            not_before=result.not_before,
            attempts=DeliveryRow.attempts + tried,
        )
    )


def _attempt(edition_id: EditionId, result: Settlement, *, now: datetime) -> dict[str, Any]:
    outcome = result.outcome
    assert outcome
    return {
        "edition_id": edition_id,
        "position": result.position,
        "at": now,
        "phase": outcome.phase.value,
        "outcome": outcome.verdict.value,
        "code": outcome.reply.code,
        "enhanced": outcome.reply.enhanced,
        "text": outcome.reply.text,
    }
