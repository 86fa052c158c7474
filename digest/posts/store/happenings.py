"""What is known of posts besides the post itself: what their pages told, what staff said, and the events they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from digest.database import pages as by_page
from digest.posts.identity import url_key
from digest.posts.model import Event, EventStatus, KnownEvent, PageFacts, PostId, StaffFacts
from digest.posts.packing import (
    Packed,
    clean_event,
    clean_text,
    pack_event,
    pack_page,
    pack_staff,
    unpack_event,
    unpack_page,
)
from digest.posts.store.visits import one_at_a_time
from digest.posts.tables import EventRow, PageRow, PostKeyRow, PostRow, StaffFactsRow
from digest.posts.titles import plain_title

MOST_TRIES = 3
FIRST_PAUSE = timedelta(minutes=15)
TAKEN_FOR = timedelta(minutes=15)
MOST_UPCOMING = 10_000
# Whole days and clock times without a zone are kept as if in UTC, up to a day from when they are.
_GRACE = timedelta(days=2)
# What a reader's calendar would show; the rest of an event may change without a new revision.
_TOLD = frozenset(
    {"title", "starts_at", "ends_at", "all_day", "timezone", "floating", "place", "online", "register_url"}
    | {"status", "dates", "full", "cta"}
)


def unread(session: Session, ids: Sequence[PostId], *, now: datetime) -> list[PostId]:
    """Those of the posts whose page is still to be read, or to be tried again by `now`; in the order given."""
    done: set[PostId] = set()
    for page in by_page(ids):
        rows = session.execute(select(PageRow.post_id, PageRow.next_try_at).where(PageRow.post_id.in_(page)))
        done.update(post_id for post_id, again in rows if again is None or again > now)
    return [post_id for post_id in ids if post_id not in done]


def take_unread(session: Session, ids: Sequence[PostId], *, now: datetime) -> list[PostId]:
    """Those of the posts whose page is still to be read, taken by the caller for a quarter of an hour.

    So two readers at once share them out; those of a reader that died are read after that.
    """
    one_at_a_time(session)
    free = unread(session, ids, now=now)
    for post_id in free:
        _page(session, post_id).next_try_at = now + TAKEN_FOR
    session.flush()
    return free


def keep_page(session: Session, post_id: PostId, facts: PageFacts, *, now: datetime) -> None:
    """Remember what a post's page told, in place of what it told before."""
    one_at_a_time(session)
    row = _page(session, post_id)
    row.facts, row.read_at, row.next_try_at, row.error = pack_page(facts), now, None, ""
    row.tries += 1
    session.flush()


def page_failed(session: Session, post_id: PostId, error: str, *, final: bool, now: datetime) -> None:
    """Remember that a page could not be read; it is tried again later, unless that is `final` or was the last try.

    What an earlier reading told is kept.
    """
    one_at_a_time(session)
    row = _page(session, post_id)
    row.tries += 1
    row.error = clean_text(error)
    last = final or row.tries >= MOST_TRIES
    row.next_try_at = None if last else now + FIRST_PAUSE * 4 ** (row.tries - 1)
    session.flush()


def say(session: Session, post_id: PostId, facts: StaffFacts | None) -> None:
    """Keep what a person said of a post, or with None forget it."""
    one_at_a_time(session)
    row = session.get(StaffFactsRow, post_id)
    if facts is None:
        if row is not None:
            session.delete(row)
    elif row is None:
        session.add(StaffFactsRow(post_id=post_id, facts=pack_staff(facts)))
    else:
        row.facts = pack_staff(facts)
    session.flush()


def twin(session: Session, post_id: PostId, canonical_url: str) -> PostId | None:
    """The other post that is the same page, by the address that a post's page calls its own; None without one.

    An address that no post had is the post's from now on. Posts that read differently are no twins, whatever their
    pages say: many a site names one address on all its pages. Such an address leads to none of them.
    """
    key = url_key(canonical_url)
    if key is None:
        return None
    one_at_a_time(session)
    row = session.get(PostKeyRow, key, populate_existing=True)
    if row is None:
        session.add(PostKeyRow(digest=key, post_id=post_id))
        session.flush()
        return None
    if row.post_id is None or row.post_id == post_id:
        return None
    this, other = session.get_one(PostRow, post_id), session.get_one(PostRow, row.post_id)
    if not _read_alike(this.title, other.title):
        if url_key(other.url) != key:
            row.post_id = None
            session.flush()
        return None
    return None if _points_to(session, other.id, this.url) else other.id


def note_events(session: Session, events: Mapping[PostId, Event | None], *, now: datetime) -> None:
    """Keep the events that posts are, as calendar files tell them; a changed fact raises the revision.

    A post that is no event any more keeps its last facts, so that a calendar that reads them is not left without. An
    event called off whose source took its date away keeps that date too.
    """
    if not events:
        return
    one_at_a_time(session)
    rows: dict[PostId, EventRow] = {}
    for page in by_page(sorted(events)):
        rows.update(
            (r.post_id, r) for r in session.scalars(select(EventRow).where(EventRow.post_id.in_(page)))
        )
    for post_id, known in events.items():
        row = rows.get(post_id)
        event = _dated(known, row)
        if event is None:
            continue
        told = clean_event(event)
        packed = pack_event(told) or {}
        fingerprint = _fingerprint(packed)
        if row is None:
            row = EventRow(post_id=post_id, key=_key(session, post_id), fingerprint="", revision=-1)
            session.add(row)
        if row.fingerprint != fingerprint:
            row.revision += 1
            row.fingerprint, row.changed_at = fingerprint, now
        row.facts = packed
        row.starts_at, row.ends_at = _span(told)
    session.flush()


def event_by_key(session: Session, key: str) -> KnownEvent | None:
    """The event that a calendar file is named after; None for a key that is nobody's."""
    post_id = session.scalar(select(EventRow.post_id).where(EventRow.key == key))
    return None if post_id is None else known_events(session, [post_id]).get(post_id)


def known_events(session: Session, ids: Sequence[PostId]) -> dict[PostId, KnownEvent]:
    """The events among these posts, as calendar files tell them."""
    found = {}
    for page in by_page(ids):
        rows = session.execute(
            select(EventRow, PostRow.title, PostRow.url, PostRow.summary)
            .join(PostRow, PostRow.id == EventRow.post_id)
            .where(EventRow.post_id.in_(page))
        )
        found.update({row.post_id: _known(row, title, url, text) for row, title, url, text in rows})
    return found


def upcoming(session: Session, *, now: datetime, until: datetime) -> list[PostId]:
    """The posts that are events with a date from two days before `now` on that begin before `until`, the next first.

    Two days of grace: whether an event is over is decided in its own zone, not here. At most 10,000.
    """
    rows = session.scalars(
        select(EventRow.post_id)
        .where(EventRow.ends_at >= now - _GRACE, EventRow.starts_at <= until)
        .order_by(EventRow.ends_at, EventRow.post_id)
        .limit(MOST_UPCOMING)
    )
    return list(rows)


def _page(session: Session, post_id: PostId) -> PageRow:
    row = session.get(PageRow, post_id)
    if row is None:
        row = PageRow(post_id=post_id, tries=0, error="")
        session.add(row)
    return row


def _read_alike(one: str, other: str) -> bool:
    return " ".join(plain_title(one).split()).casefold() == " ".join(plain_title(other).split()).casefold()


def _points_to(session: Session, post_id: PostId, url: str) -> bool:
    """Whether the page of a post calls `url` its own: of two that point at each other neither gives way."""
    row = session.get(PageRow, post_id)
    facts = unpack_page(row.facts) if row else None
    canonical = facts.canonical_url if facts else None
    return canonical is not None and url_key(canonical) == url_key(url)


def _key(session: Session, post_id: PostId) -> str:
    """A name for the event, the same in a database that is built again from the same source."""
    row = session.get_one(PostRow, post_id)
    named = hashlib.sha256(f"{row.external_id}\x1f{row.url}".encode()).hexdigest()[:20]
    taken = session.scalar(select(EventRow.post_id).where(EventRow.key == named))
    return named if taken is None else f"{named[:12]}{post_id:x}"


def _dated(event: Event | None, row: EventRow | None) -> Event | None:
    if event is None or event.starts_at is not None:
        return event
    known = unpack_event(row.facts) if row else None
    return (
        replace(known, status=event.status) if known and event.status is not EventStatus.SCHEDULED else None
    )


def _fingerprint(packed: Packed) -> str:
    told = {name: value for name, value in packed.items() if name in _TOLD}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _span(event: Event) -> tuple[datetime | None, datetime | None]:
    starts = [m for m in (event.starts_at, *(d.starts_at for d in event.dates)) if m]
    ends = [m for m in (event.ends_at, *(d.ends_at for d in event.dates)) if m]
    return (min(starts), max([*starts, *ends])) if starts else (None, None)


def _known(row: EventRow, title: str, url: str, text: str) -> KnownEvent:
    event = unpack_event(row.facts)
    assert event is not None
    return KnownEvent(
        post_id=row.post_id,
        title=event.title or title,
        url=url,
        event=replace(event, key=row.key, revision=row.revision),
        changed_at=row.changed_at,
        text=text,
    )
