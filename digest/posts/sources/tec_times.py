"""When an event of The Events Calendar is: in UTC, on the wall, or in whole days; nothing is guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from digest.posts import zones
from digest.posts.model import Evidence, Origin
from digest.posts.sources.jsonbody import at, text_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When an event is: as `Event` has it, and the words that say so."""

    starts_at: datetime
    ends_at: datetime | None
    all_day: bool
    timezone: str | None
    floating: bool
    evidence: tuple[Evidence, ...]
    doubt: str = ""


def times(item: Any, *, latest: datetime) -> Times | None:
    """When `item` is; None if its start cannot be read.

    The times in UTC win over those on the wall, which are read in the event's zone where there are no others, and
    float where the zone is not known either. All-day events are days on the wall in any case; TEC ends them a
    second before the day does, or before the site's own end of day.
    """
    name = text_at(item, "timezone").strip()
    zone, stated_offset = zones.zone_name(name), zones.offset(name)
    wall_start, wall_end = _wall(item, "start_date"), _wall(item, "end_date")
    if is_true(at(item, "all_day")) and wall_start is not None:
        return _all_day(item, wall_start, wall_end, zone, name, latest)
    place: ZoneInfo | timezone | None = ZoneInfo(zone) if zone else None
    if place is None and stated_offset is not None:
        place = timezone(stated_offset)
    start = _exact(item, "start_date", wall_start, place)
    if start is None and wall_start is not None:
        start = wall_start.replace(tzinfo=UTC)
    if start is None:
        return None
    floating = place is None and _wall(item, "utc_start_date") is None
    end = wall_end.replace(tzinfo=UTC) if floating and wall_end else _exact(item, "end_date", wall_end, place)
    if place is None and not floating and end is None and wall_start and wall_end:
        end = start + (wall_end - wall_start)
    doubts = [_disagreement(item, part, place) for part in ("start_date", "end_date")]
    return _bounded(
        Times(
            starts_at=start,
            ends_at=end,
            all_day=False,
            timezone=None if floating else zone,
            floating=floating,
            evidence=(
                said("starts_at", _words(item, "start_date")),
                *([said("ends_at", _words(item, "end_date"))] if end else []),
                *([said("timezone", name)] if zone and not floating else []),
            ),
            doubt=next((doubt for doubt in doubts if doubt), ""),
        ),
        latest,
    )


def is_true(value: Any) -> bool:
    """Whether a plugin's flag is set; PHP and its filters write it in several ways."""
    if isinstance(value, str):
        return value.strip().casefold() not in {"", "0", "no", "false", "off", "null"}
    return bool(value) and not isinstance(value, list | dict)


def said(fact: str, quote: str) -> Evidence:
    """What the calendar says of one fact, in its own words."""
    return Evidence(fact=fact, origin=Origin.EVENTS_CALENDAR, quote=quote)


def _all_day(
    item: Any, start: datetime, end: datetime | None, zone: str | None, name: str, latest: datetime
) -> Times:
    """Whole days: from a midnight to the midnight after the last day, in the event's zone, else on any wall."""
    first = start.replace(hour=0, minute=0, second=0)
    opening = start - first  # a site's day may begin at six in the morning
    last = max((end or start) - opening, first)
    after = last.replace(hour=0, minute=0, second=0)
    if after < last or after == first:
        after += timedelta(days=1)
    where = ZoneInfo(zone) if zone else UTC
    return _bounded(
        Times(
            starts_at=first.replace(tzinfo=where).astimezone(UTC),
            ends_at=after.replace(tzinfo=where).astimezone(UTC),
            all_day=True,
            timezone=zone,
            floating=zone is None,
            evidence=(
                said("starts_at", f"all day {text_at(item, 'start_date')}"),
                said("ends_at", f"all day {text_at(item, 'end_date')}"),
                *([said("timezone", name)] if zone else []),
            ),
        ),
        latest,
    )


def _bounded(when: Times, latest: datetime) -> Times:
    """`when` without an end that cannot be: none after the start, or one that nobody planned."""
    end = when.ends_at
    if end is None or when.starts_at < end <= latest:
        return when
    why = f"ends in {end.year}, which is not believed" if end > latest else ""
    if end < when.starts_at:
        why = "ends before it begins; its end was left out"
    kept = tuple(one for one in when.evidence if one.fact != "ends_at")
    ends_at = when.starts_at + timedelta(days=1) if when.all_day else None
    return replace(when, ends_at=ends_at, evidence=kept, doubt=when.doubt or why)


def _exact(item: Any, part: str, wall: datetime | None, place: ZoneInfo | timezone | None) -> datetime | None:
    """The moment of `part` in UTC; None where neither that nor the wall's time with its zone is known."""
    stated = _wall(item, f"utc_{part}")
    if stated is not None:
        return stated.replace(tzinfo=UTC)
    return None if wall is None or place is None else _moment(wall, place)


def _disagreement(item: Any, part: str, place: ZoneInfo | timezone | None) -> str:
    """What to tell of a time that differs between UTC and the wall, or "". An hour that comes twice agrees."""
    stated, wall = _wall(item, f"utc_{part}"), _wall(item, part)
    if stated is None or wall is None or place is None:
        return ""
    possible = {_moment(wall.replace(fold=fold), place) for fold in (0, 1)}
    if stated.replace(tzinfo=UTC) in possible:
        return ""
    return f"has two times that disagree ({_words(item, part)}); the one in UTC was used"


def _words(item: Any, part: str) -> str:
    stated, wall = text_at(item, f"utc_{part}"), text_at(item, part)
    zone = text_at(item, "timezone")
    words = [f"{stated} UTC"] if stated else []
    return "; ".join([*words, f"{wall} {zone}".strip()] if wall else words)


def _wall(item: Any, name: str) -> datetime | None:
    """A time as the plugin writes it, without a zone; None if it is none."""
    raw = text_at(item, name).strip()
    if not re.match(r"\d{4}-\d{2}-\d{2}", raw) or len(raw) > 40:
        return None
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return None
    if not 1900 < moment.year < 9000:  # far enough from the calendar's ends for any zone and any day added
        return None
    if moment.tzinfo is not None and name.startswith("utc_"):
        moment = moment.astimezone(UTC)
    return moment.replace(tzinfo=None, microsecond=0)


def _moment(wall: datetime, place: ZoneInfo | timezone) -> datetime:
    return wall.replace(tzinfo=place).astimezone(UTC)
