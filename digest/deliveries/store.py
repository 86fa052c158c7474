"""The ledger's SQL: freeze an audience, lease and claim its chunks, mark, settle, recover and count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, func, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from digest.deliveries.model import (
    TRANSITIONS,
    UNSETTLED,
    Attempt,
    Audience,
    Chunk,
    Delivery,
    DeliveryState,
    NoticeState,
    Phase,
    QueuedNotice,
    Settlement,
    Verdict,
)
from digest.deliveries.tables import AttemptRow, AudienceRow, ChunkRow, DeliveryRow, InstanceRow, NoticeRow
from digest.editions.model import EditionId
from digest.errors import BadMove, DigestError

CHUNK = 500
LOST_LEASE = "the worker stopped between the message and the server's answer"
_PAGE = 500  # bound parameters per statement; SQLite allows far more, query plans like fewer


class LeaseLost(DigestError):
    """Another worker has this chunk now; what was claimed from it must not be sent."""


# --- freeze ---------------------------------------------------------------------------------------------------


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


# --- lease and claim ------------------------------------------------------------------------------------------


def lease(
    session: Session, edition_ids: Sequence[EditionId], owner: str, *, now: datetime, lease_seconds: int
) -> Chunk | None:
    """Take the first chunk that is due and free, for `lease_seconds`; None when there is none.

    What a dead predecessor left in it is settled first: claimed goes back to pending, sending is uncertain.
    """
    if not edition_ids:
        return None
    row = session.scalar(
        select(ChunkRow)
        .where(ChunkRow.edition_id.in_(edition_ids), ChunkRow.finished_at.is_(None), ChunkRow.due_at <= now)
        .where(or_(ChunkRow.lease_until.is_(None), ChunkRow.lease_until <= now))
        .order_by(ChunkRow.edition_id, ChunkRow.first)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    if row.owner is not None:
        _settle_abandoned(session, row, now=now)
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
        raise LeaseLost(f"Another worker has taken over chunk {chunk.id} of edition {chunk.edition_id}.")


def claim(session: Session, chunk: Chunk, owner: str, *, limit: int, now: datetime) -> list[Delivery]:
    """The next pending deliveries of the chunk, now claimed; raises `LeaseLost` when it is no longer ours."""
    if not _held(session, chunk.edition_id, owner, now=now, chunk_id=chunk.id):
        raise LeaseLost(f"Another worker has taken over chunk {chunk.id} of edition {chunk.edition_id}.")
    due = (
        select(DeliveryRow.position)
        .where(_within(chunk), DeliveryRow.state == DeliveryState.PENDING)
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
        )
    ).all()
    return [
        Delivery(
            edition_id=chunk.edition_id,
            position=row.position,
            subscriber_id=row.subscriber_id,
            state=DeliveryState.CLAIMED,
            attempts=row.attempts,
            not_before=row.not_before,
        )
        for row in sorted(rows, key=lambda row: row.position)
    ]


def mark_sending(
    session: Session, edition_id: EditionId, positions: Sequence[int], owner: str, *, now: datetime
) -> set[int]:
    """Mark claimed deliveries as sending; only the returned ones may be sent, and only after the commit.

    A position whose chunk is no longer leased by `owner` is left alone.
    """
    held = _held(session, edition_id, owner, now=now)
    ours = [p for p in positions if any(first <= p <= last for first, last in held)]
    marked: set[int] = set()
    for page in _pages(ours):
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


# --- settle, release, recover ---------------------------------------------------------------------------------


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
    held = _held(session, edition_id, owner, now=None)
    simple: dict[DeliveryState, list[int]] = {}
    for result in results:
        ours = any(first <= result.position <= last for first, last in held)
        if result.state is DeliveryState.ACCEPTED and ours and not result.reason:
            simple.setdefault(result.before, []).append(result.position)
            continue
        _settle_one(session, edition_id, result, ours=ours)
    for before, positions in simple.items():
        for page in _pages(positions):
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
    evidence = [_attempt(edition_id, result, now=now) for result in results if result.outcome]
    if kept := [row for row in evidence if row["outcome"] != Verdict.ACCEPTED.value]:
        session.execute(insert(AttemptRow), kept)
    _keep_late_acceptances(session, [row for row in evidence if row["outcome"] == Verdict.ACCEPTED.value])


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
    _settle_abandoned(session, row, now=now)
    row.owner, row.lease_until = None, None
    _plan(session, row, now=now)
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
        _settle_abandoned(session, row, now=now)
        row.owner, row.lease_until = None, None
        _plan(session, row, now=now)
    session.flush()
    return len(rows)


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
        _plan(session, row, now=now)
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
    statement = update(DeliveryRow).where(
        DeliveryRow.edition_id == edition_id, DeliveryRow.state == DeliveryState.UNCERTAIN
    )
    if subscriber_id is not None:
        statement = statement.where(DeliveryRow.subscriber_id == subscriber_id)
    moved = session.scalars(
        statement.values(state=state.value, reason="resolved by a person", not_before=None).returning(
            DeliveryRow.position
        )
    ).all()
    if state is DeliveryState.PENDING:
        for page in _pages(sorted({(p - 1) // CHUNK * CHUNK + 1 for p in moved})):
            session.execute(
                update(ChunkRow)
                .where(ChunkRow.edition_id == edition_id, ChunkRow.first.in_(page))
                .values(finished_at=None, due_at=now)
            )
    return len(moved)


# --- look -----------------------------------------------------------------------------------------------------


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


def is_due(session: Session, edition_ids: Sequence[EditionId], *, now: datetime) -> bool:
    """True when a chunk of these editions could be leased at `now`."""
    if not edition_ids:
        return False
    found = session.scalar(
        select(ChunkRow.id)
        .where(ChunkRow.edition_id.in_(edition_ids), ChunkRow.finished_at.is_(None), ChunkRow.due_at <= now)
        .where(or_(ChunkRow.lease_until.is_(None), ChunkRow.lease_until <= now))
        .limit(1)
    )
    return found is not None


def delivery(session: Session, edition_id: EditionId, subscriber_id: int) -> Delivery | None:
    """The delivery of one edition to one subscriber, None when that person was not in its audience."""
    row = session.scalar(
        select(DeliveryRow).where(
            DeliveryRow.edition_id == edition_id, DeliveryRow.subscriber_id == subscriber_id
        )
    )
    if row is None:
        return None
    return Delivery(
        edition_id=row.edition_id,
        position=row.position,
        subscriber_id=row.subscriber_id,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        not_before=row.not_before,
        reason=row.reason,
    )


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


def attempts(session: Session, edition_id: EditionId, subscriber_id: int) -> list[Attempt]:
    """The tries at one delivery that were kept as evidence, oldest first."""
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
    return [
        Attempt(
            at=row.at,
            phase=Phase(row.phase),
            outcome=Verdict(row.outcome),
            code=row.code,
            enhanced=row.enhanced,
            text=row.text,
        )
        for row in rows
    ]


def chunks(session: Session, edition_id: EditionId) -> list[Chunk]:
    """The chunks of the edition that still have something to do, in order."""
    rows = session.scalars(
        select(ChunkRow)
        .where(ChunkRow.edition_id == edition_id, ChunkRow.finished_at.is_(None))
        .order_by(ChunkRow.first)
    )
    return [_chunk(row) for row in rows]


# --- notices --------------------------------------------------------------------------------------------------


def enqueue_notice(
    session: Session,
    *,
    key: str,
    publication: str,
    recipient: str,
    subject: str,
    html: str,
    text: str,
    now: datetime,
) -> bool:
    """Queue a message that is not an edition; False, and nothing done, when `key` was ever queued before."""
    if session.scalar(select(NoticeRow.id).where(NoticeRow.key == key)) is not None:
        return False
    values = {
        "key": key,
        "publication": publication,
        "recipient": recipient,
        "subject": subject,
        "html": html,
        "text": text,
        "state": NoticeState.QUEUED.value,
        "attempts": 0,
        "created_at": now,
        "reason": "",
    }
    upsert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    added = session.scalars(
        upsert(NoticeRow)
        .values(values)
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(NoticeRow.id)
    ).all()
    return bool(added)


def told(session: Session, keys: Sequence[str]) -> set[str]:
    """Those of these keys that were ever queued."""
    return set(session.scalars(select(NoticeRow.key).where(NoticeRow.key.in_(keys))))


def due_notices(
    session: Session, *, now: datetime, lease_seconds: int, limit: int = 50
) -> list[QueuedNotice]:
    """Take queued notices whose time has come, oldest first; they are out of others' reach for `lease_seconds`.

    A worker that dies with them in hand leaves them to be sent then: a notice told twice is better than none.
    """
    rows = session.scalars(
        select(NoticeRow)
        .where(NoticeRow.state == NoticeState.QUEUED)
        .where(or_(NoticeRow.not_before.is_(None), NoticeRow.not_before <= now))
        .order_by(NoticeRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.not_before = now + timedelta(seconds=lease_seconds)
    session.flush()
    return [
        QueuedNotice(
            id=row.id,
            key=row.key,
            publication=row.publication,
            recipient=row.recipient,
            subject=row.subject,
            html=row.html,
            text=row.text,
            attempts=row.attempts,
        )
        for row in rows
    ]


def settle_notice(
    session: Session,
    notice_id: int,
    state: NoticeState,
    *,
    reason: str = "",
    not_before: datetime | None = None,
) -> None:
    """Record what became of one try at a notice; `not_before` is when a queued one is tried again."""
    session.execute(
        update(NoticeRow)
        .where(NoticeRow.id == notice_id, NoticeRow.state == NoticeState.QUEUED)
        .values(state=state.value, reason=reason, not_before=not_before, attempts=NoticeRow.attempts + 1)
    )


# --- the instance that may send -------------------------------------------------------------------------------


def armed(session: Session) -> str | None:
    """The name of the installation that may send from this database; None before the first one."""
    return session.scalar(select(InstanceRow.name))


def arm(session: Session, name: str, *, now: datetime, only_first: bool = False) -> None:
    """Let the installation called `name`, and no other, send from this database.

    With `only_first` this only happens when no installation was ever armed.
    """
    upsert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = upsert(InstanceRow).values(id=1, name=name, armed_at=now)
    if only_first:
        session.execute(row.on_conflict_do_nothing(index_elements=["id"]))
        return
    session.execute(row.on_conflict_do_update(index_elements=["id"], set_={"name": name, "armed_at": now}))


# --- helpers --------------------------------------------------------------------------------------------------


def _before(state: DeliveryState) -> list[str]:
    """The states from which the table of transitions leads to `state`."""
    return [before.value for before, after in TRANSITIONS.items() if state in after]


def _within(chunk: Chunk | ChunkRow) -> Any:
    return and_(
        DeliveryRow.edition_id == chunk.edition_id, DeliveryRow.position.between(chunk.first, chunk.last)
    )


def _held(
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


def _keep_late_acceptances(session: Session, accepted: Sequence[dict[str, Any]]) -> None:
    """An acceptance is evidence only where an earlier try had failed."""
    if not accepted:
        return
    edition_id = accepted[0]["edition_id"]
    retried: set[int] = set()
    for page in _pages([row["position"] for row in accepted]):
        retried.update(
            session.scalars(
                select(AttemptRow.position)
                .where(AttemptRow.edition_id == edition_id, AttemptRow.position.in_(page))
                .distinct()
            )
        )
    if kept := [row for row in accepted if row["position"] in retried]:
        session.execute(insert(AttemptRow), kept)


def _settle_abandoned(session: Session, row: ChunkRow, *, now: datetime) -> None:
    """What the last owner of the chunk had in hand: unsent goes back, half-sent is uncertain, with a note of it."""
    session.execute(
        update(DeliveryRow)
        .where(_within(row), DeliveryRow.state == DeliveryState.CLAIMED)
        .values(state=DeliveryState.PENDING.value)
    )
    uncertain = session.scalars(
        update(DeliveryRow)
        .where(_within(row), DeliveryRow.state == DeliveryState.SENDING)
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


def _plan(session: Session, row: ChunkRow, *, now: datetime) -> None:
    """Finish the chunk, or say when it is next worth looking at."""
    left, at_once, first = session.execute(
        select(
            func.count(),
            func.count().filter(DeliveryRow.not_before.is_(None)),
            func.min(DeliveryRow.not_before),
        ).where(_within(row), DeliveryRow.state.in_([state.value for state in UNSETTLED]))
    ).one()
    if left == 0:
        row.finished_at = now
        return
    row.finished_at = None
    row.due_at = now if at_once or first is None else first


def _chunk(row: ChunkRow) -> Chunk:
    return Chunk(id=row.id, edition_id=row.edition_id, first=row.first, last=row.last)


def _pages(values: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), _PAGE):
        yield values[start : start + _PAGE]
