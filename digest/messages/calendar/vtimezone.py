"""VTIMEZONE: how a zone's clock is put forward and back, for the file that names it (RFC 5545 section 3.6.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard, vRecur

_SECOND = timedelta(seconds=1)
_STEP = timedelta(days=5)  # no two changes of any clock since 1970 are closer together
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


class _Change(NamedTuple):
    """A clock is put from one offset to another; `at` is what it shows until then."""

    at: datetime
    before: timedelta
    after: timedelta
    name: str


class _Rule(NamedTuple):
    """Changes that come every year on the same weekday of the same month, counted from its start or end."""

    first: _Change
    week: int


@lru_cache(maxsize=256)
def vtimezone(name: str, first_year: int, last_year: int) -> Timezone:
    """The zone with this IANA name, right from the first to the last of these years; not to be changed.

    Two yearly rules where they tell every change, for Outlook reads nothing else (MS-OXCICAL section 2.1.3.1.1.19);
    otherwise each change by itself. The library's `Timezone.from_tzinfo` is not used: it tells the start of summer
    time an hour late and misses periods of less than two months, such as Morocco's.
    """
    zone = ZoneInfo(name)
    begin = datetime(first_year - 1, 1, 1, tzinfo=zone).astimezone(UTC)
    end = datetime(last_year + 1, 1, 1, tzinfo=zone).astimezone(UTC)
    changes = [_change(zone, at) for at in _changes(zone, begin, end)]
    rules = _yearly(changes, years=last_year - first_year + 2)
    written = Timezone()
    written.add("TZID", name)
    for rule in rules:
        written.add_component(_observance(rule.first, yearly=_recurrence(rule)))
    if not rules:
        for change in (_change(zone, begin)._replace(before=_offset(begin, zone)), *changes):
            written.add_component(_observance(change))
    return written


def _changes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The moments, to the second, at which the clock of `zone` is put to another offset."""
    at = begin
    while at < end:
        before, after = at, min(at + _STEP, end)
        offset = _offset(before, zone)
        at = after
        if _offset(after, zone) == offset:
            continue
        while after - before > _SECOND:
            middle = (before + (after - before) / 2).replace(microsecond=0)
            before, after = (middle, after) if _offset(middle, zone) == offset else (before, middle)
        yield after


def _change(zone: ZoneInfo, at: datetime) -> _Change:
    before, local = _offset(at - _SECOND, zone), at.astimezone(zone)
    shown = (at + before).replace(tzinfo=None)
    return _Change(at=shown, before=before, after=_offset(at, zone), name=local.tzname() or "")


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _yearly(changes: list[_Change], *, years: int) -> list[_Rule]:
    """The rules, one to summer time and one back, that tell all `changes` of so many years; none where none do."""
    forward, back = changes[::2], changes[1::2]
    if len(forward) != years or len(back) != years:
        return []
    weeks = [_shared_week(forward), _shared_week(back)]
    rules = [
        _Rule(same[0], week) for same, week in zip((forward, back), weeks, strict=True) if week is not None
    ]
    return rules if len(rules) == 2 else []


def _shared_week(changes: Iterable[_Change]) -> int | None:
    """In which week of its month each of `changes` is, at the same hour of the same weekday; None if they differ."""
    kinds = {(c.at.month, c.at.weekday(), c.at.time(), *c[1:]) for c in changes}
    shared = set.intersection(*(_weeks(c.at) for c in changes))
    # A change in the fourth week that is always the last is on the last: so are the rules of clocks.
    return min(shared) if len(kinds) == 1 and shared else None


def _weeks(at: datetime) -> set[int]:
    is_last = (at + timedelta(days=7)).month != at.month
    return {week for week in (-1 if is_last else 0, (at.day + 6) // 7) if week in {-1, 1, 2, 3, 4}}


def _recurrence(rule: _Rule) -> vRecur:
    at = rule.first.at
    return vRecur({"FREQ": "YEARLY", "BYMONTH": at.month, "BYDAY": f"{rule.week}{_WEEKDAYS[at.weekday()]}"})


def _observance(change: _Change, *, yearly: vRecur | None = None) -> TimezoneDaylight | TimezoneStandard:
    # Ireland calls its winter the exception; readers that keep one rule of each expect what the rest of us do.
    observance = TimezoneDaylight() if change.after > change.before else TimezoneStandard()
    observance.DTSTART = change.at
    if yearly is not None:
        observance.add("RRULE", yearly)
    observance.TZOFFSETFROM, observance.TZOFFSETTO = change.before, change.after
    observance.add("TZNAME", change.name)
    return observance
