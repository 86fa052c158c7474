"""What the world published, as we keep it: whose post is whose, what is new, and how every source fares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from digest.posts.identity import Matched, keys_of, match
from digest.posts.model import (
    Fetched,
    FetchState,
    Memory,
    Post,
    PostId,
    SourceHealth,
    SourceSpec,
    StoredPost,
)
from digest.posts.packing import clean_text, pack_event, pack_image, storable, unpack_event, unpack_image
from digest.posts.tables import PostKeyRow, PostRow, SightingRow, SourceRow

T = TypeVar("T")

KNOWN_IDS = 1_000
CONFIRMATIONS = 3
LONGEST_PAUSE = timedelta(hours=6)
LONGEST_WISH = timedelta(days=1)
AFTER_GONE = timedelta(days=7)
# A next visit farther away than any we set was set by a clock that was wrong.
_IMPLAUSIBLE = timedelta(days=8)
_VISIT = timedelta(minutes=5)
_SILENT = timedelta(days=1)
_PAGE = 500
_RECORDING = 0x706F7374  # "post", the advisory lock that makes recording one at a time on PostgreSQL


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What one look changed: posts this source had not shown before, and known ones that were edited.

    `first` is True at the source's first successful look. All in the source's order.
    """

    new: tuple[PostId, ...] = ()
    changed: tuple[PostId, ...] = ()
    first: bool = False


# --- visits ---------------------------------------------------------------------------------------------------


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


def record(session: Session, spec: SourceSpec, fetched: Fetched, *, now: datetime) -> Recorded:
    """Keep what a look brought back; recording the same look twice changes nothing.

    A post is known again by its id at this source or by its address, so edits, new dates, a new guid or a new
    link do not make it new; a post that a source no longer shows is left alone.
    """
    source = _locked(session, spec)
    first = source.last_success_at is None
    _note_success(source, spec, fetched, now=now)
    if fetched.state is FetchState.UNCHANGED or not fetched.posts:
        session.flush()
        return Recorded(first=first)
    told = [storable(post) for post in fetched.posts]
    rows = _rows(session, source, told, _match(session, spec, told), now=now)
    first_told = {row.id: (post, row) for post, row in zip(reversed(told), reversed(rows), strict=True)}
    ours = [first_told[post_id] for post_id in dict.fromkeys(row.id for row in rows)]
    changed = tuple(row.id for post, row in ours if _update(session, source, post, row, now=now))
    new = _sight(session, source, ours, now=now)
    session.flush()
    return Recorded(new=new, changed=changed, first=first)


def record_failure(
    session: Session, spec: SourceSpec, error: str, *, wait_seconds: int | None, gone: bool, now: datetime
) -> None:
    """Remember a failed look and when to try again: twice as late each time, up to six hours.

    A wait the source asked for is honoured up to a day; one that says it is gone for good is left for a week.
    An address adopted from redirects is given up after three failures in a row.
    """
    source = _locked(session, spec)
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


# --- posts ----------------------------------------------------------------------------------------------------


def posts(session: Session, ids: Sequence[PostId]) -> dict[PostId, StoredPost]:
    """The posts with these ids; one that does not exist is missing from the answer."""
    found = {}
    for page in _pages(ids):
        rows = session.execute(
            select(PostRow, SourceRow.key)
            .join(SourceRow, SourceRow.id == PostRow.source_id)
            .where(PostRow.id.in_(page))
        )
        found.update({row.id: _stored(row, key) for row, key in rows})
    return found


def posts_of(session: Session, spec: SourceSpec) -> list[PostId]:
    """Every post this source ever showed, the newest first; posts without a date come last, in its own order."""
    rows = session.execute(
        select(PostRow.id, PostRow.published_at, PostRow.seen_at, SightingRow.id)
        .join(SightingRow, SightingRow.post_id == PostRow.id)
        .join(SourceRow, SourceRow.id == SightingRow.source_id)
        .where(SourceRow.key == spec.key)
    ).all()

    order = [
        (published is None, -min(published or seen, seen).timestamp(), sighting, post_id)
        for post_id, published, seen, sighting in rows
    ]
    return [post_id for *_, post_id in sorted(order)]


def shown_by(session: Session, ids: Sequence[PostId]) -> dict[PostId, frozenset[str]]:
    """The keys of all the sources that showed each post."""
    found: dict[PostId, set[str]] = {}
    for page in _pages(ids):
        rows = session.execute(
            select(SightingRow.post_id, SourceRow.key)
            .join(SourceRow, SourceRow.id == SightingRow.source_id)
            .where(SightingRow.post_id.in_(page))
        )
        for post_id, key in rows:
            found.setdefault(post_id, set()).add(key)
    return {post_id: frozenset(keys) for post_id, keys in found.items()}


def mark_gone(session: Session, ids: Sequence[PostId], now: datetime) -> None:
    """Remember that these posts' pages answered 404 or 410; being shown by a source again undoes it."""
    for page in _pages(ids):
        session.execute(
            update(PostRow).where(PostRow.id.in_(page), PostRow.gone_at.is_(None)).values(gone_at=now)
        )


# --- sources, privately ---------------------------------------------------------------------------------------


def _register(session: Session, specs: Iterable[SourceSpec]) -> None:
    values = [{"key": s.key, "kind": s.kind, "url": s.url, **_UNVISITED} for s in specs]
    if values:
        insert = postgresql.insert if _is_postgres(session) else sqlite.insert
        session.execute(insert(SourceRow).values(values).on_conflict_do_nothing(index_elements=["key"]))


_UNVISITED = {"title": "", "moved_times": 0, "last_error": "", "failures": 0, "warnings": []}


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(
        SourceRow.next_try_at.is_(None),
        SourceRow.next_try_at <= now,
        SourceRow.next_try_at > now + _IMPLAUSIBLE,
    )


def _locked(session: Session, spec: SourceSpec) -> SourceRow:
    """This source's row, with the right to write posts: two sources may bring the same new post at once."""
    if _is_postgres(session):
        session.execute(select(func.pg_advisory_xact_lock(_RECORDING)))
    _register(session, [spec])
    return session.scalars(
        select(SourceRow)
        .where(SourceRow.key == spec.key)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _is_postgres(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _note_success(source: SourceRow, spec: SourceSpec, fetched: Fetched, *, now: datetime) -> None:
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


# --- posts, privately -----------------------------------------------------------------------------------------


def _match(session: Session, spec: SourceSpec, told: Sequence[Post]) -> Matched:
    """Whose each post is; keys that turned out to be shared are taken from the posts that had them."""
    keys = [keys_of(spec, post) for post in told]
    known: dict[str, PostId | None] = {}
    for page in _pages(sorted({key for one in keys for key in one.all()})):
        found = session.execute(
            select(PostKeyRow.digest, PostKeyRow.post_id).where(PostKeyRow.digest.in_(page))
        )
        known.update((digest, post_id) for digest, post_id in found)
    matched = match(told, keys, known)
    disowned = [key for key in matched.shared if known.get(key) is not None]
    for page in _pages(disowned):
        session.execute(update(PostKeyRow).where(PostKeyRow.digest.in_(page)).values(post_id=None))
    session.add_all(PostKeyRow(digest=key, post_id=None) for key in matched.shared if key not in known)
    return matched


def _rows(
    session: Session, source: SourceRow, told: Sequence[Post], matched: Matched, *, now: datetime
) -> list[PostRow]:
    """The row of each post told, with its keys; rows of new posts are made."""
    by_owner: dict[int, PostRow] = {}
    for page in _pages(sorted({owner for owner in matched.owners if owner > 0})):
        by_owner.update((r.id, r) for r in session.scalars(select(PostRow).where(PostRow.id.in_(page))))
    for post, owner in zip(told, matched.owners, strict=True):
        if owner not in by_owner:
            row = by_owner[owner] = PostRow(source_id=source.id, seen_at=now)
            _write(row, post)
            session.add(row)
    session.flush()
    session.add_all(PostKeyRow(digest=key, post_id=by_owner[owner].id) for key, owner in matched.keys.items())
    return [by_owner[owner] for owner in matched.owners]


def _update(session: Session, source: SourceRow, post: Post, row: PostRow, *, now: datetime) -> bool:
    """Write what the source now says of a post; returns whether a reader would see a difference.

    Two sources may word one post differently, so only the one that showed it first is heard, while it answers.
    """
    row.gone_at = None
    if row.source_id != source.id:
        owner = session.get_one(SourceRow, row.source_id)
        if owner.last_success_at is not None and owner.last_success_at > now - _SILENT:
            return False
        row.source_id = source.id
    edited = post.fingerprint != row.fingerprint
    if edited:
        row.changed_at = now
    _write(row, post)
    return edited


def _sight(
    session: Session, source: SourceRow, ours: Sequence[tuple[Post, PostRow]], *, now: datetime
) -> tuple[PostId, ...]:
    """Note which posts this source shows; returns those it had not shown before."""
    known: dict[PostId, SightingRow] = {}
    for page in _pages([row.id for _post, row in ours]):
        found = session.scalars(
            select(SightingRow).where(SightingRow.source_id == source.id, SightingRow.post_id.in_(page))
        )
        known.update((sighting.post_id, sighting) for sighting in found)
    new = []
    for post, row in ours:
        if row.id in known:
            known[row.id].external_id = post.external_id
            continue
        session.add(
            SightingRow(source_id=source.id, post_id=row.id, external_id=post.external_id, first_at=now)
        )
        new.append(row.id)
    return tuple(new)


def _write(row: PostRow, post: Post) -> None:
    row.external_id = post.external_id
    row.url = post.url
    row.title = post.title
    row.summary = post.summary
    row.body = post.body
    row.published_at = post.published_at
    row.updated_at = post.updated_at
    row.author = post.author
    row.categories = list(post.categories)
    row.language = post.language
    row.image = pack_image(post.image)
    row.event = pack_event(post.event)
    row.warnings = list(post.warnings)
    row.fingerprint = post.fingerprint


def _stored(row: PostRow, source_key: str) -> StoredPost:
    post = Post(
        external_id=row.external_id,
        url=row.url,
        title=row.title,
        summary=row.summary,
        body=row.body,
        published_at=row.published_at,
        updated_at=row.updated_at,
        author=row.author,
        categories=tuple(row.categories),
        language=row.language,
        image=unpack_image(row.image),
        event=unpack_event(row.event),
        warnings=tuple(row.warnings),
    )
    return StoredPost(
        id=row.id,
        post=post,
        source_key=source_key,
        seen_at=row.seen_at,
        changed_at=row.changed_at,
        gone_at=row.gone_at,
    )


def _pages(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _PAGE):
        yield values[start : start + _PAGE]
