"""Calendar files: RFC 5545 as RFC 5546 publishes it, for a reader to take once or to subscribe to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Timezone, vDate, vDatetime, vDuration, vInt, vText, vUri
from icalendar import Event as Component

from digest.messages.calendar import facts
from digest.messages.calendar.entries import Entry, entries
from digest.messages.calendar.vtimezone import vtimezone
from digest.messages.wording import clean
from digest.posts.links import safe_link
from digest.posts.model import Event, EventStatus, KnownEvent

PRODUCT = "-//newsletter-digest//events//EN"
MOST_ENTRIES = 500
REFRESH = timedelta(hours=12)
_LONGEST_TEXT = 600
_LARGEST_REVISION = 2**31 - 1  # an iCalendar INTEGER (RFC 5545 section 3.3.8)
_STATUS = {
    EventStatus.SCHEDULED: "CONFIRMED",
    EventStatus.CANCELLED: "CANCELLED",
    EventStatus.POSTPONED: "TENTATIVE",
}


def calendar_file(events: Sequence[KnownEvent], *, name: str, domain: str) -> bytes:
    """The file of these events, each date of a series on its own; see `entries_file`."""
    return entries_file((entry for known in events for entry in entries(known)), name=name, domain=domain)


def entries_file(lines: Iterable[Entry], *, name: str, domain: str) -> bytes:
    """A file of these entries, the first 500 by their start; the same entries always make the same bytes.

    `name` is for a calendar that subscribes, which is asked to look twice a day; a file to take once has none,
    since some calendars would make a new calendar of it. `domain` is ours and stands in each UID (RFC 5545 section
    3.8.4.7). A time is in its zone, with a VTIMEZONE, where the zone is known, else in UTC; one that floats has
    neither (form 1 of section 3.3.5). SEQUENCE is the event's revision, DTSTAMP and LAST-MODIFIED are when it last
    changed. Nobody is invited and no alarm is set: no ORGANIZER, ATTENDEE or VALARM. Words stay words, whatever they
    hold.
    """
    calendar = Calendar()
    calendar["PRODID"] = _Text(PRODUCT)
    calendar["VERSION"] = _Text("2.0")
    calendar["METHOD"] = _Text("PUBLISH")
    title = clean(name, limit=facts.LONGEST_TITLE)
    if title:
        calendar["NAME"] = calendar["X-WR-CALNAME"] = _Text(title)
        calendar["REFRESH-INTERVAL"] = vDuration(REFRESH, params={"VALUE": "DURATION"})
        calendar["X-PUBLISHED-TTL"] = vDuration(REFRESH)
    chosen = sorted(lines, key=lambda entry: (facts.moments(entry.known.event)[0], entry.uid))[:MOST_ENTRIES]
    for zone in _timezones(chosen):
        calendar.add_component(zone)
    for entry in chosen:
        calendar.add_component(_component(entry, domain=domain))
    return bytes(calendar.to_ical(sorted=False))


def _timezones(chosen: Sequence[Entry]) -> list[Timezone]:
    """A VTIMEZONE for every zone that is named, over no more years than it is needed for."""
    years: dict[str, list[int]] = {}
    for entry in chosen:
        for at in _span(entry.known.event):
            if isinstance(at, datetime) and isinstance(at.tzinfo, ZoneInfo):
                years.setdefault(at.tzinfo.key, []).append(at.year)
    return [vtimezone(name, min(found), max(found)) for name, found in sorted(years.items())]


def _component(entry: Entry, *, domain: str) -> Component:
    known, event = entry.known, entry.known.event
    page = safe_link(known.url, base=known.url) or ""
    component = Component()
    component["UID"] = _Text(f"{entry.uid}@{domain}")
    component["SEQUENCE"] = vInt(min(max(event.revision, 0), _LARGEST_REVISION))
    component["DTSTAMP"] = component["LAST-MODIFIED"] = vDatetime(known.changed_at.astimezone(UTC))
    start, *end = _span(event)
    component["DTSTART"] = _value(start)
    if end:
        component["DTEND"] = _value(end[0])
    component["STATUS"] = _Text(_STATUS[event.status])
    words = {
        "SUMMARY": clean(known.title or event.title, limit=facts.LONGEST_TITLE),
        "LOCATION": facts.where(event, page=page),
        "DESCRIPTION": _description(known, page=page),
    }
    component.update({name: _Text(text) for name, text in words.items() if text})
    if page:
        component["URL"] = vUri(page)
    return component


def _span(event: Event) -> list[date]:
    """Start and, where it is known, end: days, or times in the event's zone, in UTC, or on the wall."""
    if event.all_day:
        first, after = facts.days(event)
        return [first, after] if event.ends_at else [first]
    times = [at for at in facts.moments(event) if at]
    if event.floating:
        return [at.replace(tzinfo=None) for at in times]
    zone = facts.zone(event)
    local = [at.astimezone(zone) for at in times] if zone else times
    # An hour that the clock shows twice is the first of the two by section 3.3.5, but readers differ: say it in UTC.
    twice = any(at.utcoffset() != at.replace(fold=1 - at.fold).utcoffset() for at in local)
    return list(times) if twice else list(local)


def _value(at: date) -> vDate | vDatetime:
    if not isinstance(at, datetime):
        day = vDate(at)
        day.params["VALUE"] = "DATE"
        return day
    if not isinstance(at.tzinfo, ZoneInfo):
        return vDatetime(at)
    # Said as it is: the library knows other names for some zones, and would write those.
    time = vDatetime(at.replace(tzinfo=None))
    time.params["TZID"] = at.tzinfo.key
    return time


def _description(known: KnownEvent, *, page: str) -> str:
    text = clean(known.text, limit=_LONGEST_TEXT, keep_lines=True)
    links = "\n".join(dict.fromkeys(link for link in (page, facts.call(known.event)) if link))
    return "\n\n".join(part for part in (text, links) if part)


class _Text(vText):
    """TEXT escaped as RFC 5545 section 3.3.11 says; the library takes a backslash before an N for a line break."""

    def to_ical(self) -> bytes:
        """The words in UTF-8, in one line."""
        escaped = str(self).replace("\\", "\\\\").replace(";", r"\;").replace(",", r"\,").replace("\n", r"\n")
        return escaped.encode("utf-8", "replace")
