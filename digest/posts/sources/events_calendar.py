"""Kind "events-calendar": a WordPress site's calendar through the REST interface of The Events Calendar.

The feed of such a site gives no dates, so where the interface is closed there is nothing to fall back to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from digest.posts.clean import title_text
from digest.posts.model import Fetched, Memory, Post, SourceSpec
from digest.posts.sources.base import SourceError, clean_posts
from digest.posts.sources.http import Client, Response
from digest.posts.sources.jsonbody import JSON, at, list_at, read_json, text_at
from digest.posts.sources.tec_event import Told, is_protected, is_public, told
from digest.posts.sources.tec_series import collapsed
from digest.posts.sources.words import shown

PER_PAGE = 50
MOST_PAGES = 20
MOST_EVENTS = 500
LOOK_BACK = timedelta(days=1)
LOOK_AHEAD = timedelta(days=731)
MOST_WARNINGS = 20
LATEST_END = timedelta(days=5 * 366)
_API = "tribe/events/v1/events"
_EXPECTED = f"expected the REST interface of The Events Calendar (/wp-json/{_API})"
_FORBIDDEN = frozenset({401, 403})
_ABSENT = frozenset({404, 405, 501})
_LISTS = frozenset(
    {"events", "event", "calendar", "agenda", "whats-on", "whatson", "veranstaltungen", "eventos"}
)
_MOST_BASES = 3


class EventsCalendar:
    """Reads the events from yesterday to two years ahead, page by page; each series becomes one post."""

    kind = "events-calendar"

    async def fetch(self, spec: SourceSpec, client: Client, memory: Memory, *, now: datetime) -> Fetched:
        """One look at the calendar; raises `SourceError` when its REST interface cannot be read."""
        refused: SourceError | None = None
        for site, address in _addresses(memory.fetch_url or spec.url):
            try:
                return await _read(address, site, spec, client, memory, now=now)
            except _Closed as closed:
                refused = refused or closed
                if closed.status in _FORBIDDEN:
                    break
        raise refused or SourceError(f"{shown(spec.url)} is not the address of a site.")


class _Closed(SourceError):
    """The interface is not at this address, or not for us."""


async def _read(
    address: str, site: str, spec: SourceSpec, client: Client, memory: Memory, *, now: datetime
) -> Fetched:
    items, moved, more = await _pages(address, spec, client, now=now)
    posts, warnings = await asyncio.to_thread(
        _posts, items, site=site, limit=spec.limit, known_ids=memory.known_ids, now=now
    )
    if more:
        warnings = (f"The calendar lists more than {len(items)} events; the nearest were read.", *warnings)
    return Fetched(posts=posts, permanent_url=_moved_to(moved), warnings=warnings)


async def _pages(
    address: str, spec: SourceSpec, client: Client, *, now: datetime
) -> tuple[list[Any], str | None, bool]:
    """The events of all pages, where the site moved to, and whether there were more than we read.

    What the site says of further pages is believed only while they bring events that were not there yet.
    """
    items: dict[str, Any] = {}
    moved: str | None = None
    for number in range(1, MOST_PAGES + 1):
        response = await _page(address, number, spec, client, now=now)
        if response is None:
            break
        page = _calendar(response, first=number == 1)
        moved = response.permanent_url if number == 1 else moved
        found = list_at(page, "events")
        fresh = {_key(item): item for item in found if isinstance(item, dict) and _key(item) not in items}
        items |= fresh
        if not _says_more(page, response, number) or (found and not fresh):
            break
        if len(items) >= MOST_EVENTS or number == MOST_PAGES:
            return list(items.values())[:MOST_EVENTS], moved, True
    return list(items.values())[:MOST_EVENTS], moved, len(items) > MOST_EVENTS


async def _page(
    address: str, number: int, spec: SourceSpec, client: Client, *, now: datetime
) -> Response | None:
    """One page of events; None past the end. Raises `_Closed` when the first page is refused."""
    query = {
        "page": number,
        "per_page": PER_PAGE,
        "start_date": (now - LOOK_BACK).date().isoformat(),
        "end_date": (now + LOOK_AHEAD).date().isoformat(),
    }
    try:
        return await client.get(address + urlencode(query), accept=JSON, allow_private=spec.allow_private)
    except SourceError as error:
        if number > 1 and error.status in {400, 404}:
            return None  # event-archive-page-not-found: events were taken down while we read
        if number == 1 and error.status in _FORBIDDEN:
            raise _Closed(
                f"{shown(address[:-1])} keeps its calendar closed ({error.status}); {_EXPECTED} to be open to all.",
                status=error.status,
            ) from error
        if number == 1 and error.status in _ABSENT:
            raise _Closed(
                f"{shown(address[:-1])} was not found ({error.status}); {_EXPECTED}.", status=error.status
            ) from error
        raise


def _calendar(response: Response, *, first: bool) -> Any:
    try:
        page = read_json(response, expected="the events of The Events Calendar")
    except SourceError as error:
        raise (_Closed(str(error)) if first else error) from error
    if not isinstance(at(page, "events"), list):
        sentence = f"{shown(response.url)} answered with something that is not a list of events; {_EXPECTED}."
        raise _Closed(sentence) if first else SourceError(sentence)
    return page


def _says_more(page: Any, response: Response, number: int) -> bool:
    """Whether the site says that there is a page after this one, in the body or in a header."""
    for pages in (text_at(page, "total_pages"), response.headers.get("x-tec-totalpages", "")):
        if pages.isdecimal() and len(pages) < 9 and int(pages) > number:
            return True
    return bool(text_at(page, "next_rest_url"))


def _key(item: Any) -> str:
    return text_at(item, "id") or text_at(item, "global_id") or text_at(item, "url") or str(item)[:500]


def _posts(
    items: list[Any], *, site: str, limit: int, known_ids: frozenset[str], now: datetime
) -> tuple[tuple[Post, ...], tuple[str, ...]]:
    """The nearest `limit` events and series as posts, and what was left out or is doubtful."""
    latest = now + LATEST_END
    public = [item for item in items if is_public(item)]
    found = [(item, told(item, site=site, latest=latest)) for item in public]
    warnings = [
        f"{_name(item)} is protected by a password and was left out." for item in items if is_protected(item)
    ]
    warnings += [
        f"{_name(item)} has no date that can be read and was left out." for item, one in found if one is None
    ]
    events = [one for _item, one in found if one is not None]
    far = [one for one in events if one.starts_at > now + LOOK_AHEAD]
    warnings += [f"“{one.event.title[:60]}” is dated {one.starts_at.year}, too far ahead." for one in far[:1]]
    series = collapsed([one for one in events if _is_within(one, now)], known_ids=known_ids, now=now)
    if len(series) > limit:
        warnings.append(f"There are {len(series)} events and series; the nearest {limit} were read.")
    warnings += [f"“{one.raw.title[:60]}” {doubt}." for one in series[:limit] for doubt in one.doubts]
    posts, doubts = clean_posts([one.raw for one in series[:limit]], home=f"{site}/", limit=limit, now=now)
    return posts, (*(title_text(warning) for warning in warnings[:MOST_WARNINGS]), *doubts)


def _is_within(event: Told, now: datetime) -> bool:
    """Whether an event lies in the window that was asked for; not every site heeds it."""
    return event.over_at > now - LOOK_BACK and event.starts_at <= now + LOOK_AHEAD


def _name(item: Any) -> str:
    return f"“{text_at(item, 'title')[:60]}”"


def _addresses(url: str) -> Iterator[tuple[str, str]]:
    """Where the interface may be for an address of the site, of its calendar or of the interface, likeliest first."""
    for site in _sites(url):
        yield site, f"{site}/wp-json/{_API}?"
        yield site, f"{site}/?rest_route=/{_API}&"


def _sites(url: str) -> list[str]:
    """What may be the site's own address: the one given, or one above it where that is the page of a calendar."""
    parts = urlsplit(url)
    root = f"{parts.scheme}://{parts.netloc}"
    if f"{parts.path}/".find("/wp-json/") >= 0 or "rest_route" in parse_qs(parts.query):
        return [root + f"{parts.path}/".partition("/wp-json/")[0].rstrip("/")]
    names = [name for name in parts.path.split("/") if name]
    given = [names[:end] for end in range(len(names), -1, -1)]
    if names and names[-1].lower() in _LISTS:
        given = [*given[1:2], given[0], *given[2:]]
    bases = given if len(given) <= _MOST_BASES else [*given[: _MOST_BASES - 1], []]
    return ["/".join([root, *base]) for base in bases]


def _moved_to(moved: str | None) -> str | None:
    return _sites(moved)[0] if moved and ("/wp-json/" in moved or "rest_route=" in moved) else None
