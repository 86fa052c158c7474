"""How often a reader wants a publication: with every edition, or with the first one in each week, month or quarter."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

Frequency = Literal["every", "weekly", "fortnightly", "monthly", "quarterly"]
EVERY: Frequency = "every"
FREQUENCIES: tuple[Frequency, ...] = get_args(Frequency)


def period_start(frequency: Frequency, at: datetime, timezone: str) -> datetime | None:
    """When the period around `at` (aware) began, in UTC; None for a reader of every edition.

    Periods begin at midnight in `timezone`: a week on Monday, a fortnight on every other Monday, a month on its first
    day, a quarter in January, April, July and October. Whoever had an edition since then waits for the next.
    """
    if frequency == EVERY:
        return None
    zone = ZoneInfo(timezone)
    return datetime.combine(_first_day(frequency, at.astimezone(zone).date()), time(), zone).astimezone(UTC)


def _first_day(frequency: Frequency, day: date) -> date:
    if frequency == "monthly":
        return day.replace(day=1)
    if frequency == "quarterly":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    monday = day - timedelta(days=day.weekday())
    # Counted from the beginning of the calendar: the numbers of weeks begin anew each year, some after an odd one.
    if frequency == "fortnightly" and monday.toordinal() // 7 % 2:
        return monday - timedelta(days=7)
    return monday
