"""What the times of a calendar mean: their zone by name, by the calendar's own definition, or none at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard
from icalendar.prop import vDDDLists, vDDDTypes, vRecur, vUTCOffset
from icalendar.timezone import tzp

from digest.posts.sources.icalfile import raw_value, text_of
from digest.posts.zones import offset, zone_name

_MOST_CHANGES = 20
_MOST_DEFINITIONS = 200
_LONG_AGO = 1990
_PLAIN = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYDAY", "BYMONTHDAY", "WKST"})
_TZID = re.compile(r";TZID=(?:\"([^\"]*)\"|([^;]*))", re.IGNORECASE)
_PROPERTY = re.compile(r"([A-Za-z-]+)[;:]")
_COMPACT = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:[Tt](\d{2})(\d{2})(\d{2})?([Zz]?))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """What gives a wall-clock time its moment; `name` is the IANA name, None where only offsets are known.

    `clock` is None for a floating time, which has no zone.
    """

    clock: tzinfo | None = None
    name: str | None = None


FLOATING = Zone()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One date or date-time of a calendar: aware unless it floats; a date is whole and has its zone beside it."""

    value: date | datetime
    zone: Zone

    @property
    def is_day(self) -> bool:
        """Whether it is a date without a time."""
        return not isinstance(self.value, datetime)

    def utc(self) -> datetime:
        """The moment in UTC, local midnight for a date; a floating time is written as if it were UTC.

        A time that the clocks skip is read with the offset before the change (RFC 5545 §3.3.5).
        Raises OverflowError at the ends of the calendar.
        """
        return in_utc(self.value, self.zone)


class Zones:
    """The zones of one calendar: X-WR-TIMEZONE, the names in its times, and the VTIMEZONEs for names nobody knows.

    The IANA zone of a known name wins over the calendar's own definition of it, which is often wrong or old.
    `unknown` gathers the names that neither names nor definitions explain.
    """

    def __init__(self, *, default: str, definitions: Iterable[str]) -> None:
        self.unknown: list[str] = []
        self._definitions = dict(_named(text) for text in definitions)
        self._found: dict[str, Zone] = {}
        self._defined = 0
        self.default = self._look_up(default) or FLOATING

    def zone(self, tzid: str) -> Zone:
        """The zone that `tzid` names in this calendar; the calendar's default if nothing explains it."""
        known = self._found.get(tzid)
        if known is None:
            known = self._look_up(tzid)
            if known is None:
                self.unknown.append(tzid)
                known = self.default
            self._found[tzid] = known
        return known

    def moments(self, line: str) -> list[Moment | tuple[Moment, Moment | timedelta]]:
        """Every date, time or period on `line`; those that cannot be read are left out."""
        head, _, values = line.rpartition(":")
        match = _TZID.search(head)
        tzid = (match[1] or match[2] or "") if match else ""
        found: list[Moment | tuple[Moment, Moment | timedelta]] = []
        for value in values.split(","):
            first, slash, last = value.strip().partition("/")
            start, end = self._moment(first, tzid), self._length_or_moment(last, tzid) if slash else None
            if start is not None:
                found.append(start if end is None else (start, end))
        return found

    def moment(self, line: str) -> Moment | None:
        """The one date or time on `line`, None if there is none that can be read."""
        first = next(iter(self.moments(line)), None)
        return first[0] if isinstance(first, tuple) else first

    def _moment(self, value: str, tzid: str) -> Moment | None:
        read = _read(value)
        zone = self.zone(tzid) if tzid else self.default
        if isinstance(read, datetime):
            if (
                read.tzinfo is not None
            ):  # UTC is how it was written; where it happens, the zone says if any does
                return Moment(value=read.astimezone(UTC), zone=Zone(clock=UTC, name=zone.name))
            return Moment(value=read.replace(tzinfo=zone.clock), zone=zone)
        return Moment(value=read, zone=zone if zone.name else FLOATING) if read else None

    def _length_or_moment(self, value: str, tzid: str) -> Moment | timedelta | None:
        return length(value) or self._moment(value, tzid)

    def _look_up(self, tzid: str) -> Zone | None:
        name = zone_name(tzid)
        if name:
            return Zone(clock=ZoneInfo(name), name=name)
        definition = self._definitions.get(tzid.strip())
        if definition and self._defined < _MOST_DEFINITIONS:
            self._defined += 1
            return _defined(definition)
        amount = offset(tzid)
        return Zone(clock=timezone(amount)) if amount is not None else None


def in_utc(value: date | datetime, zone: Zone) -> datetime:
    """`value` as `Moment.utc` gives it."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(), zone.clock)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def length(value: str) -> timedelta | None:
    """A duration ("PT1H30M", RFC 5545 §3.3.6), None if it is not one or not longer than nothing."""
    if re.match(r"\+?P", value.strip(), re.IGNORECASE) is None:
        return None
    try:
        read = vDDDTypes.from_ical(value.strip().upper())
    except (ValueError, OverflowError):
        return None
    return read if isinstance(read, timedelta) and read > timedelta() else None


def _read(value: str) -> date | datetime | None:
    """A date or time in the form of RFC 5545, or without its seconds, or with hyphens, as some writers have it."""
    match = _COMPACT.fullmatch(value.strip())
    if not match:
        return None
    year, month, day, hour, minute, second, zulu = match.groups()
    try:
        if hour is None:
            return date(int(year), int(month), int(day))
        # A leap second is as good as the second before it.
        clock = time(int(hour), int(minute), min(int(second or 0), 59), tzinfo=UTC if zulu else None)
        return datetime.combine(date(int(year), int(month), int(day)), clock)
    except ValueError:
        return None


def _named(definition: str) -> tuple[str, str]:
    match = re.search(r"^TZID[;:].*$", definition, re.IGNORECASE | re.MULTILINE)
    line = match[0] if match else ""
    return (text_of(line) or line.partition(":")[2]).strip().strip('"'), definition


def _defined(definition: str) -> Zone | None:
    """The zone a VTIMEZONE describes: the one its writer names beside it, else the offsets it lists."""
    location = re.search(r"^X-LIC-LOCATION[;:].*$", definition, re.IGNORECASE | re.MULTILINE)
    name = zone_name(raw_value(location[0])) if location else None
    if name:
        return Zone(clock=ZoneInfo(name), name=name)
    component = Timezone()
    component.add("TZID", "own")
    try:
        for text in re.findall(
            r"BEGIN:(?:STANDARD|DAYLIGHT).*?END:(?:STANDARD|DAYLIGHT)", definition, re.DOTALL
        )[-_MOST_CHANGES:]:
            component.add_component(_change(text))
        clock = tzp.create_timezone(component)
        datetime(2025, 1, 1, tzinfo=clock).utcoffset()
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError):
        return None
    return Zone(clock=clock)


def _change(text: str) -> TimezoneStandard | TimezoneDaylight:
    """One STANDARD or DAYLIGHT block; raises ValueError for rules that clocks do not follow."""
    lines: dict[str, str] = {}
    for line in text.split("\r\n"):
        match = _PROPERTY.match(line)
        if match:
            lines.setdefault(match[1].upper(), line)
    change = TimezoneDaylight() if text.startswith("BEGIN:DAYLIGHT") else TimezoneStandard()
    start = _read(raw_value(lines["DTSTART"]))
    if start is None:
        raise ValueError("no start")
    first = start if isinstance(start, datetime) else datetime.combine(start, time())
    for name in ("TZOFFSETFROM", "TZOFFSETTO"):
        change[name] = vUTCOffset(vUTCOffset.from_ical(raw_value(lines[name])))
    if "RRULE" in lines:
        change["RRULE"] = rule = vRecur.from_ical(raw_value(lines["RRULE"]))
        _check(rule)
        if first.year < _LONG_AGO and "COUNT" not in rule:
            first = first.replace(year=_LONG_AGO)  # from 1601 on, each look would count the years
    elif "RDATE" in lines:
        days = (_read(value) for value in raw_value(lines["RDATE"]).split(",")[:200])
        change["RDATE"] = vDDDLists([day for day in days if isinstance(day, datetime)])
    change["DTSTART"] = vDDDTypes(first)
    return change


def _check(rule: vRecur) -> None:
    """Raise ValueError unless the rule names days of one month that exist in every few years."""
    values = {str(name).upper(): list(given) for name, given in rule.items()}
    months = [int(month) for month in values.get("BYMONTH", [])]
    days = [int(day) for day in values.get("BYMONTHDAY", [])]
    weekdays = [str(day) for day in values.get("BYDAY", [])]
    turns = [re.sub(r"[A-Z+-]", "", day) for day in weekdays]
    if (
        values.get("FREQ") != ["YEARLY"]
        or not _PLAIN.issuperset(values)
        or values.get("INTERVAL", [1]) != [1]
    ):
        raise ValueError("clocks change by the year")
    if len(months) > 1 or any(not 1 <= month <= 12 for month in months):
        raise ValueError("clocks change in one month")
    if any(not 1 <= abs(day) <= (28 if months == [2] else 30) for day in days):
        raise ValueError("not a day of every year")
    if any(turn and (days or not 1 <= int(turn) <= (5 if months else 50)) for turn in turns):
        raise ValueError("not a weekday of every year")
