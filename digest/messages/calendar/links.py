"""Links that put an event into a calendar on the web: Google's and Outlook's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import NamedTuple
from urllib.parse import quote, urlencode

from digest.messages.calendar import facts
from digest.messages.wording import clean, shorten
from digest.posts import timing
from digest.posts.links import safe_link
from digest.posts.model import Event

LONGEST_LINK = 1_499
_GOOGLE = "https://calendar.google.com/calendar/render"
_OUTLOOK = "https://outlook.live.com/calendar/0/deeplink/compose"
_UNKNOWN_LENGTH = timedelta(hours=1)
_LONGEST_WORDS = 150
_SHORTER = 60
_SHORTEST = 30  # even of characters that take twelve in a URL there is room for these


class _Words(NamedTuple):
    title: str
    place: str
    details: str


def google_link(event: Event, *, title: str, url: str, timezone: str) -> str:
    """The address at which Google Calendar offers to save `event`; "" without a date.

    Times are in UTC, shown in the event's zone; one that floats is on the clock of `timezone`, an IANA name. All-day
    events have days, the end exclusive. An event whose end is not known lasts an hour here, and only here: the
    service takes none without an end. `url` is its page. Under 1,500 characters: details go first, then words.
    """
    if event.starts_at is None or not facts.is_believed(event.starts_at):
        return ""
    event = _in_its_zone(event, timezone)
    form = "%Y%m%d" if event.all_day else "%Y%m%dT%H%M%SZ"
    start, end = (at.strftime(form) for at in _span(event))
    fixed = {"action": "TEMPLATE", "dates": f"{start}/{end}"}
    if not event.all_day:
        fixed["ctz"] = event.timezone or timezone
    return _link(_GOOGLE, fixed, ("text", "location", "details"), _wordings(event, title=title, url=url))


def outlook_link(event: Event, *, title: str, url: str, timezone: str) -> str:
    """The address at which Outlook on the web offers to save `event`; "" without a date.

    As `google_link` in everything, but that Outlook shows times in its reader's own zone.
    """
    if event.starts_at is None or not facts.is_believed(event.starts_at):
        return ""
    event = _in_its_zone(event, timezone)
    form = "%Y-%m-%d" if event.all_day else "%Y-%m-%dT%H:%M:%SZ"
    start, end = (at.strftime(form) for at in _span(event))
    fixed = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "startdt": start,
        "enddt": end,
        "allday": "true" if event.all_day else "false",
    }
    return _link(_OUTLOOK, fixed, ("subject", "location", "body"), _wordings(event, title=title, url=url))


def _in_its_zone(event: Event, timezone: str) -> Event:
    return replace(timing.grounded(event, timezone), timezone=timing.zone_of(event, timezone).key)


def _span(event: Event) -> tuple[date, date]:
    if event.all_day:
        return facts.days(event)
    start, end = facts.moments(event)
    return start, end or start + _UNKNOWN_LENGTH


def _wordings(event: Event, *, title: str, url: str) -> Iterator[_Words]:
    """What to say, from everything to the least. An address is left out rather than cut, or it would lead nowhere."""
    page = safe_link(url, base=url) or ""
    place = facts.where(event, page=page)
    links = list(dict.fromkeys(link for link in (page, facts.call(event)) if link))
    name = clean(title, limit=_LONGEST_WORDS)
    full = place if place in links else shorten(place, _LONGEST_WORDS)
    for kept in range(len(links), -1, -1):
        yield _Words(title=name, place=full, details="\n".join(links[:kept]))
    short = "" if place in links else shorten(place, _SHORTER)
    yield _Words(title=shorten(name, _SHORTER), place=short, details="")
    yield _Words(title=shorten(name, _SHORTEST), place=shorten(short, _SHORTEST), details="")


def _link(
    address: str, fixed: dict[str, str], names: tuple[str, str, str], wordings: Iterator[_Words]
) -> str:
    """The first of the links with these words that is short enough; the last always is."""
    for words in wordings:
        told = {name: text for name, text in zip(names, words, strict=True) if text}
        # Spaces as %20: Outlook would show a plus sign for each.
        link = f"{address}?{urlencode(fixed | told, quote_via=quote, safe='/:')}"
        if len(link) <= LONGEST_LINK:
            return link
    return ""
