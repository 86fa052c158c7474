"""Close: at a publication's cut-off, store the draft of its next edition or the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from digest.database import Session
from digest.editions import cadence, select
from digest.editions import store as editions
from digest.editions.cadence import Cadence, Window
from digest.editions.model import Edition, EditionState, Item
from digest.errors import DigestError
from digest.messages import wording
from digest.posts import store as posts
from digest.posts.model import PostId
from digest.settings import Publication
from digest.workflows import notify
from digest.workflows.parts import Parts

log = structlog.get_logger()
LOOK_BACK = timedelta(days=7)
MOST_LOOKED_AT = 300
_MAY_HOLD_ITEMS = frozenset(EditionState) - {
    EditionState.SKIPPED,
    EditionState.CANCELLED,
    EditionState.FAILED,
}


def close_due(parts: Parts, *, now: datetime) -> list[Edition]:
    """Cut every edition whose cut-off has passed and that is not stored yet; run twice it does nothing more.

    What a stopped machine missed is caught up on for seven days; a send that is too late by then is recorded as
    skipped. A publication that cannot be cut stops no other.
    """
    made: list[Edition] = []
    for slug in parts.settings.publications:
        try:
            made.extend(_close(parts, slug, now=now))
        except DigestError as error:
            log.error("edition.not_cut", publication=slug, error=str(error))
    return made


def cut(parts: Parts, publication: str, *, now: datetime, slot: Window | None = None) -> Edition:
    """Make the draft now, or record that there is nothing to say.

    Without a `slot` this is by hand: the draft takes the place of the next scheduled one, unless that is made.
    """
    configured = parts.publication(publication)
    with parts.database.transaction() as session:
        editions.ensure_publication(session, publication, now=now)
        editions.lock_publication(session, publication)
        if slot is not None:
            return editions.by_slot(session, publication, slot.slot) or _cut(
                session, parts, publication, slot, now=now
            )
        window = next_window(configured, now=now)
        is_free = editions.by_slot(session, publication, window.slot) is None
        return _make(
            session,
            parts,
            publication,
            slot=window.slot if is_free else None,
            cut_at=now,
            send_at=window.send_at,
            by_hand=True,
            now=now,
        )


def next_window(publication: Publication, *, now: datetime) -> Window:
    """The next scheduled send after `now`, with its cut-off."""
    return _windows(publication, after=now, count=1)[0]


def choice(
    session: Session, slug: str, publication: Publication, *, now: datetime, send_at: datetime
) -> select.Chosen:
    """What an edition of this publication would hold if it were cut at `now` and sent at `send_at`."""
    ahead = posts.upcoming(
        session, now=max(send_at, now), until=send_at + timedelta(seconds=publication.coming_up)
    )
    coming = editions.to_come(session, slug, ahead if publication.coming_up else ())
    ids, arrived = editions.candidates(session, slug), coming.arrived[:MOST_LOOKED_AT]
    found = posts.posts(session, [*ids, *arrived, *coming.announced])
    return select.choose(
        [found[post_id] for post_id in ids if post_id in found],
        max_items=publication.max_items,
        max_new=publication.max_new,
        excerpt_length=publication.excerpt_length,
        now=now,
        topics=publication.topics,
        source_topics=_source_topics(session, publication, [*ids, *arrived]),
        first_run=editions.first_run_candidates(session, slug),
        announced=[found[post_id] for post_id in coming.announced if post_id in found],
        arrived=[found[post_id] for post_id in arrived if post_id in found],
        send_at=send_at,
        timezone=publication.timezone,
        event_categories=publication.event_categories,
    )


def subject(
    parts: Parts, publication: Publication, items: Sequence[Item], *, number: int, send_at: datetime
) -> str:
    """The subject line of an edition with these items, by the publication's pattern and in its language."""
    words = parts.templates.words(publication.language)
    return select.subject(
        items,
        pattern=publication.subject,
        fallback=words("subject", first="{first}", count=len(select.news(items) or items) - 1),
        name=publication.name,
        number=number,
        date=wording.day_words(
            send_at, language=publication.language, timezone=publication.timezone, pattern="long"
        ),
    )


def _close(parts: Parts, slug: str, *, now: datetime) -> list[Edition]:
    configured = parts.publication(slug)
    with parts.database.transaction() as session:
        editions.ensure_publication(session, slug, now=now)
        started = editions.lock_publication(session, slug)
        since = max(started, now - LOOK_BACK)
        # A week has at most eight dates that a send may fall on, and the first may have been cut before it.
        due = [w for w in _windows(configured, after=since, count=9) if since < w.cut_at <= now]
        return [
            _cut(session, parts, slug, window, now=now)
            for window in due
            if editions.by_slot(session, slug, window.slot) is None
        ]


def _cut(session: Session, parts: Parts, slug: str, window: Window, *, now: datetime) -> Edition:
    """The edition of a scheduled send; one that could only go out too late is skipped and consumes nothing."""
    configured = parts.publication(slug)
    if now > window.send_at + timedelta(seconds=configured.lateness):
        zone = ZoneInfo(configured.timezone)
        due = window.send_at.astimezone(zone)
        reason = f"missed: too late for {_day(due.date())} at {due:%H:%M}; nothing ran between its cut-off and then."
        return _skip(
            session,
            parts,
            slug,
            reason,
            slot=window.slot,
            cut_at=window.cut_at,
            send_at=window.send_at,
            now=now,
        )
    return _make(
        session,
        parts,
        slug,
        slot=window.slot,
        cut_at=window.cut_at,
        send_at=window.send_at,
        by_hand=False,
        now=now,
    )


def _make(
    session: Session,
    parts: Parts,
    slug: str,
    *,
    slot: date | None,
    cut_at: datetime,
    send_at: datetime,
    by_hand: bool,
    now: datetime,
) -> Edition:
    configured = parts.publication(slug)
    chosen = choice(session, slug, configured, now=now, send_at=send_at)
    editions.settle(session, slug, chosen.stale)
    if not chosen.items:
        reason = f"No new posts since {_day(_last_cut(session, slug, ZoneInfo(configured.timezone)))}."
        # Nothing to say yet must not keep the scheduled edition from being made later.
        free = None if by_hand else slot
        return _skip(session, parts, slug, reason, slot=free, cut_at=cut_at, send_at=send_at, now=now)
    number = editions.next_number(session, slug)
    edition = editions.create(
        session,
        publication=slug,
        number=number,
        state=EditionState.DRAFT,
        slot=slot,
        cut_at=cut_at,
        send_at=send_at,
        items=chosen.items,
        subject=subject(parts, configured, chosen.items, number=number, send_at=send_at),
        preheader=select.preheader(chosen.items),
        hold=chosen.hold,
    )
    notify.tell(session, parts, slug, "draft-ready", edition, now=now)
    log.info(
        "edition.cut", edition=edition.id, publication=slug, items=len(edition.items), held=bool(edition.hold)
    )
    return edition


def _skip(
    session: Session,
    parts: Parts,
    slug: str,
    reason: str,
    *,
    slot: date | None,
    cut_at: datetime,
    send_at: datetime,
    now: datetime,
) -> Edition:
    edition = editions.create(
        session,
        publication=slug,
        state=EditionState.SKIPPED,
        slot=slot,
        cut_at=cut_at,
        send_at=send_at,
        reason=reason,
        finished_at=now,
    )
    notify.tell(session, parts, slug, "skipped", edition, now=now)
    log.info("edition.skipped", edition=edition.id, publication=slug, reason=reason)
    return edition


def _windows(publication: Publication, *, after: datetime, count: int) -> list[Window]:
    return cadence.upcoming(
        Cadence.parse(publication.cut_off),
        Cadence.parse(publication.send),
        ZoneInfo(publication.timezone),
        after=after,
        count=count,
    )


def _source_topics(
    session: Session, publication: Publication, ids: list[PostId]
) -> dict[PostId, tuple[str, ...]]:
    """The topics each post has from the sources of this publication that showed it."""
    topics = {source.spec().key: source.topics for source in publication.sources}
    shown = posts.shown_by(session, ids)
    return {
        post_id: tuple(
            topic for key, given in topics.items() if key in shown.get(post_id, ()) for topic in given
        )
        for post_id in ids
    }


def _last_cut(session: Session, slug: str, zone: ZoneInfo) -> date:
    """The local day on which posts were last taken, or the publication started."""
    last = editions.list_editions(session, slug, limit=1, states=_MAY_HOLD_ITEMS)
    moment = last[0].cut_at if last else editions.lock_publication(session, slug)
    return moment.astimezone(zone).date()


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
