"""Refresh: what an edition says of events is what is known of them now, until the moment it is launched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from digest.database import Session
from digest.editions import select
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState, Item, ItemKind, Section
from digest.posts import store as posts
from digest.posts.happenings import Judged, judge
from digest.posts.model import Event, EventStatus, StoredPost, Verdict
from digest.posts.timing import Standing, as_of, is_over, standing
from digest.settings import Publication
from digest.workflows import withdraw
from digest.workflows.parts import Parts

log = structlog.get_logger()
_WAITING = frozenset({EditionState.DRAFT, EditionState.APPROVED})
_LISTED = 100
# What a reader is told of an event, and how a change of it is put to staff.
_FACTS = (
    ("status", "has another status"),
    ("starts_at", "has a new date"),
    ("ends_at", "has a new end"),
    ("all_day", "has a new date"),
    ("timezone", "has a new time zone"),
    ("place", "has a new place"),
    ("online", "has a new place"),
    ("full", "is fully booked or has places again"),
    ("register_url", "has a new registration link"),
    ("cta", "has a new registration link"),
    ("opens_at", "opens for registration at another time"),
    ("closes_at", "closes for registration at another time"),
)
_STATUS = {
    EventStatus.CANCELLED: "was cancelled",
    EventStatus.POSTPONED: "was postponed",
    EventStatus.SCHEDULED: "takes place after all",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The items as they should stand now, those that have to go, and each difference in words; none is no change."""

    items: tuple[Item, ...]
    lost: tuple[Item, ...] = ()
    reasons: tuple[str, ...] = ()


def refresh_due(parts: Parts, *, now: datetime) -> list[Edition]:
    """Bring every draft and approved edition up to date; returns those that changed.

    A draft simply changes. An approved edition is a draft again, since other bytes would be sent, and staff are told.
    """
    with parts.database.reading() as session:
        waiting = editions.list_editions(session, limit=_LISTED, states=_WAITING)
    found = [_refreshed(parts, e, now=now) for e in waiting if e.publication in parts.settings.publications]
    return [edition for edition in found if edition is not None]


def refresh(session: Session, parts: Parts, edition: Edition, *, now: datetime) -> Edition:
    """The edition with its events as they are known now; it must be locked by the caller's transaction."""
    found = changes(session, parts, edition, now=now)
    if not found.reasons:
        return edition
    by_itself = parts.publication(edition.publication).goes_out_by_itself(held=bool(edition.hold))
    quiet = by_itself or edition.state is EditionState.DRAFT
    log.info("edition.refreshed", edition=edition.id, changes=len(found.reasons))
    return withdraw.rework(
        session,
        parts,
        edition,
        found.items,
        lost=found.lost,
        reason="; ".join(found.reasons),
        quiet=quiet,
        now=now,
    )


def changes(session: Session, parts: Parts, edition: Edition, *, now: datetime) -> Changes:
    """What became of the edition's events since they were placed; an event that is over has to go."""
    publication = parts.publication(edition.publication)
    stored = posts.posts(session, [i.post_id for i in edition.items if i.post_id is not None])
    kept: list[Item] = []
    lost: list[Item] = []
    reasons: list[str] = []
    for item in edition.items:
        known = stored.get(item.post_id) if item.post_id is not None else None
        if known is None or not _in_question(item, known, edition):
            kept.append(item)
            continue
        fresh, reason = _fresh(item, known, publication, edition, now=now)
        if reason:
            reasons.append(f'"{item.title}" {reason}')
        if fresh is None:
            lost.append(item)
        else:
            kept.append(fresh)
    return Changes(items=tuple(kept), lost=tuple(lost), reasons=tuple(reasons))


def _refreshed(parts: Parts, edition: Edition, *, now: datetime) -> Edition | None:
    """The edition brought up to date; None where nothing is different. One that cannot be stops no other."""
    try:
        with parts.database.reading() as session:
            if not changes(session, parts, edition, now=now).reasons:
                return None
        with parts.database.transaction() as session:
            locked = editions.lock(session, edition.id)
            if locked.state not in _WAITING:
                return None
            fresh = refresh(session, parts, locked, now=now)
            return fresh if fresh is not locked else None
    except Exception:
        log.exception("edition.not_refreshed", edition=edition.id)
        return None


def _in_question(item: Item, stored: StoredPost, edition: Edition) -> bool:
    """Whether an item may be something else by now: an event always, a post once more is known of it.

    What a page tells late does not reopen an edition that shows the post as a post; what a person says does.
    """
    if item.kind is not ItemKind.POST or stored.staff is not None:
        return True
    told = stored.post.event is not None or (stored.page is not None and bool(stored.page.events))
    return told and edition.state is EditionState.DRAFT


def _fresh(
    item: Item, stored: StoredPost, publication: Publication, edition: Edition, *, now: datetime
) -> tuple[Item | None, str]:
    """The item as it should stand now (None: not at all), and what is different, in words."""
    at, zone = max(edition.send_at, now), publication.timezone
    judged = judge(stored, now=at, timezone=zone, event_categories=frozenset(publication.event_categories))
    if judged.verdict is Verdict.EVENT and judged.event:
        event = as_of(judged.event, now=at, timezone=zone)
        if is_over(event, now=at, timezone=zone):
            return None, "is over"
        if item.event is None or item.kind is not ItemKind.EVENT:
            return _become(item, judged, event, edition), "has a date now"
        reason = _difference(item.event, event) or _late(event, edition, now=now, zone=zone)
        return (replace(item, event=event), reason) if reason else (item, "")
    kind = select.kind_of(judged)
    if kind is ItemKind.EVENT and judged.event and item.event and item.kind is not ItemKind.POST:
        # Whoever calls an event off often takes its date away with it; readers know it by that date.
        status = judged.event.status
        off = replace(item, kind=kind, event=replace(item.event, status=status))
        return (item, "") if item.event.status is status and item.kind is kind else (off, _STATUS[status])
    if kind is item.kind:
        return item, ""
    if item.repeat:
        return None, "is no event any more"
    reason = "may be an event" if item.kind is ItemKind.POST else "is no event any more"
    return _become(item, judged, judged.event, edition), reason


def _become(item: Item, judged: Judged, event: Event | None, edition: Edition) -> Item:
    """The item as what it is by now, under the title and in the section that go with it."""
    kind = select.kind_of(judged)
    section = Section.EVENTS
    if kind is ItemKind.POST:
        has_lead = any(one.section is Section.LEAD for one in edition.items)
        section = Section.CARDS if has_lead else Section.LEAD
    same = (kind is ItemKind.POST) == (item.kind is ItemKind.POST)
    return replace(
        item,
        kind=kind,
        title=judged.title,
        event=event,
        suggestions=judged.suggestions,
        section=item.section if same else section,
    )


def _difference(before: Event, after: Event) -> str:
    if before.status is not after.status:
        return _STATUS[after.status]
    return next((words for name, words in _FACTS if getattr(before, name) != getattr(after, name)), "")


def _late(event: Event, edition: Edition, *, now: datetime, zone: str) -> str:
    """An edition that starts late must not say "today" of yesterday, nor "register" where that is closed."""
    if edition.approved_at is None:
        return ""
    approved_for = max(edition.send_at, edition.approved_at)
    before, after = (standing(event, now=at, timezone=zone) for at in (approved_for, max(approved_for, now)))
    if before is after or {before, after} == {Standing.OPEN, Standing.LAST_DAYS}:
        return ""
    return "stands otherwise now than when it was approved"
