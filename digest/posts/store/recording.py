"""What a look at a source brought back: whose post each is, which are new, and which were edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from digest.database import pages
from digest.posts.identity import Matched, keys_of, match
from digest.posts.model import Fetched, FetchState, Post, PostId, SourceSpec
from digest.posts.packing import pack_event, pack_image, storable
from digest.posts.store.visits import locked, note_success
from digest.posts.tables import PostKeyRow, PostRow, SightingRow, SourceRow

_SILENT = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What one look changed: posts this source had not shown before, and known ones that were edited.

    `first` is True at the source's first successful look. All in the source's order.
    """

    new: tuple[PostId, ...] = ()
    changed: tuple[PostId, ...] = ()
    first: bool = False


def record(session: Session, spec: SourceSpec, fetched: Fetched, *, now: datetime) -> Recorded:
    """Keep what a look brought back; recording the same look twice changes nothing.

    A post is known again by its id at this source or by its address, so edits, new dates, a new guid or a new
    link do not make it new; a post that a source no longer shows is left alone.
    """
    source = locked(session, spec)
    first = source.last_success_at is None
    note_success(source, spec, fetched, now=now)
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


def mark_gone(session: Session, ids: Sequence[PostId], now: datetime) -> None:
    """Remember that these posts' pages answered 404 or 410; being shown by a source again undoes it."""
    for page in pages(ids):
        session.execute(
            update(PostRow).where(PostRow.id.in_(page), PostRow.gone_at.is_(None)).values(gone_at=now)
        )


def _match(session: Session, spec: SourceSpec, told: Sequence[Post]) -> Matched:
    """Whose each post is; keys that turned out to be shared are taken from the posts that had them."""
    keys = [keys_of(spec, post) for post in told]
    known: dict[str, PostId | None] = {}
    for page in pages(sorted({key for one in keys for key in one.all()})):
        found = session.execute(
            select(PostKeyRow.digest, PostKeyRow.post_id).where(PostKeyRow.digest.in_(page))
        )
        known.update((digest, post_id) for digest, post_id in found)
    matched = match(told, keys, known)
    disowned = [key for key in matched.shared if known.get(key) is not None]
    for page in pages(disowned):
        session.execute(update(PostKeyRow).where(PostKeyRow.digest.in_(page)).values(post_id=None))
    session.add_all(PostKeyRow(digest=key, post_id=None) for key in matched.shared if key not in known)
    return matched


def _rows(
    session: Session, source: SourceRow, told: Sequence[Post], matched: Matched, *, now: datetime
) -> list[PostRow]:
    """The row of each post told, with its keys; rows of new posts are made."""
    by_owner: dict[int, PostRow] = {}
    for page in pages(sorted({owner for owner in matched.owners if owner > 0})):
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
        if post.event is not None and (row.event is None or row.event_source_id == source.id):
            return _tell_event(source, post, row, now=now)
        owner = session.get_one(SourceRow, row.source_id)
        if owner.last_success_at is not None and owner.last_success_at > now - _SILENT:
            return False
        row.source_id = source.id
    edited = post.fingerprint != row.fingerprint
    if edited:
        row.changed_at = now
    _write(row, post)
    return edited


def _tell_event(source: SourceRow, post: Post, row: PostRow, *, now: datetime) -> bool:
    """A calendar that shows another source's post knows more of its date, and is heard for that alone."""
    packed = pack_event(post.event)
    changed = packed != row.event
    row.event, row.event_source_id = packed, source.id
    if changed:
        row.changed_at = now
    return changed


def _sight(
    session: Session, source: SourceRow, ours: Sequence[tuple[Post, PostRow]], *, now: datetime
) -> tuple[PostId, ...]:
    """Note which posts this source shows; returns those it had not shown before."""
    known: dict[PostId, SightingRow] = {}
    for page in pages([row.id for _post, row in ours]):
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
    if post.event is not None or row.event_source_id in {None, row.source_id}:
        row.event, row.event_source_id = pack_event(post.event), row.source_id
    row.warnings = list(post.warnings)
    row.fingerprint = post.fingerprint
