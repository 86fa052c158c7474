"""VTIMEZONE: the changes of a zone's clock, written into the file that needs them (RFC 5545 section 3.6.5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


class _Rule(NamedTuple):
    before: timedelta
    after: timedelta
    name: str
    is_summer: bool


@lru_cache(maxsize=256)
def vtimezone(name: str, first_year: int, last_year: int) -> Timezone:
    """The zone with this IANA name from the first to the last of these years, both whole; not to be changed.

    The library's own `Timezone.from_tzinfo` is not used: it writes the onset of summer time as the clock shows it
    afterwards, an hour late, and misses periods of less than two months (Morocco's Ramadan).
    """
    zone = ZoneInfo(name)
    begin = datetime(first_year, 1, 1, tzinfo=zone).astimezone(UTC)
    end = datetime(last_year + 1, 1, 1, tzinfo=zone).astimezone(UTC)
    onsets: dict[_Rule, list[datetime]] = {}
    for at in (begin, *_changes(zone, begin, end)):
        before = (at - _SECOND if at > begin else at).astimezone(zone)
        rule = _rule(at.astimezone(zone), before=before)
        # An onset is told by the clock as it was up to then.
        onsets.setdefault(rule, []).append((at + rule.before).replace(tzinfo=None))
    written = Timezone()
    written.add("TZID", name)
    for rule, starts in onsets.items():
        written.add_component(_observance(rule, starts))
    return written


def _changes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The moments, to the second, at which the clock of `zone` is put to another offset; at most one in a day."""
    at = begin
    while at < end:
        after = min(at + _DAY, end)
        if at.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            yield _change(zone, at, after)
        at = after


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _rule(local: datetime, *, before: datetime) -> _Rule:
    offset, earlier = local.utcoffset(), before.utcoffset()
    assert offset is not None
    assert earlier is not None
    return _Rule(earlier, offset, local.tzname() or str(offset), bool(local.dst()))


def _observance(rule: _Rule, starts: list[datetime]) -> TimezoneDaylight | TimezoneStandard:
    observance = TimezoneDaylight() if rule.is_summer else TimezoneStandard()
    observance.DTSTART, *others = starts
    if others:
        observance.add("RDATE", others)
    observance.TZOFFSETFROM, observance.TZOFFSETTO = rule.before, rule.after
    observance.add("TZNAME", rule.name)
    return observance
