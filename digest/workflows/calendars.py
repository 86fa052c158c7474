"""Calendar files for readers: one event, one date of a series, or all that a publication has coming up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from digest.editions import store as editions
from digest.messages import calendar
from digest.messages.calendar import Entry, Named
from digest.posts import store as posts
from digest.posts import timing
from digest.posts.model import KnownEvent, StoredPost, Verdict
from digest.workflows.compose import base_url
from digest.workflows.parts import Parts

_FAR = timedelta(days=3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarFile:
    """The bytes of an iCalendar file, and when the facts in it last changed: None where its choice changes too."""

    body: bytes
    changed_at: datetime | None = None


def event_file(parts: Parts, name: str, *, now: datetime) -> CalendarFile | None:
    """The file that `name` (without ".ics") stands for; None when it is nobody's.

    A key alone is the event, of a series each date that is not over. A key with a date is that date of the series;
    one to come that the series no longer has is cancelled, so that a calendar which holds it learns so, and one gone
    by that nothing is known of is not there.
    """
    asked = calendar.named(name)
    if asked is None:
        return None
    with parts.database.reading() as session:
        known = posts.event_by_key(session, asked.key)
    if known is None:
        return None
    timezone = _some_timezone(parts)
    lines = _on_the_date(known, asked, timezone, now) if asked.start else _ahead(known, timezone, now)
    if not lines:
        return None
    body = calendar.entries_file(lines, name="", domain=_domain(parts))
    return CalendarFile(body=body, changed_at=known.changed_at)


def publication_file(parts: Parts, publication: str, *, now: datetime) -> CalendarFile:
    """Every event to come that `publication` has mailed, the cancelled ones as such; raises `DigestError` for none of ours.

    What staff have said is no event is not among them.
    """
    configured = parts.publication(publication)
    with parts.database.reading() as session:
        ahead = posts.upcoming(session, now=now, until=now + _FAR)
        mailed = sorted(editions.placed(session, publication).keys() & set(ahead))
        rejected = {i for i, one in posts.posts(session, mailed).items() if _is_rejected(one)}
        events = posts.known_events(session, [i for i in mailed if i not in rejected])
    lines = [
        entry
        for known in events.values()
        for entry in calendar.entries(known)
        if not _is_over(entry, configured.timezone, now)
    ]
    return CalendarFile(body=calendar.entries_file(lines, name=configured.name, domain=_domain(parts)))


def _is_rejected(stored: StoredPost) -> bool:
    return stored.staff is not None and stored.staff.verdict is Verdict.POST


def _ahead(known: KnownEvent, timezone: str, now: datetime) -> list[Entry]:
    """The dates not over; of what is wholly over the last, for a reader who wants to keep it."""
    every = calendar.entries(known)
    return [entry for entry in every if not _is_over(entry, timezone, now)] or list(every[-1:])


def _on_the_date(known: KnownEvent, asked: Named, timezone: str, now: datetime) -> list[Entry]:
    found = calendar.entry_on(known, asked)
    if found:
        return [found]
    gone = calendar.cancelled_entry(known, asked)
    return [] if _is_over(gone, timezone, now) else [gone]


def _is_over(entry: Entry, timezone: str, now: datetime) -> bool:
    return timing.is_over(entry.known.event, now=now, timezone=timezone)


def _some_timezone(parts: Parts) -> str:
    """Where an event does not name its zone: that of a publication, which one makes no difference by the day."""
    return next((one.timezone for one in parts.settings.publications.values()), "UTC")


def _domain(parts: Parts) -> str:
    return urlsplit(base_url(parts)).hostname or "localhost"
