"""When an edition is cut and sent: a cadence in words or cron, and its next moment in a named time zone.

Times are local wall-clock times. An hour that spring skips becomes the first moment after the gap; an hour that
autumn repeats counts the first time only; so every local date has at most one moment.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# 29 February can be eight years away (1896 → 1904, 2096 → 2104); a day more on each side for the zones.
_FARTHEST = timedelta(days=8 * 366 + 2)
_EXPECTED = 'expected for example "wed 15:00", "mon,thu 09:30", "daily 08:00", "1st 09:00" or a cron expression "0 15 * * wed"'
_DAY = timedelta(days=1)


class CadenceError(ValueError):
    """A cadence could not be read; the text says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One moment of a cadence: the local date it belongs to, and when that is, in UTC."""

    date: date
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One edition's timetable: the local date of its send, when it is cut and when it goes out, both in UTC."""

    slot: date
    cut_at: datetime
    send_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """A recurring local time: at `hour`:`minute` on the days that match.

    `weekdays` counts from Monday = 0. With `either`, a day matches by its weekday or its day of the month
    (crontab's rule when both are restricted); otherwise it must match by both.
    """

    text: str
    hour: int
    minute: int
    weekdays: frozenset[int] = frozenset(range(7))
    days: frozenset[int] = frozenset(range(1, 32))
    months: frozenset[int] = frozenset(range(1, 13))
    either: bool = False

    @classmethod
    def parse(cls, text: str) -> Cadence:
        """Read "wed 15:00", "mon-fri 08:00", "daily 08:00", "1st,15th 09:00" or five cron fields.

        Raises `CadenceError` with one sentence when it is something else, or a day that never comes.
        """
        words = text.lower().split()
        if len(words) == 5:
            cadence = _from_cron(text, words)
        elif len(words) == 2:
            cadence = _from_words(text, *words)
        else:
            raise CadenceError(_EXPECTED)
        possible = cadence.either or any(
            min(cadence.days) <= _LONGEST_MONTH[month - 1] for month in cadence.months
        )
        if not possible:
            raise CadenceError("expected a day that exists: no month given has that day")
        return cadence

    def __str__(self) -> str:
        return self.text

    def next_after(self, moment: datetime, zone: ZoneInfo) -> Slot:
        """The first moment strictly after `moment` (aware); `Slot.date` is the local date in `zone`."""
        day = _local_date(moment, zone) - 2 * _DAY
        for date_ in self._matching(day, _DAY):
            at = _resolve(date_, time(self.hour, self.minute), zone)
            if at > moment:
                return Slot(date=date_, at=at)
        raise CadenceError(f'"{self.text}" has no moment after {moment.isoformat()}')

    def last_until(self, moment: datetime, zone: ZoneInfo) -> Slot:
        """The last moment at or before `moment` (aware)."""
        day = _local_date(moment, zone) + 2 * _DAY
        for date_ in self._matching(day, -_DAY):
            at = _resolve(date_, time(self.hour, self.minute), zone)
            if at <= moment:
                return Slot(date=date_, at=at)
        raise CadenceError(f'"{self.text}" has no moment before {moment.isoformat()}')

    def cron_fields(self) -> dict[str, str]:
        """The fields of an APScheduler CronTrigger, with day names since its weekday numbers are not crontab's.

        That trigger cannot say "either", so there it fires on every day of the months: more often, never less.
        """
        every_day = self.either or len(self.days) == 31
        every_weekday = self.either or len(self.weekdays) == 7
        return {
            "minute": str(self.minute),
            "hour": str(self.hour),
            "day": "*" if every_day else ",".join(str(d) for d in sorted(self.days)),
            "month": "*" if len(self.months) == 12 else ",".join(str(m) for m in sorted(self.months)),
            "day_of_week": "*" if every_weekday else ",".join(_WEEKDAYS[d] for d in sorted(self.weekdays)),
        }

    def _matches(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.weekday() in self.weekdays
        return (by_day or by_weekday) if self.either else (by_day and by_weekday)

    def _matching(self, start: date, step: timedelta) -> Iterator[date]:
        day, left = start, _FARTHEST.days * 5  # five: 29 February on one weekday comes once in 28 or 40 years
        while left and date.min < day < date.max:
            if self._matches(day):
                yield day
            day += step
            left -= 1


def upcoming(
    cut_off: Cadence, send: Cadence, zone: ZoneInfo, *, after: datetime, count: int = 1
) -> list[Window]:
    """The next `count` sends strictly after `after`, each with the last cut-off at or before it."""
    windows: list[Window] = []
    moment = after
    for _ in range(count):
        slot = send.next_after(moment, zone)
        windows.append(Window(slot=slot.date, cut_at=cut_off.last_until(slot.at, zone).at, send_at=slot.at))
        moment = slot.at
    return windows


def _from_words(text: str, days: str, clock: str) -> Cadence:
    match = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", clock)
    if not match or int(match[1]) > 23 or int(match[2]) > 59:
        raise CadenceError(
            f'the time is "{clock}"; expected hours and minutes such as "09:30", from 00:00 to 23:59'
        )
    hour, minute = int(match[1]), int(match[2])
    if days == "daily":
        return Cadence(text=text, hour=hour, minute=minute)
    if days[:1].isdigit():
        return Cadence(text=text, hour=hour, minute=minute, days=frozenset(map(_ordinal, days.split(","))))
    weekdays = frozenset(day for part in days.split(",") for day in _weekday_range(part))
    return Cadence(text=text, hour=hour, minute=minute, weekdays=weekdays)


def _ordinal(word: str) -> int:
    match = re.fullmatch(r"([0-9]{1,2})(st|nd|rd|th)", word)
    if not match or not 1 <= int(match[1]) <= 31:
        raise CadenceError(f'"{word}" is not a day of the month; expected for example "1st" or "15th"')
    return int(match[1])


def _weekday_range(part: str) -> Sequence[int]:
    first, dash, last = part.partition("-")
    start = _weekday(first)
    return _wrap(start, _weekday(last)) if dash else (start,)


def _weekday(word: str) -> int:
    for index, full in enumerate(calendar.day_name):
        if word in {_WEEKDAYS[index], full.lower()}:
            return index
    raise CadenceError(f'"{word}" is not a weekday; {_EXPECTED}')


def _wrap(start: int, end: int) -> list[int]:
    return [(start + n) % 7 for n in range((end - start) % 7 + 1)]


def _from_cron(text: str, fields: Sequence[str]) -> Cadence:
    minute = _single(fields[0], "minute", 59)
    hour = _single(fields[1], "hour", 23)
    # As in crontab, a field that begins with a star restricts together with the other, not as an alternative.
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    return Cadence(
        text=text,
        hour=hour,
        minute=minute,
        days=_numbers(fields[2], "day of the month", 1, 31),
        months=_numbers(fields[3], "month", 1, 12, names=_MONTHS),
        weekdays=_cron_weekdays(fields[4]),
        either=either,
    )


def _single(field: str, name: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,2}", field) or int(field) > most:
        raise CadenceError(
            f'the {name} is "{field}"; expected one number from 0 to {most}, since an edition has one moment a day'
        )
    return int(field)


def _numbers(field: str, name: str, least: int, most: int, *, names: Sequence[str] = ()) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        every = _number(step, name, 1, most) if slash else 1
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = least, most
        elif dash:
            low, high = (_number(end, name, least, most, names=names) for end in (first, last))
        elif slash:
            raise CadenceError(f'the {name} is "{field}"; expected a star or a range before "/"')
        else:
            low = high = _number(span, name, least, most, names=names)
        if low > high:
            raise CadenceError(f'the {name} is "{field}"; expected a range that ends after it begins')
        found.update(range(low, high + 1, every))
    return frozenset(found)


def _number(word: str, name: str, least: int, most: int, *, names: Sequence[str] = ()) -> int:
    if word in names:
        return least + names.index(word)
    if not re.fullmatch(r"[0-9]{1,2}", word) or not least <= int(word) <= most:
        raise CadenceError(f'the {name} "{word}" is not known; expected {least} to {most}')
    return int(word)


def _cron_weekdays(field: str) -> frozenset[int]:
    """Crontab's weekdays, counted from Monday = 0: there 0 and 7 are Sunday and 1 is Monday."""
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        every = _number(step, "weekday", 1, 7) if slash else 1
        first, dash, last = span.partition("-")
        if span == "*":
            days = [6, 0, 1, 2, 3, 4, 5]
        elif span == "0-7":
            days = [6, 0, 1, 2, 3, 4, 5, 6]
        elif dash:
            days = _wrap(_cron_weekday(first), _cron_weekday(last))
        elif slash:
            raise CadenceError(f'the weekday is "{field}"; expected a star or a range before "/"')
        else:
            days = [_cron_weekday(span)]
        found.update(days[::every])
    return frozenset(found)


def _cron_weekday(word: str) -> int:
    if re.fullmatch(r"[0-7]", word):
        return (int(word) - 1) % 7
    try:
        return _weekday(word)
    except CadenceError:
        raise CadenceError(
            f'the weekday "{word}" is not known; expected 0 to 7 (0 and 7 are Sunday) or a name'
        ) from None


def _local_date(moment: datetime, zone: ZoneInfo) -> date:
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment!r}: every time here carries its zone")
    return moment.astimezone(zone).date()


def _resolve(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The UTC moment of a local time: the first of two, or the end of the gap it falls in."""
    local = datetime.combine(day, clock, zone)
    first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if first <= second:
        return first
    # In a gap the two readings lie on either side of the change; halve the distance until they meet at it.
    before, after = second, first
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle <= before:
            break
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
