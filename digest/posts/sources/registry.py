"""Every kind of source there is; a new kind is one file and one line here."""

from __future__ import annotations

from datetime import datetime

from digest.posts.model import Fetched, Memory, SourceSpec
from digest.posts.sources.base import Source, SourceError
from digest.posts.sources.events_calendar import EventsCalendar
from digest.posts.sources.folder import Folder
from digest.posts.sources.ghost import Ghost
from digest.posts.sources.http import Client
from digest.posts.sources.ical import Ical
from digest.posts.sources.jsonfeed import JsonFeed
from digest.posts.sources.rss import Rss
from digest.posts.sources.wordpress import WordPress

_ALL: tuple[Source, ...] = (Rss(), JsonFeed(), WordPress(), Ghost(), Folder(), EventsCalendar(), Ical())
SOURCES: dict[str, Source] = {source.kind: source for source in _ALL}


async def fetch(spec: SourceSpec, client: Client, memory: Memory, *, now: datetime) -> Fetched:
    """One look at `spec` by the adapter of its kind; raises `SourceError` when it could not be read."""
    source = SOURCES.get(spec.kind)
    if source is None:
        raise SourceError(f'There is no source kind "{spec.kind}"; there are: {", ".join(sorted(SOURCES))}.')
    return await source.fetch(spec, client, memory, now=now)
