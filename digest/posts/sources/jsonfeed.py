"""Kind "jsonfeed": JSON Feed, version 1 and 1.1."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from digest.posts.model import Fetched, FetchState, Memory, SourceSpec
from digest.posts.pictures import picture
from digest.posts.sources.base import RawPost, SourceError, clean_posts, identity, language_tag
from digest.posts.sources.http import Client
from digest.posts.sources.jsonbody import list_at, read_json, text_at
from digest.posts.sources.words import shown

ACCEPT = "application/feed+json, application/json;q=0.9, */*;q=0.1"
MOST_PAGES = 10


class JsonFeed:
    """Reads the feed, and its older pages while nothing on them is known yet."""

    kind = "jsonfeed"

    async def fetch(self, spec: SourceSpec, client: Client, memory: Memory, *, now: datetime) -> Fetched:
        """One look at the feed; raises `SourceError` when it is not a JSON Feed."""
        response = await client.get(
            memory.fetch_url or spec.url,
            accept=ACCEPT,
            etag=memory.etag,
            last_modified=memory.last_modified,
            allow_private=spec.allow_private,
        )
        etag, last_modified = response.headers.get("etag"), response.headers.get("last-modified")
        if response.not_modified:
            return Fetched(
                state=FetchState.UNCHANGED,
                etag=etag or memory.etag,
                last_modified=last_modified or memory.last_modified,
                permanent_url=response.permanent_url,
            )
        feed = read_json(response, expected="a JSON Feed")
        version = text_at(feed, "version")
        if not isinstance(feed, dict) or ("jsonfeed.org" not in version and "items" not in feed):
            raise SourceError(f"{shown(response.url)} is JSON, but not a JSON Feed.")
        raws = await _with_older_pages(feed, response.url, spec, client, memory)
        posts, warnings = clean_posts(raws, home=response.url, limit=spec.limit, now=now)
        return Fetched(
            posts=posts,
            etag=etag,
            last_modified=last_modified,
            permanent_url=response.permanent_url,
            title=text_at(feed, "title")[:300],
            language=language_tag(text_at(feed, "language")),
            warnings=warnings,
        )


async def _with_older_pages(
    feed: Any, url: str, spec: SourceSpec, client: Client, memory: Memory
) -> list[RawPost]:
    """The items of `feed` and, while none of them is known, of the pages that `next_url` leads to."""
    language = text_at(feed, "language")
    raws = [_raw(item, feed, language, url) for item in list_at(feed, "items")]
    ids = {identity(raw, home=url) for raw in raws}
    for _page in range(2, MOST_PAGES + 1):
        older = text_at(feed, "next_url")
        if not older or not memory.known_ids or ids & memory.known_ids or len(raws) >= spec.limit:
            break
        url = urljoin(url, older)
        try:
            answer = await client.get(url, accept=ACCEPT, allow_private=spec.allow_private)
            feed = read_json(answer, expected="a JSON Feed")
        except SourceError as error:
            if error.status in {None, 429, 503}:
                raise  # what lies on the next page would be lost if this one were remembered without it
            break
        found = [_raw(item, feed, language, answer.url) for item in list_at(feed, "items")]
        fresh = [raw for raw in found if identity(raw, home=url) not in ids]
        if not fresh:
            break
        raws += fresh
        ids |= {identity(raw, home=url) for raw in fresh}
    return raws


def _raw(item: Any, feed: Any, language: str, url: str) -> RawPost:
    page = text_at(item, "url") or text_at(item, "external_url")
    plain = text_at(item, "content_text").replace("&", "&amp;").replace("<", "&lt;")
    summary = text_at(item, "summary").replace("<", "&lt;")
    image = text_at(item, "image") or text_at(item, "banner_image")
    return RawPost(
        external_id=text_at(item, "id"),
        url=page,
        title=text_at(item, "title").replace("<", "&lt;"),
        summary=summary,
        body=text_at(item, "content_html") or plain,
        published=text_at(item, "date_published") or text_at(item, "date_modified"),
        updated=text_at(item, "date_modified"),
        authors=_authors(item) or _authors(feed),
        categories=tuple(tag for tag in list_at(item, "tags") if isinstance(tag, str)),
        language=text_at(item, "language") or language,
        image=picture(image, base=page or url) if image else None,
    )


def _authors(thing: Any) -> tuple[str, ...]:
    """Version 1.1 has `authors`, version 1 had one `author`; some feeds have only the old one."""
    names = [text_at(author, "name") for author in list_at(thing, "authors")]
    return tuple(name for name in names if name) or tuple(n for n in [text_at(thing, "author", "name")] if n)
