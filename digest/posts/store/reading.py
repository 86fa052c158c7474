"""Posts as we keep them: by their ids, by the source that showed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from digest.database import pages
from digest.posts.model import Post, PostId, SourceSpec, StoredPost
from digest.posts.packing import unpack_event, unpack_image, unpack_page, unpack_staff
from digest.posts.tables import EventRow, PageRow, PostRow, SightingRow, SourceRow, StaffFactsRow


def posts(session: Session, ids: Sequence[PostId]) -> dict[PostId, StoredPost]:
    """The posts with these ids; one that does not exist is missing from the answer."""
    found = {}
    for page in pages(ids):
        rows = session.execute(
            select(
                PostRow, SourceRow.key, PageRow.facts, StaffFactsRow.facts, EventRow.key, EventRow.revision
            )
            .join(SourceRow, SourceRow.id == PostRow.source_id)
            .outerjoin(PageRow, PageRow.post_id == PostRow.id)
            .outerjoin(StaffFactsRow, StaffFactsRow.post_id == PostRow.id)
            .outerjoin(EventRow, EventRow.post_id == PostRow.id)
            .where(PostRow.id.in_(page))
        )
        for row, source, told, said, key, revision in rows:
            found[row.id] = replace(
                _stored(row, source),
                page=unpack_page(told),
                staff=unpack_staff(said),
                event_key=key or "",
                event_revision=revision or 0,
            )
    return found


def addresses(session: Session, ids: Sequence[PostId]) -> dict[PostId, tuple[str, str]]:
    """The address of each of these posts, and the key of the source that tells it."""
    found = {}
    for page in pages(ids):
        rows = session.execute(
            select(PostRow.id, PostRow.url, SourceRow.key)
            .join(SourceRow, SourceRow.id == PostRow.source_id)
            .where(PostRow.id.in_(page))
        )
        found.update({post_id: (url, key) for post_id, url, key in rows})
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
    for page in pages(ids):
        rows = session.execute(
            select(SightingRow.post_id, SourceRow.key)
            .join(SourceRow, SourceRow.id == SightingRow.source_id)
            .where(SightingRow.post_id.in_(page))
        )
        for post_id, key in rows:
            found.setdefault(post_id, set()).add(key)
    return {post_id: frozenset(keys) for post_id, keys in found.items()}


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
