"""Kind "rss": a feed in RSS 0.9x–2.0, RDF or Atom."""

from __future__ import annotations

from datetime import datetime

from digest.posts.model import Fetched, Memory, SourceSpec
from digest.posts.sources.http import Client
from digest.posts.sources.xmlfeed import read_feed


class Rss:
    """Reads the feed at the source's own address."""

    kind = "rss"

    async def fetch(self, spec: SourceSpec, client: Client, memory: Memory, *, now: datetime) -> Fetched:
        """One look at the feed; raises `SourceError` when there is none to be read."""
        return await read_feed(memory.fetch_url or spec.url, spec, client, memory, now=now)
