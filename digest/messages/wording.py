"""Words as a mail may carry them: text cleaned of what breaks mail, dates and times as a reader says them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.core import get_global
from babel.dates import (
    format_date,
    format_interval,
    format_skeleton,
    format_time,
    get_day_names,
    get_timezone_location,
)

from digest.locales import Locale
from digest.posts.model import Event
from digest.posts.timing import last_day, zone_of
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
_IN_LINKS = (('"', "%22"), ("<", "%3C"), (">", "%3E"), ("{", "%7B"), ("}", "%7D"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """Writes what comes from posts into one render, so that no post can write that render's `nonce`.

    The nonce is made after the posts were written; should it stand in one all the same, it goes.
    """

    nonce: str

    def text(self, text: str, limit: int) -> str:
        """`text` cleaned, in one line of at most `limit` characters."""
        return clean(text.replace(self.nonce, ""), limit=limit)

    def link(self, url: str) -> str:
        """An address with the characters written out that end an attribute or begin a template's bracket."""
        for character, code in _IN_LINKS:
            url = url.replace(character, code)
        return url.replace(self.nonce, "")


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
    # Every zone differs from UTC by whole quarters of an hour, so within one the day is the same.
    return _signed_up(at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0), language, timezone)


@lru_cache(maxsize=8192)
def _signed_up(at: datetime, language: str, timezone: str) -> str:
    return day_words(at, language=language, timezone=timezone, pattern="long")


def weekday_name(weekday: int, *, language: str) -> str:
    """The name of a weekday, Monday being 0, as it stands in a sentence."""
    return str(get_day_names("wide", context="format", locale=locale(language))[weekday])


def day_words(at: datetime, *, language: str, timezone: str, pattern: str = "full") -> str:
    """The date of a moment in words, such as "Thursday, 19 November 2026"."""
    words = format_date(_local(at, timezone), pattern, locale=regional(language, timezone))
    return _plain(words)


def event_when(event: Event, *, language: str, timezone: str, words: Words) -> tuple[str, ...]:
    """When an event takes place, line by line: weekday and date, times and the zone they are in; empty without a date.

    `event` is grounded, and of a series its next date is told. One that is online in another zone than the
    publication's `timezone` gets a further line with the times there.
    """
    last = last_day(event, timezone)
    if event.starts_at is None or last is None:
        return ()
    zone = zone_of(event, timezone)
    region = regional(language, timezone)
    start = event.starts_at.astimezone(zone)
    first, final = (_plain(format_date(day, "full", locale=region)) for day in (start.date(), last))
    if event.all_day:
        return (first,) if start.date() == last else (f"{first} –", final)
    place = zone_words(event.starts_at, str(zone), language=language, words=words)
    if start.date() == last:
        hours = event_hours(event, language=language, timezone=timezone, words=words)
        return (first, hours, *_hours_here(event, language=language, timezone=timezone, words=words))
    begins, ends = (
        _plain(format_time(at.astimezone(zone), "short", locale=region))
        for at in (event.starts_at, event.ends_at or event.starts_at)
    )
    return f"{first}, {begins} –", f"{final}, {ends}", place


def event_hours(event: Event, *, language: str, timezone: str, words: Words) -> str:
    """The times of an event and the zone they are in, in one line; empty for whole days and without a date."""
    last = last_day(event, timezone)
    if event.starts_at is None or event.all_day:
        return ""
    zone = str(zone_of(event, timezone))
    one_day = _local(event.starts_at, zone).date() == last
    end = event.ends_at if one_day else None
    region = regional(language, timezone)
    return _hours(event.starts_at, end, zone, region=region, language=language, words=words)


def city_of(zone: str, *, language: str) -> str:
    """The city that a zone is named after, in `language` where that has a name for it."""
    # Babel knows some zones only by the name they had before, such as Kiev's.
    for name in (zone, *(old for old, new in get_global("zone_aliases").items() if new == zone)):
        city = locale(language).time_zones.get(name, {}).get("city")
        if city:
            return str(city)
    return get_timezone_location(ZoneInfo(zone), locale=locale(language), return_city=True).rpartition("/")[2]


def date_range(event: Event, *, timezone: str, region: Locale) -> str:
    """The date of an event in a word or two, such as "3 Dec"; of several days "3–5 Dec"; empty without a date."""
    last = last_day(event, timezone)
    if event.starts_at is None or last is None:
        return ""
    first = event.starts_at.astimezone(zone_of(event, timezone)).date()
    if first == last:
        return _plain(format_skeleton("MMMd", first, locale=region))
    skeleton = "MMMd" if first.year == last.year else "yMMMd"
    return _plain(format_interval(first, last, skeleton, locale=region))


def zone_words(at: datetime, zone: str, *, language: str, words: Words) -> str:
    """The zone of a moment as people say it, such as "New York time (UTC−5)"."""
    abbreviation = _local(at, zone).tzname() or ""
    offset = _offset(at, zone)
    if zone.upper() in {"UTC", "ETC/UTC", "GMT", "ETC/GMT"} or "/" not in zone:
        return offset
    return words(
        "zone",
        city=city_of(zone, language=language),
        abbreviation=abbreviation if abbreviation.isalpha() else offset,
    )


def last_date(event: Event, *, timezone: str, region: Locale) -> str:
    """The last of an event's several days, such as "5" or, in another month, "5 Dec"; empty for one day and without."""
    last = last_day(event, timezone)
    if event.starts_at is None or last is None:
        return ""
    first = event.starts_at.astimezone(zone_of(event, timezone)).date()
    if first == last:
        return ""
    if (first.year, first.month) == (last.year, last.month):
        return str(last.day)
    return _plain(format_skeleton("MMMd", last, locale=region))


def day_and_month(at: datetime, zone: str, *, region: Locale) -> str:
    """The day of a moment as it stands in a sentence, such as "3 March"."""
    return _plain(format_skeleton("MMMMd", _local(at, zone), locale=region))


def day_of_week(at: datetime, zone: str, *, region: Locale) -> str:
    """The short weekday of a moment, such as "Tue"."""
    return _plain(format_date(_local(at, zone), "ccc", locale=region)).rstrip(".")


def tile_parts(at: datetime, zone: str, *, region: Locale) -> tuple[str, str]:
    """Month and day of a date, as they stand in a date tile."""
    local = _local(at, zone)
    return _plain(format_date(local, "LLL", locale=region)).rstrip("."), str(local.day)


def _hours_here(event: Event, *, language: str, timezone: str, words: Words) -> tuple[str, ...]:
    """The times of an online event on the clocks of the publication's zone, where those show something else."""
    start, zone = event.starts_at, str(zone_of(event, timezone))
    if start is None or not event.online or _local(start, zone).tzinfo is None:
        return ()
    there, here = _local(start, zone), _local(start, timezone)
    if there.utcoffset() == here.utcoffset():
        return ()
    region = regional(language, timezone)
    told = _hours(start, event.ends_at, timezone, region=region, language=language, words=words)
    if there.date() == here.date():
        return (told,)
    return (f"{_plain(format_skeleton('MMMEd', here, locale=region))}, {told}",)


def _hours(
    start: datetime, end: datetime | None, zone: str, *, region: Locale, language: str, words: Words
) -> str:
    """Times as the region writes them: "10:00–11:30, New York time (EDT)", or from when on where no end is known."""
    place = zone_words(start, zone, language=language, words=words)
    begins = _plain(format_time(_local(start, zone), "short", locale=region))
    if end is None or end <= start:
        return words("hours_from", time=begins, zone=place)
    skeleton = "Hm" if "H" in region.time_formats["short"].pattern else "hm"
    # Babel would put aware times into UTC; what is on the wall is what is meant.
    opens, closes = (_local(at, zone).replace(tzinfo=None) for at in (start, end))
    return words("hours", times=_plain(format_interval(opens, closes, skeleton, locale=region)), zone=place)


def _local(at: datetime, timezone: str) -> datetime:
    return at.astimezone(ZoneInfo(timezone))


def _plain(text: str) -> str:
    """Narrow spaces that mail readers show as boxes become ordinary ones; a range breaks only behind its dash."""
    return text.replace("\u202f", "\u00a0").replace("\u2009–", "\u00a0–").replace("\u2009", " ")


def _offset(at: datetime, zone: str) -> str:
    offset = _local(at, zone).utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02d}" if rest else "")
