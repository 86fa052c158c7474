"""Until when no mail is to come: a date as a reader gives it, made a moment in the publication's own zone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digest.errors import DigestError

LONGEST_PAUSE = timedelta(days=366)


class BadPause(DigestError):
    """A pause has to end between tomorrow and a year from now."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f'"{text[:40]}" ends no pause; expected a date between tomorrow and a year from now.'
        )


def beginning_of(text: str, timezone: str, *, now: datetime) -> datetime | None:
    """The moment a pause until this date, such as "2026-12-24", ends: where that day begins; None for no date.

    Raises `BadPause` for one that is not between tomorrow and a year from now.
    """
    if not text.strip():
        return None
    zone = ZoneInfo(timezone)
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise BadPause(text) from None
    today = now.astimezone(zone).date()
    if not today < day <= today + LONGEST_PAUSE:
        raise BadPause(text)
    return datetime.combine(day, time(), tzinfo=zone)
