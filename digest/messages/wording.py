"""Words as a mail may carry them: text cleaned of what breaks mail, dates and times as a reader says them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, get_day_names, get_timezone_location

from digest.posts.model import Event
from digest.templating import Words, locale, regional

_ILLEGAL = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls that XML 1.0 or mail readers refuse
    "\u202a-\u202e\u2066-\u2069"  # overrides that turn the reading direction of what follows
    "\ufeff\ufff9-\uffff\ud800-\udfff"  # byte order mark, non-characters, lone surrogates
    "]"
)
_NONCHARACTER = re.compile(
    "[" + "".join(f"{chr(p * 0x10000 + 0xFFFE)}{chr(p * 0x10000 + 0xFFFF)}" for p in range(1, 17)) + "]"
)
_SENTENCE_ENDS = " ,;:–—-"


def clean(text: str, *, limit: int | None = None, keep_lines: bool = False) -> str:
    """`text` without characters that mail, XML or a reading direction would trip over; spaces collapsed.

    Longer than `limit` it is cut at a word with one ellipsis.
    """
    if text.isprintable() and "  " not in text and text == text.strip():
        return shorten(text[: limit * 8], limit) if limit else text
    bounded = text[: limit * 8] if limit else text
    legal = _NONCHARACTER.sub("", _ILLEGAL.sub("", bounded.replace("\r\n", "\n").replace("\r", "\n")))
    legal = legal.replace("\u2028", "\n").replace("\u2029", "\n\n")
    if keep_lines:
        lines = (re.sub(r"[^\S\n]+", " ", line).strip() for line in legal.split("\n"))
        tidy = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    else:
        tidy = " ".join(legal.split())
    return shorten(tidy, limit) if limit else tidy


def shorten(text: str, limit: int) -> str:
    """`text`, or as many of its words as fit in `limit` characters with an ellipsis."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    head, space, _ = cut.rpartition(" ")
    kept = head if space and len(head) > limit // 2 else cut
    return kept.rstrip(_SENTENCE_ENDS) + "…"


def signed_up(at: datetime, *, language: str, timezone: str) -> str:
    """The date a reader signed up, as the footer says it: the value of the slot `signed_up`."""
    return day_words(at, language=language, timezone=timezone, pattern="long")


def weekday_name(weekday: int, *, language: str) -> str:
    """The name of a weekday, Monday being 0, as it stands in a sentence."""
    return str(get_day_names("wide", context="format", locale=locale(language))[weekday])


def day_words(at: datetime, *, language: str, timezone: str, pattern: str = "full") -> str:
    """The date of a moment in words, such as "Thursday, 19 November 2026"."""
    words = format_date(_local(at, timezone), pattern, locale=regional(language, timezone))
    return _plain(words)


def event_zone(event: Event, timezone: str) -> str:
    """The zone an event's times are shown in: its own where it is known, else the publication's."""
    if event.timezone:
        try:
            ZoneInfo(event.timezone)
        except (KeyError, ValueError, OSError):
            return timezone
        return event.timezone
    return timezone


def event_is_over(event: Event, *, now: datetime, timezone: str) -> bool:
    """Whether `event` lies in the past at `now`; one without a date never does."""
    if event.starts_at is None:
        return False
    end = event.ends_at or event.starts_at
    if event.all_day:
        zone = ZoneInfo(event_zone(event, timezone))
        day = last_day(event, str(zone)) + timedelta(days=1)
        end = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    return end < now


def last_day(event: Event, zone: str) -> datetime:
    """The last local day of an event; an all-day event that ends at midnight ended the day before."""
    assert event.starts_at is not None
    start = _local(event.starts_at, zone)
    end = _local(event.ends_at, zone) if event.ends_at else start
    midnight = (end.hour, end.minute, end.second) == (0, 0, 0)
    if event.all_day and midnight and end.date() > start.date():
        return end - timedelta(days=1)
    return max(start, end)


def event_when(event: Event, *, language: str, timezone: str, words: Words) -> tuple[str, ...]:
    """When an event takes place, line by line: weekday and date, times and the zone they are in; empty without a date."""
    if event.starts_at is None:
        return ()
    zone = event_zone(event, timezone)
    region = regional(language, timezone)
    start, end = _local(event.starts_at, zone), last_day(event, zone)
    first = _plain(format_date(start, "full", locale=region))
    last = _plain(format_date(end, "full", locale=region))
    if event.all_day:
        return (first,) if start.date() == end.date() else (f"{first} –", last)
    begins = _plain(format_time(start, "short", locale=region))
    ends = _plain(format_time(end, "short", locale=region))
    place = zone_words(start, zone, language=language, words=words)
    if event.ends_at is None or end <= start:
        return first, words("hours_from", time=begins, zone=place)
    if start.date() == end.date():
        return first, words("hours", times=f"{begins}–{ends}", zone=place)
    return f"{first}, {begins} –", f"{last}, {ends}", place


def zone_words(at: datetime, zone: str, *, language: str, words: Words) -> str:
    """The zone of a moment as people say it, such as "New York time (UTC−5)"."""
    abbreviation = _local(at, zone).tzname() or ""
    offset = _offset(at, zone)
    if zone.upper() in {"UTC", "ETC/UTC", "GMT", "ETC/GMT"} or "/" not in zone:
        return offset
    city = get_timezone_location(ZoneInfo(zone), locale=locale(language), return_city=True)
    return words("zone", city=city, abbreviation=abbreviation if abbreviation.isalpha() else offset)


def day_short(at: datetime, zone: str, *, region: Locale) -> str:
    """A date in a word or two, such as "3 Dec"."""
    return _plain(format_skeleton("MMMd", _local(at, zone), locale=region))


def tile_parts(at: datetime, zone: str, *, region: Locale) -> tuple[str, str]:
    """Month and day of a date, as they stand in a date tile."""
    local = _local(at, zone)
    return _plain(format_date(local, "LLL", locale=region)).rstrip("."), str(local.day)


def _local(at: datetime, timezone: str) -> datetime:
    return at.astimezone(ZoneInfo(timezone))


def _plain(text: str) -> str:
    """Narrow spaces that mail readers show as boxes become ordinary ones that do not break."""
    return text.replace("\u202f", "\u00a0").replace("\u2009", " ")


def _offset(at: datetime, zone: str) -> str:
    offset = _local(at, zone).utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02d}" if rest else "")
