"""The dates of a calendar's event: its own, and those that its rules, exceptions and moved dates make of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from icalendar import Calendar, Event
from icalendar.prop import vDDDLists, vDDDTypes
from recurring_ical_events import CalendarQuery

from digest.posts.sources.base import MOST_DATES
from digest.posts.sources.icalfile import Block, raw_value
from digest.posts.sources.icalrules import Unreadable, rules_of
from digest.posts.sources.icalzones import FLOATING, Moment, Zone, Zones, in_utc, length

AHEAD = timedelta(days=731)
_AT_FIRST = timedelta(days=120)
_LONGEST_DATE = timedelta(days=366)
_MOST_EXTRAS = 1_000
_OURS = "X-DIGEST-NUMBER"
# What the library is known to raise over dates and rules that contradict each other.
_TROUBLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, AssertionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A block whose times are read: `end` is exclusive and like `start` a date or a time; None if it has none."""

    block: Block
    start: Moment
    end: date | datetime | None
    all_day: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """One date of an event in UTC (a floating one as if in UTC), and the block that holds its words."""

    starts_at: datetime
    ends_at: datetime | None
    timed: Timed


def timed(block: Block, zones: Zones) -> Timed:
    """`block` with its times read; raises `Unreadable` where it has no start."""
    line = block.line("DTSTART")
    start = zones.moment(line) if line else None
    if start is None:
        raise Unreadable("has no start that can be read" if line else "has no start")
    all_day = start.is_day or _is_a_whole_day(block, start)
    if isinstance(start.value, datetime) and all_day:
        start = Moment(value=start.value.date(), zone=start.zone if start.zone.name else FLOATING)
    try:
        start.utc()
    except (OverflowError, ValueError):
        raise Unreadable("is dated outside the calendar") from None
    try:
        end, warning = _end(block, start, zones, all_day=all_day)
    except (OverflowError, ValueError):
        end, warning = None, "ends outside the calendar, so its end was left out"
    return Timed(block=block, start=start, end=end, all_day=all_day, warnings=(warning,) if warning else ())


def dates(
    core: Timed | None, changed: Sequence[Timed], zones: Zones, *, now: datetime
) -> tuple[list[When], list[str]]:
    """The dates from a day before `now` to two years after it, in order, and what could not be read, in words.

    `changed` are the single dates that were moved, cancelled or reworded (RECURRENCE-ID). Of very many dates the
    first are given, at least one more than a post has room for.
    """
    known = [*([core] if core else []), *changed[:_MOST_EXTRAS]]
    if core and not core.block.repeats and not changed:
        return [_when(core.start.value, core.end, core.start.zone, core)], []
    warnings: list[str] = []
    calendar, last = Calendar(), None
    for number, one in enumerate(known):
        event, until, warning = _event(one, number, zones)
        calendar.add_component(event)
        warnings += [warning] if warning else []
        last = until or last
    try:
        query = CalendarQuery(calendar)
        found = _expanded(query, known, now=now, stop=now + _AT_FIRST)
        if len(found) <= MOST_DATES:
            found = _expanded(query, known, now=now, stop=now + AHEAD)
    except _TROUBLE:
        return [_when(one.start.value, one.end, one.start.zone, one) for one in known], [
            *warnings,
            "repeats in a way that cannot be read, so only its own dates were taken",
        ]
    return [when for when in found if last is None or when.starts_at <= last], warnings


def _is_a_whole_day(block: Block, start: Moment) -> bool:
    """Outlook writes whole days as times from midnight to midnight, with a mark of its own."""
    marked = raw_value(block.line("X-MICROSOFT-CDO-ALLDAYEVENT")).upper() == "TRUE"
    return marked and isinstance(start.value, datetime) and start.value.time() == time()


def _end(block: Block, start: Moment, zones: Zones, *, all_day: bool) -> tuple[date | datetime | None, str]:
    """When it is over, exclusive; a date without an end lasts one day (RFC 5545 §3.6.1), a time has none then."""
    a_day = start.value + timedelta(days=1) if all_day else None
    stated = zones.moment(block.line("DTEND")) if "DTEND" in block.lines else None
    if stated is not None:
        end = _like(stated, start)
        if in_utc(end, start.zone) < start.utc():
            return a_day, "ends before it starts, so its end was left out"
        return (a_day if in_utc(end, start.zone) == start.utc() else end), ""
    lasts = length(raw_value(block.line("DURATION")))
    if lasts is None:
        return a_day, ""
    if start.is_day:
        return start.value + max(timedelta(days=lasts.days), timedelta(days=1)), ""
    # Days are those of the calendar, hours those of the clock (RFC 5545 §3.3.6).
    end = start.value + timedelta(days=lasts.days)
    rest = lasts - timedelta(days=lasts.days)
    if isinstance(end, datetime) and end.tzinfo and rest:
        return (end.astimezone(UTC) + rest).astimezone(end.tzinfo), ""
    return end + rest, ""


def _like(end: Moment, start: Moment) -> date | datetime:
    """`end` as a date where the start is one, and as a time of the start's zone where the start is a time."""
    if start.is_day:
        return end.value.date() if isinstance(end.value, datetime) else end.value
    assert isinstance(start.value, datetime)
    value = end.value if isinstance(end.value, datetime) else datetime.combine(end.value, time())
    if value.tzinfo is None or start.value.tzinfo is None:
        return value.replace(tzinfo=start.value.tzinfo)
    return value.astimezone(start.value.tzinfo)


def _when(start: date | datetime, end: date | datetime | None, zone: Zone, one: Timed) -> When:
    return When(starts_at=in_utc(start, zone), ends_at=in_utc(end, zone) if end else None, timed=one)


def _event(one: Timed, number: int, zones: Zones) -> tuple[Event, datetime | None, str]:
    """`one` as the library reads it, the moment its rule must not pass, and what was left out of it, in words."""
    event, until, warning = Event(), None, ""
    event["UID"], event[_OURS], event["SEQUENCE"] = "one", str(number), one.block.sequence
    event["DTSTART"] = vDDDTypes(one.start.value)
    end = one.end or one.start.value
    if in_utc(end, one.start.zone) - one.start.utc() > _LONGEST_DATE:
        end, warning = (
            one.start.value,
            "repeats, and each date would last over a year, so its end was left out",
        )
    event["DTEND"] = vDDDTypes(end)
    replaced = zones.moment(one.block.line("RECURRENCE-ID"))
    if replaced is not None:
        event["RECURRENCE-ID"] = vDDDTypes(_comparable(replaced.value, one.start.value))
        if ";RANGE=THISANDFUTURE" in one.block.line("RECURRENCE-ID").upper():
            event["RECURRENCE-ID"].params["RANGE"] = "THISANDFUTURE"
        return event, None, warning
    try:
        rules, until = rules_of(one.block, one.start)
        if rules:
            event["RRULE"] = rules
    except Unreadable as unreadable:
        warning = f"{unreadable}, so its repetition was left out"
    for name in ("EXDATE", "RDATE"):
        values = list(_extras(one, name, zones))[:_MOST_EXTRAS]
        if values:
            event[name] = vDDDLists(values)
    return event, until, warning


def _comparable(value: date | datetime, start: date | datetime) -> date | datetime:
    """`value` in the form of the start that it is compared with: a day, a time in a zone, a time without one."""
    if not isinstance(start, datetime):
        return value.date() if isinstance(value, datetime) else value
    if not isinstance(value, datetime):
        return datetime.combine(value, start.timetz())
    return value.replace(tzinfo=start.tzinfo) if (value.tzinfo is None) != (start.tzinfo is None) else value


def _extras(one: Timed, name: str, zones: Zones) -> Iterator[Any]:
    for line in one.block.lines.get(name, ()):
        for moment in zones.moments(line):
            if not isinstance(moment, tuple):
                # An exception without a time excepts the whole day.
                yield (
                    moment.value
                    if name == "EXDATE" and moment.is_day
                    else _comparable(moment.value, one.start.value)
                )
            elif name == "RDATE":
                first, last = moment
                end = last if isinstance(last, timedelta) else last.value
                yield (_comparable(first.value, one.start.value), end)


def _expanded(query: CalendarQuery, known: Sequence[Timed], *, now: datetime, stop: datetime) -> list[When]:
    found = []
    for component in query.between(now - timedelta(days=1), stop):
        one = known[int(component[_OURS])]
        start, end = component["DTSTART"].dt, component["DTEND"].dt
        found.append(_when(start, end if one.end and end > start else None, one.start.zone, one))
    return sorted(found, key=lambda when: when.starts_at)
