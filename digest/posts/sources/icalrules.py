"""The rules by which an event of a calendar repeats (RFC 5545 §3.3.10), checked before anything counts by them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import product
from math import prod
from typing import Any
from zoneinfo import ZoneInfo

from icalendar.prop import vRecur

from digest.posts.sources.icalfile import Block, raw_value
from digest.posts.sources.icalzones import Moment, in_utc

_MOST_RULES = 5
_A_DAY = 24
_RANGES = {
    "BYMONTH": range(1, 13),
    "BYMONTHDAY": range(1, 32),
    "BYYEARDAY": range(1, 367),
    "BYWEEKNO": range(1, 54),
    "BYSETPOS": range(1, 367),
    "BYHOUR": range(24),
    "BYMINUTE": range(60),
    "BYSECOND": range(60),
}
_FROM_THE_END = frozenset({"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"})
_DAYS_OF = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# RFC 5545 §3.3.10: what a rule of each frequency may say. By the hour and below, nobody is invited to anything.
_ALLOWED = {
    "DAILY": {"BYMONTH", "BYMONTHDAY"},
    "WEEKLY": {"BYMONTH"},
    "MONTHLY": {"BYMONTH", "BYMONTHDAY"},
    "YEARLY": {"BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"},
}
_ALWAYS = frozenset(
    {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYSETPOS", "BYHOUR", "BYMINUTE", "BYSECOND"}
)


class Unreadable(Exception):
    """An event, or its repetition, cannot be read; the message is the end of a sentence that says why."""


def rules_of(block: Block, start: Moment) -> tuple[list[vRecur], datetime | None]:
    """The rules of a series, made fit for the library; raises `Unreadable` for those that nobody could attend."""
    if "EXRULE" in block.lines:
        raise Unreadable("repeats with a rule of exceptions, which calendars no longer have")
    lines = [line for line in block.lines.get("RRULE", []) if raw_value(line)]
    if len(lines) > _MOST_RULES:
        raise Unreadable("has more rules than can be read")
    rules, last = [], None
    for line in lines:
        try:
            rule = vRecur.from_ical(raw_value(line))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            raise Unreadable("repeats by a rule that cannot be read") from None
        _check(rule)
        until = _until(rule, start)
        if until is not None:
            rule["UNTIL"] = [until]
            if (
                "COUNT" in rule
            ):  # never both in one rule, but where both stand the first to be reached ends it
                del rule["UNTIL"]
                last = in_utc(until, start.zone)
        rules.append(rule)
    return rules, last


def _check(rule: vRecur) -> None:
    """Raise `Unreadable` for a rule that is not one, never comes true, or comes true too often to be a date."""
    values: dict[str, list[Any]] = {str(name).upper(): list(given) for name, given in rule.items()}
    frequency = str(next(iter(values.get("FREQ", [])), "")).upper()
    if frequency not in _ALLOWED:
        raise Unreadable(
            "repeats more often than daily" if frequency else "repeats by a rule without a frequency"
        )
    strange = values.keys() - _ALWAYS - _ALLOWED[frequency]
    numbers = {name: [int(value) for value in values.get(name, [])] for name in _RANGES}
    outside = any(
        (abs(number) if name in _FROM_THE_END else number) not in _RANGES[name]
        for name, given in numbers.items()
        for number in given
    )
    counted = [*values.get("INTERVAL", [1]), *values.get("COUNT", [1])]
    if strange or outside or any(not 1 <= number <= 100_000 for number in counted):
        raise Unreadable("repeats by a rule that cannot be read")
    times = prod(len(set(numbers[name])) or 1 for name in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    if times > _A_DAY:
        raise Unreadable("repeats more often than daily")
    per_turn = {"DAILY": times, "WEEKLY": 7 * times}.get(frequency, 366)
    if any(abs(place) > per_turn for place in numbers["BYSETPOS"]):
        raise Unreadable("repeats by a rule that never comes true")
    days = [*product(numbers["BYMONTH"] or [1], numbers["BYMONTHDAY"])]
    if days and all(abs(day) > _DAYS_OF[month] for month, day in days):
        raise Unreadable("repeats by a rule that never comes true")


def _until(rule: vRecur, start: Moment) -> date | datetime | None:
    """The last moment of a rule in the form that its start has: a day means its end, a time without a zone the start's."""
    until = next(iter(rule.get("UNTIL", [])), None)
    if until is None:
        return None
    clock = start.value.tzinfo if isinstance(start.value, datetime) else start.zone.clock
    if clock is UTC and start.zone.name:
        clock = ZoneInfo(start.zone.name)
    if start.is_day:
        in_zone = until.astimezone(clock) if isinstance(until, datetime) and until.tzinfo and clock else until
        return in_zone.date() if isinstance(in_zone, datetime) else in_zone
    if not isinstance(until, datetime):
        until = datetime.combine(until, time(23, 59, 59))
    if clock is None:
        return until.replace(tzinfo=None)
    return (until if until.tzinfo else until.replace(tzinfo=clock)).astimezone(UTC)
