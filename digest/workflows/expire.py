"""Expire: an invitation must not arrive after the event; what is still unsent when one begins is not sent by itself."""

from __future__ import annotations

from datetime import datetime

import structlog

from digest.database import Session
from digest.deliveries import store as deliveries
from digest.deliveries.model import DeliveryState
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState, Item, ItemKind
from digest.posts import store as posts
from digest.posts.happenings import judge
from digest.posts.model import EventStatus, StoredPost
from digest.posts.timing import ends
from digest.workflows.notify import tell
from digest.workflows.parts import Parts

log = structlog.get_logger()
BEGUN, OVER, OFF = "has begun", "is over", "was called off"
RESUMED = "resumed although an event in it"
_LISTED = 100


def expire(parts: Parts, *, now: datetime) -> int:
    """Give up the retries of editions that invite to what nobody can attend any more, and pause what is left of them.

    That is an event that has begun since the launch, is over, or was called off. Those who were never tried wait for
    a person: staff are told, and may resume or cancel. Returns how many deliveries were given up. Safe to call at
    any time, again and again.
    """
    with parts.database.reading() as session:
        under_way = editions.list_editions(session, limit=_LISTED, states=frozenset({EditionState.SENDING}))
        known = [e for e in under_way if e.publication in parts.settings.publications]
        late = [e.id for e in known if too_late(session, parts, e, now=now)]
    given_up = 0
    for edition_id in late:
        with parts.database.transaction() as session:
            edition = editions.lock(session, edition_id)
            if edition.state is EditionState.SENDING and not edition.reason.startswith(RESUMED):
                given_up += _expire(session, parts, edition, now=now)
    return given_up


def too_late(session: Session, parts: Parts, edition: Edition, *, now: datetime) -> str:
    """What became of the first event for which the edition comes too late: `BEGUN`, `OVER`, `OFF`; "" for none."""
    timezone = parts.publication(edition.publication).timezone
    launched = edition.launched_at or edition.send_at
    invited = [i for i in edition.items if _invites(i)]
    stored = posts.posts(session, [i.post_id for i in invited if i.post_id is not None])
    for item in invited:
        if passed := _passed(item, launched=launched, now=now, timezone=timezone):
            return passed
        if item.post_id in stored and _is_off(stored[item.post_id], now=now, timezone=timezone):
            return OFF
    return ""


def _expire(session: Session, parts: Parts, edition: Edition, *, now: datetime) -> int:
    reason = f"an event in it {too_late(session, parts, edition, now=now) or BEGUN}"
    given_up = deliveries.fail_pending(session, edition.id, reason, only_retries=True, now=now)
    waiting = deliveries.counts(session, edition.id)[DeliveryState.PENDING]
    if waiting:
        paused = edition.move_to(EditionState.PAUSED, at=now, reason=reason)
        editions.save(session, paused)
        tell(session, parts, edition.publication, "held", paused, now=now, occasion="event begun")
    if given_up or waiting:
        log.warning("edition.too_late", edition=edition.id, reason=reason, given_up=given_up, waiting=waiting)
    return given_up


def _invites(item: Item) -> bool:
    event = item.event
    if item.kind is not ItemKind.EVENT or event is None or event.starts_at is None:
        return False
    return event.status is EventStatus.SCHEDULED


def _passed(item: Item, *, launched: datetime, now: datetime, timezone: str) -> str:
    """An event that was still ahead at the launch is missed when it begins, one under way when it ends."""
    assert item.event is not None
    start, end = item.event.starts_at, ends(item.event, timezone)
    if start and launched < start:
        return BEGUN if start <= now else ""
    return OVER if end and launched < end <= now else ""


def _is_off(stored: StoredPost, *, now: datetime, timezone: str) -> bool:
    event = judge(stored, now=now, timezone=timezone).event
    return event is not None and event.status is not EventStatus.SCHEDULED
