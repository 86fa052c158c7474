"""Sources: which to visit now, what a visit is told, how it went, and how every source fares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from digest.database import insert_missing, is_postgres
from digest.posts.model import Fetched, FetchState, Memory, SourceHealth, SourceSpec
from digest.posts.packing import clean_text
from digest.posts.tables import SightingRow, SourceRow

KNOWN_IDS = 1_000
CONFIRMATIONS = 3
LONGEST_PAUSE = timedelta(hours=6)
LONGEST_WISH = timedelta(days=1)
AFTER_GONE = timedelta(days=7)
# A next visit farther away than any we set was set by a clock that was wrong.
_IMPLAUSIBLE = timedelta(days=8)
_VISIT = timedelta(minutes=5)
_RECORDING = 0x706F7374  # "post", the advisory lock that makes recording one at a time on PostgreSQL
_UNVISITED = {"title": "", "moved_times": 0, "last_error": "", "failures": 0, "warnings": []}


def due_sources(
    session: Session, specs: Sequence[SourceSpec], *, now: datetime, force: bool
) -> list[SourceSpec]:
    """The sources to visit now, each once; all of them with `force`.

    They are taken for five minutes, so that two collectors at once share them out; a visit that dies is made
    again after that.
    """
    wanted = {spec.key: spec for spec in specs}
    _register(session, wanted.values())
    rows = session.scalars(
        select(SourceRow)
        .where(SourceRow.key.in_(wanted), *(() if force else (_is_due(now),)))
        .order_by(SourceRow.id)
        .with_for_update(skip_locked=not force)
    ).all()
    for row in rows:
        row.next_try_at = now + _VISIT
    session.flush()
    taken = {row.key for row in rows}
    return [spec for key, spec in wanted.items() if key in taken]


def memory(session: Session, spec: SourceSpec) -> Memory:
    """What the last successful look left us; empty for a source not seen yet. Known ids are the latest 1,000."""
    row = session.scalar(select(SourceRow).where(SourceRow.key == spec.key))
    if row is None:
        return Memory()
    ids = session.scalars(
        select(SightingRow.external_id)
        .where(SightingRow.source_id == row.id)
        .order_by(SightingRow.id.desc())
        .limit(KNOWN_IDS)
    )
    return Memory(
        etag=row.etag,
        last_modified=row.last_modified,
        fetch_url=row.fetch_url,
        known_ids=frozenset(ids),
    )


def record_failure(
    session: Session, spec: SourceSpec, error: str, *, wait_seconds: int | None, gone: bool, now: datetime
) -> None:
    """Remember a failed look and when to try again: twice as late each time, up to six hours.

    A wait the source asked for is honoured up to a day; one that says it is gone for good is left for a week.
    An address adopted from redirects is given up after three failures in a row.
    """
    source = locked(session, spec)
    source.failures += 1
    source.last_attempt_at = now
    source.last_error = clean_text(error)
    interval = timedelta(seconds=spec.interval_seconds)
    pause = max(interval, min(interval * 2 ** min(source.failures - 1, 16), LONGEST_PAUSE))
    if wait_seconds:
        pause = max(pause, min(timedelta(seconds=max(wait_seconds, 0)), LONGEST_WISH))
    source.next_try_at = now + (max(pause, AFTER_GONE) if gone else pause)
    if source.failures >= CONFIRMATIONS and source.fetch_url:
        source.fetch_url = source.etag = source.last_modified = None
    session.flush()


def health(session: Session, specs: Sequence[SourceSpec]) -> list[SourceHealth]:
    """How each source fares, in the order given; one never visited has no dates."""
    rows = {
        r.key: r for r in session.scalars(select(SourceRow).where(SourceRow.key.in_([s.key for s in specs])))
    }
    counted = session.execute(
        select(SightingRow.source_id, func.count())
        .where(SightingRow.source_id.in_([row.id for row in rows.values()]))
        .group_by(SightingRow.source_id)
    )
    counts = {source_id: number for source_id, number in counted}  # noqa: C416  rows are not pairs to mypy
    return [_health(spec, rows.get(spec.key), counts) for spec in specs]


def locked(session: Session, spec: SourceSpec) -> SourceRow:
    """This source's row, with the right to write posts: two sources may bring the same new post at once."""
    one_at_a_time(session)
    _register(session, [spec])
    return session.scalars(
        select(SourceRow)
        .where(SourceRow.key == spec.key)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def one_at_a_time(session: Session) -> None:
    """Wait for the right to write what is known of posts; it ends with the transaction. SQLite gives it anyway."""
    if is_postgres(session):
        session.execute(select(func.pg_advisory_xact_lock(_RECORDING)))


def note_success(source: SourceRow, spec: SourceSpec, fetched: Fetched, *, now: datetime) -> None:
    """Remember that a look succeeded, what it left for the next one, and when that is to be."""
    if fetched.state is FetchState.OK:
        source.etag = fetched.etag
        source.last_modified = fetched.last_modified
        source.title = clean_text(fetched.title) or source.title
        source.warnings = [clean_text(w) for w in fetched.warnings]
    source.last_attempt_at = source.last_success_at = now
    source.last_error = ""
    source.failures = 0
    interval = timedelta(seconds=spec.interval_seconds)
    wish = timedelta(seconds=max(fetched.wait_seconds or 0, 0))
    source.next_try_at = now + max(interval, min(wish, LONGEST_PAUSE))
    _note_redirect(source, fetched.permanent_url)


def _register(session: Session, specs: Iterable[SourceSpec]) -> None:
    values = [{"key": s.key, "kind": s.kind, "url": s.url, **_UNVISITED} for s in specs]
    insert_missing(session, SourceRow, values)


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(
        SourceRow.next_try_at.is_(None),
        SourceRow.next_try_at <= now,
        SourceRow.next_try_at > now + _IMPLAUSIBLE,
    )


def _note_redirect(source: SourceRow, permanent_url: str | None) -> None:
    """Adopt a new address only when the server said so three times in a row: a hijacked minute must not stick."""
    if permanent_url is None or permanent_url in {source.url, source.fetch_url}:
        source.moved_to, source.moved_times = None, 0
        return
    source.moved_times = source.moved_times + 1 if source.moved_to == permanent_url else 1
    source.moved_to = permanent_url
    if source.moved_times >= CONFIRMATIONS:
        source.fetch_url, source.moved_to, source.moved_times = permanent_url, None, 0


def _health(spec: SourceSpec, row: SourceRow | None, counts: dict[int, int]) -> SourceHealth:
    if row is None:
        return SourceHealth(key=spec.key, kind=spec.kind, url=spec.url)
    return SourceHealth(
        key=spec.key,
        kind=spec.kind,
        url=spec.url,
        last_success_at=row.last_success_at,
        last_attempt_at=row.last_attempt_at,
        last_error=row.last_error,
        failures=row.failures,
        next_try_at=row.next_try_at,
        posts=counts.get(row.id, 0),
        warnings=tuple(row.warnings),
    )
