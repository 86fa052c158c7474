"""The engine's own tables, in a schema of their own: which chunks wait there, or are in somebody's hands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

SCHEMA = "digest_engine"
_WAITS = text(
    "SELECT EXISTS (SELECT 1 FROM digest_engine.procrastinate_jobs WHERE queue_name = :queue AND status = 'todo'"
    " AND (scheduled_at IS NULL OR scheduled_at <= now()))"
)
_KNOWN = text(
    "SELECT (args->>'chunk_id')::bigint FROM digest_engine.procrastinate_jobs"
    " WHERE queue_name = :queue AND status IN ('todo', 'doing')"
)
_FORGET = text("DELETE FROM digest_engine.procrastinate_jobs WHERE queue_name = :queue AND status = 'todo'")
# Any two numbers that nothing else in the database locks; two offers at once must not double what they offer.
_LOCK = text("SELECT pg_advisory_xact_lock(1684629353, hashtext(:queue))")


def missing(session: Session, queue: str, chunk_ids: Sequence[int]) -> list[int]:
    """Those of the chunks that are neither waiting nor in hand; nobody else offers any until this transaction ends."""
    known = set(session.scalars(_KNOWN, {"queue": queue}))
    if known.issuperset(chunk_ids):
        return []
    session.execute(_LOCK, {"queue": queue})
    known = set(session.scalars(_KNOWN, {"queue": queue}))
    return [chunk_id for chunk_id in chunk_ids if chunk_id not in known]


def has_waiting(session: Session, queue: str) -> bool:
    """Whether somebody could take a chunk just now."""
    return bool(session.scalar(_WAITS, {"queue": queue}))


def forget(session: Session, queue: str) -> None:
    """Delete what waits."""
    with raw(session):  # a trigger of the library's does its part
        session.execute(_FORGET, {"queue": queue})


@contextmanager
def raw(session: Session) -> Iterator[Any]:
    """The driver's connection in the session's transaction, for the library, which names its tables without a schema."""
    session.execute(text(f"SET LOCAL search_path TO {SCHEMA}, public"))
    yield session.connection().connection.driver_connection
    session.execute(text("SET LOCAL search_path TO DEFAULT"))
