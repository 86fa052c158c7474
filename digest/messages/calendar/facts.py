"""What a calendar is told of one event: when, where, and the links that a reader may follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digest.messages.wording import clean
from digest.posts import timing
from digest.posts.links import safe_link
from digest.posts.model import CtaKind, Event, EventStatus
from digest.posts.zones import zone_name

FIRST_YEAR, LAST_YEAR = 1971, 2099
LONGEST_TITLE = 300
LONGEST_PLACE = 300
_ALMOST_HALF_A_DAY = timedelta(hours=12) - timedelta(seconds=1)


def is_believed(at: datetime) -> bool:
    """Whether a date can be one that is meant: the years of which the rules of zones are known."""
    return FIRST_YEAR <= at.year <= LAST_YEAR


def zone(event: Event) -> ZoneInfo | None:
    """The zone that the event's times are told in; None where none is known, or where it is UTC itself."""
    name = zone_name(event.timezone)
    return ZoneInfo(name) if name and name != "UTC" else None


def days(event: Event) -> tuple[date, date]:
    """The first day of an all-day event and the day after its last (RFC 5545 section 3.6.1: DTEND is exclusive).

    Where its zone is not known, its start is taken for the midnight that is nearest to it in UTC.
    """
    start, end = moments(event)
    own = zone(event)
    if own is None:
        # Noon is what some sources say for a day alone.
        nearest = datetime.combine((start + _ALMOST_HALF_A_DAY).date(), time(), tzinfo=UTC)
        start, end = nearest, end + (nearest - start) if end else None
    name = own.key if own else "UTC"
    plain = replace(event, starts_at=start, ends_at=end, timezone=name)
    last, begins = timing.last_day(plain, name), timing.grounded(plain, name).starts_at
    assert last is not None
    assert begins is not None
    return begins.astimezone(ZoneInfo(name)).date(), last + timedelta(days=1)


def moments(event: Event) -> tuple[datetime, datetime | None]:
    """Start and end in UTC, to the second; no end where none is known or believed, or where it is not after the start."""
    assert event.starts_at is not None
    start = event.starts_at.astimezone(UTC).replace(microsecond=0)
    if event.ends_at is None or not is_believed(event.ends_at):
        return start, None
    end = event.ends_at.astimezone(UTC).replace(microsecond=0)
    return start, end if end > start else None


def where(event: Event, *, page: str) -> str:
    """The place; of an event that is only online the address to join at, else its page. No words of our own."""
    place = clean(event.place, limit=LONGEST_PLACE)
    if place or not event.online:
        return place
    joins = event.cta is not None and event.cta.kind is CtaKind.JOIN
    return (call(event) if joins else "") or page


def call(event: Event) -> str:
    """The link to register or join; "" where there is none, or where nobody can any more."""
    if event.status is not EventStatus.SCHEDULED or event.full:
        return ""
    url = event.cta.url if event.cta else event.register_url
    return (safe_link(url, base=url) or "") if url else ""
