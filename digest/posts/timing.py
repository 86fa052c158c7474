"""When an event is: in which zone, on which of its dates, over or not, and whether one can still register."""

from __future__ import annotations

import enum
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digest.posts.model import Event, EventStatus, Occurrence

LAST_DAYS = timedelta(days=3)
_LATEST = datetime.max.replace(tzinfo=UTC)


class Standing(enum.StrEnum):
    """What a reader can do about an event at a moment; the first that holds, in this order but for UNDATED."""

    CANCELLED = "cancelled"
    POSTPONED = "postponed"
    UNDATED = "undated"
    PAST = "past"
    FULL = "full"
    CLOSED = "closed"
    OPENS_SOON = "opens-soon"
    TODAY = "today"
    LAST_DAYS = "last-days"
    OPEN = "open"


_MAY_REGISTER = frozenset({Standing.OPEN, Standing.LAST_DAYS, Standing.TODAY})


def zone_of(event: Event, timezone: str) -> ZoneInfo:
    """The zone of an event: its own where that is known, else the publication's `timezone` (an IANA name)."""
    return _known_zone(event.timezone) or ZoneInfo(timezone)


def grounded(event: Event, timezone: str) -> Event:
    """`event` with its times as moments: a floating one's are put on the wall clock of its zone, else of `timezone`.

    A time that the clock skips counts with the offset before the change, one that it shows twice is the first
    (RFC 5545, section 3.3.5). An event that does not float stays as it is.
    """
    if not event.floating:
        return event
    zone = zone_of(event, timezone)
    return replace(
        event,
        starts_at=_on_the_wall(event.starts_at, zone) if event.starts_at else None,
        ends_at=_on_the_wall(event.ends_at, zone) if event.ends_at else None,
        opens_at=_on_the_wall(event.opens_at, zone) if event.opens_at else None,
        closes_at=_on_the_wall(event.closes_at, zone) if event.closes_at else None,
        dates=tuple(
            Occurrence(
                starts_at=_on_the_wall(one.starts_at, zone),
                ends_at=_on_the_wall(one.ends_at, zone) if one.ends_at else None,
            )
            for one in event.dates
        ),
        timezone=str(zone),
        floating=False,
    )


def as_of(event: Event, *, now: datetime, timezone: str) -> Event:
    """`event` as it stands at `now`: grounded, and a series on its next date that is not over.

    `dates` are then the dates after that one. Of a series that is wholly over the last date is left.
    """
    event = grounded(event, timezone)
    if event.starts_at is None or not event.dates:
        return event
    every = _occurrences(event)
    ahead = [one for one in every if _end(one, event, timezone) > now] or every[-1:]
    return replace(event, starts_at=ahead[0].starts_at, ends_at=ahead[0].ends_at, dates=tuple(ahead[1:]))


def ends(event: Event, timezone: str) -> datetime | None:
    """The moment from which an event, or the last date of a series, is over; None without a date.

    For an all-day event that is the midnight after its last local day, for others the end, or the start where no
    end is known.
    """
    event = grounded(event, timezone)
    return max((_end(one, event, timezone) for one in _occurrences(event)), default=None)


def last_day(event: Event, timezone: str) -> date | None:
    """The last local day of an event, or of the date of a series it stands on; None without a date."""
    event = grounded(event, timezone)
    if event.starts_at is None:
        return None
    first = Occurrence(starts_at=event.starts_at, ends_at=event.ends_at)
    return _last_day(first, zone_of(event, timezone), all_day=event.all_day)


def is_over(event: Event, *, now: datetime, timezone: str) -> bool:
    """Whether an event, of a series every date, lies in the past at `now`; one without a date never does."""
    end = ends(event, timezone)
    return end is not None and end <= now


def standing(event: Event, *, now: datetime, timezone: str) -> Standing:
    """What a reader can do about `event` at `now`; a series is judged by its next date."""
    if event.status is EventStatus.CANCELLED:
        return Standing.CANCELLED
    if event.status is EventStatus.POSTPONED:
        return Standing.POSTPONED
    event = as_of(event, now=now, timezone=timezone)
    if event.starts_at is None:
        return Standing.UNDATED
    if is_over(event, now=now, timezone=timezone):
        return Standing.PAST
    if event.full:
        return Standing.FULL
    if event.closes_at is not None and event.closes_at <= now:
        return Standing.CLOSED
    if event.opens_at is not None and event.opens_at > now:
        return Standing.OPENS_SOON
    zone = zone_of(event, timezone)
    if event.starts_at <= now or _local(event.starts_at, zone).date() == _local(now, zone).date():
        return Standing.TODAY
    if (event.closes_at or event.starts_at) - now <= LAST_DAYS:
        return Standing.LAST_DAYS
    return Standing.OPEN


def may_register(standing: Standing) -> bool:
    """Whether an invitation to register may be printed."""
    return standing in _MAY_REGISTER


def _known_zone(name: str | None) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, a path out of the database, a folder of it
        return None


def _on_the_wall(at: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which a clock in `zone` shows what `at` shows in UTC."""
    try:
        return at.astimezone(UTC).replace(tzinfo=zone, fold=0).astimezone(UTC)
    except (OverflowError, ValueError):  # the first or the last day that there is
        return at


def _occurrences(event: Event) -> list[Occurrence]:
    """Every date of an event in order, each start once."""
    if event.starts_at is None:
        return []
    first = Occurrence(starts_at=event.starts_at, ends_at=event.ends_at)
    by_start = {one.starts_at: one for one in (*event.dates, first)}
    return [by_start[start] for start in sorted(by_start)]


def _end(one: Occurrence, event: Event, timezone: str) -> datetime:
    if not event.all_day:
        return max(one.starts_at, one.ends_at or one.starts_at)
    zone = zone_of(event, timezone)
    last = _last_day(one, zone, all_day=True)
    return _midnight(last + timedelta(days=1), zone) if last < date.max else _LATEST


def _last_day(one: Occurrence, zone: ZoneInfo, *, all_day: bool) -> date:
    """An all-day event that ends with the start of a day ended the day before."""
    first = _local(one.starts_at, zone).date()
    last = _local(one.ends_at, zone).date() if one.ends_at else first
    # Some clocks skip midnight: what counts is that the day begins there.
    if all_day and one.ends_at and last > first and one.ends_at <= _midnight(last, zone):
        last -= timedelta(days=1)
    return max(first, last)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    try:
        return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    except (OverflowError, ValueError):
        return datetime.combine(day, time(), tzinfo=UTC)


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    try:
        return at.astimezone(zone)
    except (OverflowError, ValueError):
        return at
