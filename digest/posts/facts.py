"""The facts of one event from all who tell of it: the surest origin that knows a fact is believed, the others fill gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from digest.posts.aboutness import as_series, events_about
from digest.posts.model import (
    Event,
    EventStatus,
    Evidence,
    Occurrence,
    Origin,
    PageFacts,
    StaffFacts,
    StoredPost,
)
from digest.posts.timing import grounded, zone_of

ORIGINS = tuple(Origin)
CALENDARS = frozenset({Origin.EVENTS_CALENDAR, Origin.ICAL})
_WHEN = ("starts_at", "ends_at", "timezone")
_WINDOW = ("opens_at", "closes_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event as one origin tells it."""

    origin: Origin
    event: Event


def told_of(stored: StoredPost) -> tuple[Told, ...]:
    """What structured data tells of the event that a post is about, from the surest origin to the least."""
    found = []
    if stored.post.event is not None:
        found.append(Told(origin=_origin_of_source(stored), event=stored.post.event))
    if stored.page is not None:
        found.extend(_told_by_page(stored, stored.page))
    return tuple(sorted(found, key=lambda told: ORIGINS.index(told.origin)))


def merged(told: Sequence[Told]) -> Event:
    """One event of what `told` says, surest first; dates are those of one origin, never of two.

    Each fact keeps its evidence; an origin that gives another start leaves one of the fact "disagreement".
    """
    when = next((one for one in told if one.event.starts_at is not None), told[0])
    entry = next((one for one in told if one.event.register_url or one.event.cta), told[0])
    place = next((one for one in told if one.event.place), told[0])
    status = next((one for one in told if _says(one, "status")), None)
    online = next((one for one in told if _says(one, "online") or one.event.online), None)
    full = next((one for one in told if _says(one, "full") or one.event.full), None)
    window = when if when.event.opens_at or when.event.closes_at else None
    event = replace(
        _sound(when.event),
        uid=next((one.event.uid for one in told if one.event.uid), ""),
        title=next((one.event.title for one in told if one.event.title), ""),
        place=place.event.place,
        register_url=entry.event.register_url,
        cta=entry.event.cta,
        status=status.event.status if status else EventStatus.SCHEDULED,
        online=online.event.online if online else False,
        full=full.event.full if full else False,
    )
    used = [("kind", one) for one in told]
    used += [(fact, when) for fact in _WHEN if getattr(event, fact)]
    used += [(fact, window) for fact in _WINDOW if window and getattr(event, fact)]
    used += [("place", place)] if event.place else []
    used += [("register_url", entry)] if event.register_url else []
    used += [("cta", entry)] if event.cta else []
    used += [(fact, one) for fact, one in (("status", status), ("online", online), ("full", full)) if one]
    evidence = [item for fact, one in used for item in _evidence(one, fact)]
    evidence += [_disagreement(one) for one in told if not _agree(one.event, when.event)]
    return replace(event, evidence=tuple(dict.fromkeys(evidence)))


def with_staff(event: Event, staff: StaffFacts, *, timezone: str) -> Event:
    """`event` with what a person confirmed in place of what the sources said."""
    changes: dict[str, object] = {}
    if staff.starts_at is not None:
        changes = {
            "starts_at": staff.starts_at,
            "ends_at": staff.ends_at,
            "all_day": staff.all_day,
            "floating": False,
            "timezone": staff.timezone or event.timezone,
            "dates": (),
            "opens_at": None,
            "closes_at": None,
        }
    else:
        event = _moved_to(event, staff.timezone, timezone=timezone)
        if staff.ends_at is not None and event.starts_at is not None:
            changes["ends_at"] = staff.ends_at
    if staff.register_url is not None:
        changes |= {"register_url": staff.register_url or None, "cta": None}
    said = {fact: getattr(staff, fact) for fact in ("place", "online", "status", "full")}
    changes |= {fact: value for fact, value in said.items() if value is not None}
    confirmed = set(changes) | ({"timezone"} if staff.timezone else set())
    # What was found for a fact that a person replaced explains nothing any more.
    kept = [one for one in event.evidence if one.fact not in confirmed]
    facts = [fact for fact in (*_WHEN, "register_url", *said) if getattr(staff, fact) is not None]
    evidence = [Evidence(fact=fact, origin=Origin.STAFF, quote=staff.by) for fact in ("kind", *facts)]
    whole: Event = replace(event, **changes)  # type: ignore[arg-type]
    return replace(_sound(whole), evidence=tuple(dict.fromkeys([*evidence, *kept])))


def _origin_of_source(stored: StoredPost) -> Origin:
    evidence = stored.post.event.evidence if stored.post.event else ()
    if evidence:
        return min((one.origin for one in evidence), key=ORIGINS.index)
    kind = stored.source_key.partition(" ")[0]
    return Origin(kind) if kind in {*CALENDARS} else Origin.FEED


def _told_by_page(stored: StoredPost, page: PageFacts) -> list[Told]:
    by_origin: dict[Origin, list[Event]] = {}
    for event in events_about(stored, page):
        origin = min((one.origin for one in event.evidence), key=ORIGINS.index, default=Origin.JSON_LD)
        by_origin.setdefault(origin, []).append(event)
    return [Told(origin=origin, event=as_series(events)) for origin, events in by_origin.items()]


def _sound(event: Event) -> Event:
    """`event` without an end that lies before its start."""
    dates = tuple(
        one if _is_sound(one.starts_at, one.ends_at) else replace(one, ends_at=None) for one in event.dates
    )
    end = event.ends_at if event.starts_at and _is_sound(event.starts_at, event.ends_at) else None
    return replace(event, ends_at=end, dates=dates)


def _is_sound(start: datetime, end: datetime | None) -> bool:
    return end is None or end > start


def _says(told: Told, fact: str) -> bool:
    if fact == "status" and told.event.status is not EventStatus.SCHEDULED:
        return True
    return any(one.fact == fact for one in told.event.evidence)


def _evidence(told: Told, fact: str) -> list[Evidence]:
    given = [one for one in told.event.evidence if one.fact == fact]
    return given or [Evidence(fact=fact, origin=told.origin)]


def _agree(one: Event, other: Event) -> bool:
    """Whether two tell the same start; one that gives none contradicts nobody, a whole day agrees with its hours."""
    if one.starts_at is None or other.starts_at is None:
        return True
    a, b = grounded(one, other.timezone or "UTC"), grounded(other, one.timezone or "UTC")
    if one.all_day or other.all_day:
        return bool(_days(a, b) & _days(b, a))
    return bool(
        {a.starts_at, *(d.starts_at for d in a.dates)} & {b.starts_at, *(d.starts_at for d in b.dates)}
    )


def _days(event: Event, beside: Event) -> set[object]:
    zone = zone_of(event, beside.timezone or "UTC")
    return {
        at.astimezone(zone).date() for at in (event.starts_at, *(one.starts_at for one in event.dates)) if at
    }


def _disagreement(told: Told) -> Evidence:
    said = next((one.quote for one in told.event.evidence if one.fact == "starts_at" and one.quote), "")
    start = told.event.starts_at.isoformat() if told.event.starts_at else ""
    return Evidence(fact="disagreement", origin=told.origin, quote=said or start)


def _moved_to(event: Event, zone: str | None, *, timezone: str) -> Event:
    """`event` in the zone a person named: what is no moment, a whole day or a bare clock time, keeps its day there."""
    if zone is None:
        return event
    if event.floating:
        return grounded(replace(event, timezone=zone), timezone)
    if not event.all_day or event.starts_at is None:
        return replace(event, timezone=zone)
    before = zone_of(event, timezone)
    floating = replace(
        event,
        starts_at=_wall(event.starts_at, before),
        ends_at=_wall(event.ends_at, before) if event.ends_at else None,
        dates=tuple(
            Occurrence(
                starts_at=_wall(d.starts_at, before), ends_at=_wall(d.ends_at, before) if d.ends_at else None
            )
            for d in event.dates
        ),
        floating=True,
        timezone=zone,
    )
    return grounded(floating, timezone)


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    """What a clock in `zone` shows at a moment, written as if in UTC."""
    return at.astimezone(zone).replace(tzinfo=UTC)
