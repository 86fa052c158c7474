"""The ledger's fastest statement: what was accepted is settled and what leaves next is marked, in one transaction.

It runs several hundred times a second beside the conversations, so it speaks to the driver itself: on SQLite at once,
which takes less than handing it to a thread, on PostgreSQL as one statement that nobody waits for idly.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from digest.database import Database
from digest.deliveries.model import Settlement
from digest.editions.model import EditionId

if TYPE_CHECKING:  # an extra, where the database is PostgreSQL
    from psycopg import AsyncConnection

_PATIENCE_MS = 30_000


class Turned(NamedTuple):
    """Which positions are marked now, and which of the accepted ones were settled; the others are not ours."""

    marked: set[int]
    settled: set[int]


class Turns(Protocol):
    """One edition's fast lane to the ledger; used by one task at a time."""

    async def commit(
        self, accepted: Sequence[Settlement], marks: Sequence[int], chunks: Sequence[int]
    ) -> Turned:
        """Settle messages that were being sent as accepted, with their evidence, and mark claimed deliveries as
        sending; durable when it returns. Only what lies in those of `chunks` that are ours is touched.
        """

    async def close(self) -> None:
        """Give the connection back."""


def turns(
    database: Database,
    edition_id: EditionId,
    owner: str,
    *,
    clock: Callable[[], datetime],
    survives: str = "power loss",
) -> Turns:
    """The turns of one edition's ledger; what they commit `survives` a power loss, or only a crash."""
    kind = _SqliteTurns if database.is_sqlite else _PostgresTurns
    return kind(database, edition_id, owner, clock, synchronous=survives == "power loss")


class _SqliteTurns:
    def __init__(
        self,
        database: Database,
        edition_id: EditionId,
        owner: str,
        clock: Callable[[], datetime],
        *,
        synchronous: bool,
    ) -> None:
        self._database = database
        self._edition_id = edition_id
        self._owner = owner
        self._clock = clock
        self._level = "FULL" if synchronous else "NORMAL"
        self._pooled: Any = None
        self._raw: sqlite3.Connection | None = None

    async def commit(
        self, accepted: Sequence[Settlement], marks: Sequence[int], chunks: Sequence[int]
    ) -> Turned:
        try:
            return self._turn(accepted, marks, chunks)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            return await asyncio.to_thread(self._patiently, accepted, marks, chunks)

    async def close(self) -> None:
        if self._raw is not None:
            self._raw.execute("PRAGMA synchronous=FULL")
            self._raw.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
            self._pooled.close()
            self._pooled = self._raw = None

    def _patiently(
        self, accepted: Sequence[Settlement], marks: Sequence[int], chunks: Sequence[int]
    ) -> Turned:
        """The same, waiting for whoever writes just now."""
        raw = self._connection()
        raw.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
        try:
            return self._turn(accepted, marks, chunks)
        finally:
            raw.execute("PRAGMA busy_timeout=0")

    def _turn(self, accepted: Sequence[Settlement], marks: Sequence[int], chunks: Sequence[int]) -> Turned:
        raw = self._connection()
        now, edition = self._clock().astimezone(UTC).strftime(_STORED), self._edition_id
        raw.execute("BEGIN IMMEDIATE")
        try:
            held = raw.execute(_HELD + _in(chunks), (now, self._owner, *chunks)).fetchall()
            done = [one for one in accepted if _is_within(one.position, held)]
            raw.executemany(
                "UPDATE deliveries SET state = 'accepted', attempts = attempts + 1, reason = '', not_before = NULL"
                " WHERE edition_id = ? AND position = ? AND state IN ('sending', 'uncertain')",
                [(edition, one.position) for one in done],
            )
            raw.executemany(
                "INSERT INTO delivery_attempts (edition_id, position, at, phase, outcome, code, enhanced, text)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(edition, one.position, now, *_evidence(one)) for one in done],
            )
            ours = [p for p in marks if _is_within(p, [chunk for chunk in held if chunk[2]])]
            marked = raw.execute(_MARK + _in(ours) + " RETURNING position", (edition, *ours)).fetchall()
            raw.execute("COMMIT")
        except BaseException:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            raise
        return Turned({row[0] for row in marked}, {one.position for one in done})

    def _connection(self) -> sqlite3.Connection:
        if self._raw is None:
            self._pooled = self._database.engine.raw_connection()
            self._raw = self._pooled.driver_connection
            assert self._raw
            self._raw.execute(f"PRAGMA synchronous={self._level}")
            self._raw.execute("PRAGMA busy_timeout=0")
        return self._raw


class _PostgresTurns:
    def __init__(
        self,
        database: Database,
        edition_id: EditionId,
        owner: str,
        clock: Callable[[], datetime],
        *,
        synchronous: bool,
    ) -> None:
        self._database = database
        self._edition_id = edition_id
        self._owner = owner
        self._clock = clock
        self._level = "on" if synchronous else "off"
        self._raw: AsyncConnection[Any] | None = None

    async def commit(
        self, accepted: Sequence[Settlement], marks: Sequence[int], chunks: Sequence[int]
    ) -> Turned:
        raw = await self._connection()
        evidence = [_evidence(one) for one in accepted]
        columns = list(zip(*evidence, strict=True)) or [(), (), (), (), ()]
        phases, verdicts, codes, enhanced, texts = ([*column] for column in columns)
        cursor = await raw.execute(
            _ONE_STATEMENT,
            {
                "edition": self._edition_id,
                "owner": self._owner,
                "now": self._clock(),
                "chunks": [*chunks],
                "positions": [one.position for one in accepted],
                "phases": phases,
                "verdicts": verdicts,
                "codes": codes,
                "enhanced": enhanced,
                "texts": texts,
                "marks": [*marks],
            },
            prepare=True,
        )
        rows = await cursor.fetchall()
        return Turned({p for p, marked in rows if marked}, {p for p, marked in rows if not marked})

    async def close(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            await raw.close()

    async def _connection(self) -> AsyncConnection[Any]:
        if self._raw is None or self._raw.closed:
            from psycopg import AsyncConnection

            engine = self._database.engine
            _none, options = engine.dialect.create_connect_args(engine.url)
            self._raw = await AsyncConnection.connect(**options, autocommit=True)
            # What is asked for is always a few rows by their key, also while nobody has counted the new ones yet.
            for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin"):
                await self._raw.execute(f"SET {setting} = off")
            await self._raw.execute(f"SET synchronous_commit = {self._level}")
        return self._raw


_STORED = "%Y-%m-%d %H:%M:%S.%f"  # as SQLAlchemy keeps moments in SQLite
_HELD = "SELECT first, last, lease_until > ? FROM delivery_chunks WHERE owner = ? AND id"
_MARK = "UPDATE deliveries SET state = 'sending' WHERE edition_id = ? AND state = 'claimed' AND position"
_ONE_STATEMENT = """
WITH held AS MATERIALIZED (
    SELECT first, last, lease_until > %(now)s AS fresh FROM delivery_chunks
    WHERE id = ANY(%(chunks)s::bigint[]) AND owner = %(owner)s FOR SHARE
), done AS MATERIALIZED (
    SELECT d.* FROM unnest(
        %(positions)s::int[], %(phases)s::text[], %(verdicts)s::text[], %(codes)s::int[], %(enhanced)s::text[],
        %(texts)s::text[]
    ) AS d (position, phase, outcome, code, enhanced, text)
    WHERE EXISTS (SELECT FROM held WHERE d.position BETWEEN held.first AND held.last)
), settled AS (
    UPDATE deliveries SET state = 'accepted', attempts = attempts + 1, reason = '', not_before = NULL FROM done
    WHERE deliveries.edition_id = %(edition)s AND deliveries.position = done.position
    AND deliveries.state IN ('sending', 'uncertain')
), proved AS (
    INSERT INTO delivery_attempts (edition_id, position, at, phase, outcome, code, enhanced, text)
    SELECT %(edition)s, position, %(now)s, phase, outcome, code, enhanced, text FROM done
), marked AS (
    UPDATE deliveries SET state = 'sending' FROM unnest(%(marks)s::int[]) AS m (position)
    WHERE deliveries.edition_id = %(edition)s AND deliveries.position = m.position
    AND deliveries.state = 'claimed'
    AND EXISTS (SELECT FROM held WHERE held.fresh AND m.position BETWEEN held.first AND held.last)
    RETURNING deliveries.position
)
SELECT position, true FROM marked UNION ALL SELECT position, false FROM done
"""


def _evidence(result: Settlement) -> tuple[str, str, int | None, str, str]:
    outcome = result.outcome
    assert outcome
    reply = outcome.reply
    return outcome.phase.value, outcome.verdict.value, reply.code, reply.enhanced, reply.text


def _is_within(position: int, chunks: Sequence[tuple[Any, ...]]) -> bool:
    return any(chunk[0] <= position <= chunk[1] for chunk in chunks)


def _in(values: Sequence[int]) -> str:
    return f" IN ({', '.join('?' * len(values))})"
