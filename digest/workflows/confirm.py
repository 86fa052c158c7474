"""Confirm: what a person says of a post's event, which counts for more than anything a source or a page says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from digest.database import Session
from digest.editions import store as editions
from digest.errors import DigestError
from digest.posts import store as posts
from digest.posts.happenings import Judged, judge
from digest.posts.links import safe_link
from digest.posts.model import EventStatus, PostId, StaffFacts, StoredPost, Verdict
from digest.posts.packing import clean_text
from digest.posts.timing import as_of
from digest.settings import Publication
from digest.workflows import examine, refresh
from digest.workflows.parts import Parts

log = structlog.get_logger()
LONGEST_PLACE = 200
_AHEAD = timedelta(days=730)
_MOST_POSTS = 2**31
_YEARS_AHEAD = 10


class NoSuchPost(DigestError):
    """No post has this id."""


class NotAFact(DigestError):
    """What was said of an event cannot be: no date, an end before the start, a link that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A post that is an event, or perhaps one, as staff see it: what we take it for, why, and what its text suggests.

    `state` says where it stands: "new" for the next edition, "announced" in an earlier one, or "ahead".
    """

    post_id: PostId
    url: str
    judged: Judged
    state: str = ""


def happenings(parts: Parts, publication: str, *, now: datetime) -> list[Happening]:
    """The events of a publication that are new or still to come, and the posts that may be events; by date."""
    configured = parts.publication(publication)
    with parts.database.reading() as session:
        new = editions.candidates(session, publication)
        ahead = posts.upcoming(session, now=now, until=now + _AHEAD)
        coming = editions.to_come(session, publication, ahead)
        states = {
            **dict.fromkeys(coming.arrived, "ahead"),
            **dict.fromkeys(coming.announced, "announced"),
            **dict.fromkeys(new, "new"),
        }
        found = posts.posts(session, list(states))
    seen = [_happening(stored, configured, states[stored.id], now=now) for stored in found.values()]
    return sorted((h for h in seen if h.judged.verdict is not Verdict.POST), key=_by_date)


def happening(parts: Parts, post_id: PostId, *, now: datetime) -> Happening:
    """What we take one post for, and why. Raises `NoSuchPost`."""
    with parts.database.reading() as session:
        stored = _post(session, post_id)
        configured = _publication_of(parts, session, post_id)
    return _happening(stored, configured, "", now=now)


def is_event(
    parts: Parts,
    post_id: PostId,
    *,
    starts: datetime | date | None = None,
    ends: datetime | date | None = None,
    timezone: str | None = None,
    place: str | None = None,
    online: bool | None = None,
    register_url: str | None = None,
    status: EventStatus | None = None,
    full: bool | None = None,
    by: str,
    now: datetime,
) -> Happening:
    """Say that a post is an event, and what is known of it; what was said of it before and is not said now stays.

    Naive times are on the clock of `timezone`, or the publication's. Dates without a time are whole days, the last
    one included. An empty `register_url` is that there is none. Raises `NoSuchPost`, or `NotAFact` with what is wrong.
    """
    with parts.database.transaction() as session:
        before = _post(session, post_id).staff
        configured = _publication_of(parts, session, post_id)
        said = before if before and before.verdict is Verdict.EVENT else None
        facts = replace(
            said or StaffFacts(verdict=Verdict.EVENT, by=by, at=now), by=_line(by) or "somebody", at=now
        )
        if starts is not None:
            zone = ZoneInfo(timezone or configured.timezone)
            start, end, whole_days = _span(starts, ends, zone, now=now)
            facts = replace(facts, starts_at=start, ends_at=end, all_day=whole_days, timezone=zone.key)
        elif ends is not None or timezone is not None:
            raise NotAFact("An end or a time zone needs the start beside it.")
        told: dict[str, Any] = {"place": _place(place), "online": online, "register_url": _link(register_url)}
        told |= {"status": status, "full": full}
        facts = replace(facts, **{name: value for name, value in told.items() if value is not None})
        posts.say(session, post_id, facts)
        if _happening(_post(session, post_id), configured, "", now=now).judged.verdict is not Verdict.EVENT:
            raise NotAFact(f"Nothing tells when post {post_id} is; say when it starts.")
        examine.note(session, parts, [post_id], now=now)
    log.info("event.confirmed", post=post_id)
    return _after(parts, post_id, now=now)


def is_no_event(parts: Parts, post_id: PostId, *, by: str, now: datetime) -> Happening:
    """Say that a post is no event, whatever else says so. Raises `NoSuchPost`."""
    with parts.database.transaction() as session:
        _post(session, post_id)
        posts.say(session, post_id, StaffFacts(verdict=Verdict.POST, by=_line(by) or "somebody", at=now))
    log.info("event.rejected", post=post_id)
    return _after(parts, post_id, now=now)


def forget(parts: Parts, post_id: PostId, *, now: datetime) -> Happening:
    """Take back what was said of a post: sources and pages are believed again. Raises `NoSuchPost`."""
    with parts.database.transaction() as session:
        _post(session, post_id)
        posts.say(session, post_id, None)
        examine.note(session, parts, [post_id], now=now)
    log.info("event.forgotten", post=post_id)
    return _after(parts, post_id, now=now)


def _after(parts: Parts, post_id: PostId, *, now: datetime) -> Happening:
    refresh.refresh_due(parts, now=now)
    return happening(parts, post_id, now=now)


def _happening(stored: StoredPost, configured: Publication, state: str, *, now: datetime) -> Happening:
    judged = judge(
        stored,
        now=now,
        timezone=configured.timezone,
        event_categories=frozenset(configured.event_categories),
    )
    if judged.event:
        judged = replace(judged, event=as_of(judged.event, now=now, timezone=configured.timezone))
    return Happening(post_id=stored.id, url=stored.post.url, judged=judged, state=state)


def _post(session: Session, post_id: PostId) -> StoredPost:
    # A number too large for a row is nobody's either.
    stored = posts.posts(session, [post_id]).get(post_id) if 0 < post_id < _MOST_POSTS else None
    if stored is None:
        raise NoSuchPost(f"There is no post {post_id}; `digest events list` shows those that may be events.")
    return stored


def _publication_of(parts: Parts, session: Session, post_id: PostId) -> Publication:
    """The publication whose clock counts for a post: the first that was offered it, else the first there is."""
    known: Mapping[str, Publication] = parts.settings.publications
    for slug, configured in known.items():
        if editions.is_offered(session, slug, post_id):
            return configured
    if not known:
        raise DigestError("No publication is configured.")
    return next(iter(known.values()))


def _span(
    starts: datetime | date, ends: datetime | date | None, zone: ZoneInfo, *, now: datetime
) -> tuple[datetime, datetime | None, bool]:
    """Start and end as moments, and whether they are whole days, whose end is the midnight after the last one."""
    for one in (starts, ends or starts):
        if not 1 <= one.year - now.year + 2 <= _YEARS_AHEAD + 2:
            raise NotAFact(f"The year {one.year} is too far away; please check it.")
    start, end, whole_days = _moments(starts, ends, zone)
    if (end or start) <= now:
        raise NotAFact(f"The event would be over: {starts:%Y-%m-%d} is past; please check the year.")
    return start, end, whole_days


def _moments(
    starts: datetime | date, ends: datetime | date | None, zone: ZoneInfo
) -> tuple[datetime, datetime | None, bool]:
    if not isinstance(starts, datetime):
        last = ends if ends is not None and not isinstance(ends, datetime) else starts
        if isinstance(ends, datetime):
            raise NotAFact("The start is a day and the end a time; give both with a time, or neither.")
        if last < starts:
            raise NotAFact(f"The event ends on {last}, before it starts on {starts}.")
        midnight = datetime.combine(last + timedelta(days=1), time(), tzinfo=zone)
        return datetime.combine(starts, time(), tzinfo=zone), midnight, True
    if ends is not None and not isinstance(ends, datetime):
        raise NotAFact("The end is a day and the start a time; give both with a time, or neither.")
    start, end = _moment(starts, zone), _moment(ends, zone) if ends else None
    if end is not None and end.astimezone(UTC) <= start.astimezone(UTC):  # whatever the clock shows
        raise NotAFact("The event ends before it starts.")
    return start, end, False


def _moment(at: datetime, zone: ZoneInfo) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _place(place: str | None) -> str | None:
    return _line(place) if place is not None else None


def _line(text: str) -> str:
    return " ".join(clean_text(text).split())[:LONGEST_PLACE]


def _link(url: str | None) -> str | None:
    if not url:
        return url
    link = safe_link(url, base="")
    if link is None:
        raise NotAFact(f"{url} is not the full address of a registration page (https://…).")
    return link


def _by_date(one: Happening) -> tuple[bool, float, int]:
    at = one.judged.event.starts_at if one.judged.event else None
    return (at is None, at.timestamp() if at else 0.0, one.post_id)
