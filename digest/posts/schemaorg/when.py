"""Moments as schema.org writes them: exact, on the wall of a zone, on a wall unknown to us, or a whole day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from icalendar.prop import vDuration

from digest.posts.zones import zone_name

FIRST_YEAR, LAST_YEAR = 1990, 2100
_LONGEST = 64
_LONGEST_DURATION = timedelta(days=366)
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
_TIMED = re.compile(
    r"(?P<day>\d{4}-\d{1,2}-\d{1,2}|\d{8})(?:\s*[Tt]\s*|\s+)"
    r"(?P<hour>\d{1,2})(?::?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,]\d{1,9})?)?)?"
    r"\s*(?P<offset>[Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?(?::?00)?)?\s*(?:\[(?P<zone>[\w/+-]{1,60})\])?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A date or time as written: the wall clock without a zone, the offset or zone if one stood there."""

    wall: datetime
    offset: tzinfo | None = None
    zone: str | None = None
    is_day: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When something is, in the terms of `Event`; `doubts` are what had to be left out, in words."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    all_day: bool = False
    floating: bool = False
    timezone: str | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How the times of one event without an offset are to be read: in a zone, with an offset, or as floating."""

    zone: ZoneInfo | None = None
    offset: tzinfo | None = None

    @property
    def floats(self) -> bool:
        """Whether a time on the wall stays one, for nothing says where the wall is."""
        return self.zone is None and self.offset is None

    def at(self, moment: Moment, *, end_of_day: bool = False) -> datetime | None:
        """`moment` in UTC; None where an exact moment has no place among floating times."""
        wall = moment.wall + timedelta(days=1) if moment.is_day and end_of_day else moment.wall
        if moment.offset is not None:
            return None if self.floats else wall.replace(tzinfo=moment.offset).astimezone(UTC)
        return wall.replace(tzinfo=self.zone or self.offset or UTC).astimezone(UTC)


def read_moment(raw: str) -> Moment | None:
    """`raw` as a date or a time by ISO 8601 and its common slips; None for anything else, years 1990 to 2100 only."""
    text = raw.strip().strip("\"'").replace("\u2212", "-")
    if not text or len(text) > _LONGEST:
        return None
    day, timed = _DAY.fullmatch(text), _TIMED.fullmatch(text)
    try:
        if day:
            moment = Moment(wall=datetime(*(int(part) for part in day.groups())), is_day=True)  # type: ignore[arg-type]  # noqa: DTZ001
        elif timed:
            moment = _timed(timed)
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return moment if FIRST_YEAR <= moment.wall.year <= LAST_YEAR else None


def clock(moments: tuple[Moment | None, ...], *, zone: str | None) -> Clock:
    """How to read an event's times, from its start, its end and the zone that it names."""
    if zone:
        return Clock(zone=ZoneInfo(zone))
    return Clock(offset=next((m.offset for m in moments if m and m.offset is not None), None))


def span(start: Moment | None, end: Moment | None, *, zone: str | None, duration: str = "") -> Span:
    """Start and end of an event from the moments written for them; `duration` counts where no end is written."""
    zone, doubts = _believed(start or end, zone)
    if start is None:
        return Span(timezone=zone, doubts=doubts)
    if start.is_day or _whole_days(start, end):
        return _days(start, end, zone=zone, duration=duration, doubts=doubts)
    reading = clock((start, end), zone=zone)
    starts_at, ends_at = reading.at(start), None
    if end is not None and end.is_day:
        if end.wall.date() != start.wall.date():
            doubts += ("has an end without a time of day",)
    elif end is not None:
        ends_at = reading.at(end)
    elif duration and starts_at:
        length = _length(duration)
        ends_at = starts_at + length if length else None
    if ends_at and starts_at and ends_at <= starts_at:
        doubts += ("ends before it starts",) if ends_at < starts_at else ()
        ends_at = None
    return Span(starts_at=starts_at, ends_at=ends_at, floating=reading.floats, timezone=zone, doubts=doubts)


def _timed(found: re.Match[str]) -> Moment:
    day = found["day"]
    if "-" in day:
        year, month, date = (int(part) for part in day.split("-"))
    else:
        year, month, date = int(day[:4]), int(day[4:6]), int(day[6:])
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    midnight_after = (hour, minute, second) == (24, 0, 0)
    wall = datetime(year, month, date, 0 if midnight_after else hour, minute, min(second, 59))  # noqa: DTZ001
    if midnight_after:
        wall += timedelta(days=1)
    return Moment(wall=wall, offset=_offset(found["offset"]), zone=zone_name(found["zone"]))


def _offset(raw: str | None) -> tzinfo | None:
    if not raw:
        return None
    if raw[0] not in "+-":
        return UTC
    digits = raw[1:].replace(":", "")
    amount = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4] or 0))
    if amount > timedelta(hours=14):
        raise ValueError(raw)
    shown = datetime.strptime(f"{raw[0]}{digits[:2]}{digits[2:4] or '00'}", "%z").tzinfo
    return UTC if not amount else shown


def _believed(moment: Moment | None, zone: str | None) -> tuple[str | None, tuple[str, ...]]:
    """The zone that goes with a moment: the one written beside it, else the event's, unless its offset says no."""
    zone = (moment.zone if moment else None) or zone
    if zone is None or moment is None or moment.offset in {None, UTC}:
        return zone, ()
    there = moment.wall.replace(tzinfo=ZoneInfo(zone))
    if there.utcoffset() == moment.wall.replace(tzinfo=moment.offset).utcoffset():
        return zone, ()
    return None, (f"has an offset that {zone} does not have on that day",)


def _whole_days(start: Moment, end: Moment | None) -> bool:
    """Whether the times are only those that calendars write for whole days: midnight to a minute before midnight."""
    return (
        end is not None
        and not end.is_day
        and start.wall.time() == time()
        and end.wall.time().replace(second=0) == time(23, 59)
        and end.wall > start.wall
    )


def _days(
    start: Moment, end: Moment | None, *, zone: str | None, duration: str, doubts: tuple[str, ...]
) -> Span:
    """Whole days are days on the wall whatever the offset: without a zone they float."""
    reading = Clock(zone=ZoneInfo(zone) if zone else None)
    first = datetime.combine(start.wall, time())
    last: datetime | None = None
    if end is not None:
        exclusive = not end.is_day and end.wall.time() == time() and end.wall > first
        last = datetime.combine(end.wall, time()) + timedelta(days=0 if exclusive else 1)
        if last <= first:
            doubts, last = (*doubts, "ends before it starts"), None
    elif duration:
        length = _length(duration)
        last = first + timedelta(days=length.days) if length and length.days else None
    return Span(
        starts_at=reading.at(Moment(wall=first)),
        ends_at=reading.at(Moment(wall=last)) if last else None,
        all_day=True,
        floating=reading.floats,
        timezone=zone,
        doubts=doubts,
    )


def _length(raw: str) -> timedelta | None:
    if len(raw) > _LONGEST:
        return None
    try:
        length = vDuration.from_ical(raw.strip().upper())
    except (ValueError, OverflowError, TypeError):
        return None
    return length if isinstance(length, timedelta) and timedelta() < length <= _LONGEST_DURATION else None
