"""Kind "ghost": a Ghost site through its Content API. The key travels in the query and is shown nowhere."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from digest.posts.model import Fetched, Memory, SourceSpec
from digest.posts.pictures import picture
from digest.posts.sources.base import RawPost, SourceError, clean_posts
from digest.posts.sources.http import Client
from digest.posts.sources.jsonbody import JSON, at, list_at, read_json, text_at
from digest.posts.sources.words import shown

PER_PAGE = 20
MOST_PAGES = 10
_API = "/ghost/api/content/posts/"


class Ghost:
    """Reads the newest posts page by page until one is known; the first time, as many as the limit allows."""

    kind = "ghost"

    async def fetch(self, spec: SourceSpec, client: Client, memory: Memory, *, now: datetime) -> Fetched:
        """One look at the site; raises `SourceError` when the Content API does not answer or refuses the key."""
        site = _site(memory.fetch_url or spec.url)
        raws: list[RawPost] = []
        moved: str | None = None
        for number in range(1, MOST_PAGES + 1):
            page, final_url = await _page(site, number, spec, client)
            if number == 1:
                moved = final_url
            ids = {raw.external_id for raw in raws}
            fresh = [raw for raw in map(_raw, list_at(page, "posts")) if raw.external_id not in ids]
            raws += fresh
            known = memory.known_ids & {raw.external_id for raw in fresh}
            if known or not fresh or not at(page, "meta", "pagination", "next") or len(raws) >= spec.limit:
                break
        posts, warnings = await asyncio.to_thread(
            clean_posts, raws[: spec.limit], home=f"{site}/", limit=spec.limit, now=now
        )
        return Fetched(
            posts=posts, permanent_url=_site(moved) if moved and _API in moved else None, warnings=warnings
        )


async def _page(site: str, number: int, spec: SourceSpec, client: Client) -> tuple[Any, str | None]:
    query = {
        "key": spec.api_key,
        "include": "tags,authors",
        "formats": "html",
        "limit": PER_PAGE,
        "page": number,
    }
    try:
        response = await client.get(
            f"{site}{_API}?{urlencode(query)}", accept=JSON, allow_private=spec.allow_private
        )
    except SourceError as error:
        if error.status in {401, 403}:
            raise SourceError(
                f"{shown(site)} refuses the Content API key ({error.status}).", status=error.status
            ) from None
        raise
    page = read_json(response, expected="Ghost's list of posts")
    if not isinstance(at(page, "posts"), list):
        raise SourceError(f"{shown(site)} answered with JSON that is not Ghost's list of posts.")
    return page, response.permanent_url


def _raw(item: Any) -> RawPost:
    url = text_at(item, "url")
    image = text_at(item, "feature_image")
    return RawPost(
        external_id=text_at(item, "uuid") or text_at(item, "id"),
        url=url,
        base=url,
        title=text_at(item, "title").replace("<", "&lt;"),
        summary=(text_at(item, "custom_excerpt") or text_at(item, "excerpt")).replace("<", "&lt;"),
        body=text_at(item, "html"),
        published=text_at(item, "published_at"),
        updated=text_at(item, "updated_at"),
        authors=tuple(text_at(author, "name") for author in list_at(item, "authors")),
        # An internal tag (#name) steers the site and is not for readers.
        categories=tuple(
            t for t in (text_at(tag, "name") for tag in list_at(item, "tags")) if not t.startswith("#")
        ),
        language=text_at(item, "locale") or None,
        image=picture(image, base=url, alt=text_at(item, "feature_image_alt")) if image and url else None,
    )


def _site(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path.partition("/ghost/")[0] if "/ghost/" in parts.path else parts.path
    return f"{parts.scheme}://{parts.netloc}{path.rstrip('/')}"
