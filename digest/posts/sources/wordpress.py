"""Kind "wordpress": a WordPress site through its REST interface, or through its feed where that is closed.

A post's identity is its guid in both, so it stays the same post whichever of them answered.
"""

from __future__ import annotations

import asyncio
import html
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from digest.posts.model import Fetched, Image, Memory, SourceSpec
from digest.posts.pictures import picture
from digest.posts.sources.base import RawPost, SourceError, clean_posts
from digest.posts.sources.http import Client, Response
from digest.posts.sources.jsonbody import JSON, at, list_at, read_json, text_at
from digest.posts.sources.words import shown
from digest.posts.sources.xmlfeed import read_feed

PER_PAGE = 20
MOST_PAGES = 10
BEST_WIDTH = 600
_FIELDS = "id,guid,link,title,excerpt,content,date_gmt,modified_gmt,_links,_embedded"
_EMBED = "author,wp:featuredmedia,wp:term"
_FORBIDDEN = frozenset({401, 403})
_CLOSED = _FORBIDDEN | {404, 405, 410, 501}
_NO_DATE = "0000-00-00"


class WordPress:
    """Reads the newest posts page by page until one is known; the first time, as many as the limit allows."""

    kind = "wordpress"

    async def fetch(self, spec: SourceSpec, client: Client, memory: Memory, *, now: datetime) -> Fetched:
        """One look at the site; raises `SourceError` when neither its REST interface nor its feed can be read."""
        site = _site(memory.fetch_url or spec.url)
        for address in (f"{site}/wp-json/wp/v2/posts?", f"{site}/?rest_route=/wp/v2/posts&"):
            try:
                return await _rest(address, site, spec, client, memory, now=now)
            except _Closed as closed:
                if closed.status in _FORBIDDEN:
                    break
        try:
            fetched = await read_feed(f"{site}/feed/", spec, client, memory, now=now)
        except SourceError as error:
            if error.status != 404:
                raise
            fetched = await read_feed(f"{site}/?feed=rss2", spec, client, memory, now=now)
        note = f"{shown(site)} keeps its REST interface closed; its feed was read instead."
        moved = fetched.permanent_url
        return replace(
            fetched,
            permanent_url=_site(moved) if moved and "/feed" in moved else None,
            warnings=(note, *fetched.warnings),
        )


class _Closed(SourceError):
    """The REST interface is not there or not for us; the feed may be."""


async def _rest(
    address: str, site: str, spec: SourceSpec, client: Client, memory: Memory, *, now: datetime
) -> Fetched:
    raws: list[RawPost] = []
    warnings: list[str] = []
    moved: str | None = None
    for number in range(1, MOST_PAGES + 1):
        response = await _page(address, number, spec, client)
        if response is None:
            break
        found = _posts(response, first=number == 1)
        if number == 1:
            moved = response.permanent_url
        protected = [item for item in found if at(item, "content", "protected") is True]
        warnings += [f"“{_title(item)}” is protected by a password and was left out." for item in protected]
        ids = {raw.external_id for raw in raws}
        fresh = [
            raw
            for raw in (_raw(item, site) for item in found if item not in protected)
            if raw.external_id not in ids
        ]
        raws += fresh
        known = memory.known_ids & {raw.external_id for raw in raws}
        pages = response.headers.get("x-wp-totalpages", "")
        last = number >= int(pages) if pages.isdigit() else len(found) < PER_PAGE
        if known or last or not found or (not fresh and not protected) or len(raws) >= spec.limit:
            break
    posts, doubts = await asyncio.to_thread(
        clean_posts, raws[: spec.limit], home=f"{site}/", limit=spec.limit, now=now
    )
    return Fetched(
        posts=posts,
        permanent_url=_site(moved) if moved and "/wp-json/" in moved else None,
        warnings=(*warnings, *doubts),
    )


async def _page(address: str, number: int, spec: SourceSpec, client: Client) -> Response | None:
    """One page of posts; None past the end. Raises `_Closed` when the first page is refused."""
    query = urlencode({"per_page": PER_PAGE, "page": number, "_embed": _EMBED, "_fields": _FIELDS}, safe=",:")
    try:
        return await client.get(address + query, accept=JSON, allow_private=spec.allow_private)
    except SourceError as error:
        if number == 1 and error.status in _CLOSED:
            raise _Closed(str(error), status=error.status) from error
        if number > 1 and error.status in {400, 404}:
            return None  # rest_post_invalid_page_number: posts were taken down while we read
        raise


def _posts(response: Response, *, first: bool) -> list[Any]:
    try:
        value = read_json(response, expected="a list of posts")
    except SourceError as error:
        if first:
            raise _Closed(str(error)) from error
        raise
    if not isinstance(value, list):
        raise _Closed(f"{shown(response.url)} answered with something that is not a list of posts.")
    return [item for item in value if isinstance(item, dict)]


def _raw(item: Any, site: str) -> RawPost:
    link = text_at(item, "link")
    guid = html.unescape(text_at(item, "guid", "rendered") or text_at(item, "guid")).strip()
    terms = [
        term for group in list_at(item, "_embedded", "wp:term") if isinstance(group, list) for term in group
    ]
    wanted = [t for name in ("category", "post_tag") for t in terms if text_at(t, "taxonomy") == name]
    return RawPost(
        external_id=guid or f"{site}/?p={text_at(item, 'id')}",
        url=link,
        base=link,
        title=text_at(item, "title", "rendered") or text_at(item, "title"),
        summary=text_at(item, "excerpt", "rendered"),
        body=text_at(item, "content", "rendered"),
        published=_gmt(item, "date_gmt"),
        updated=_gmt(item, "modified_gmt"),
        authors=tuple(text_at(author, "name") for author in list_at(item, "_embedded", "author")),
        categories=tuple(text_at(term, "name") for term in wanted),
        image=_image(at(item, "_embedded", "wp:featuredmedia", 0), link or site),
    )


def _gmt(item: Any, name: str) -> str | None:
    """A time the site gives in UTC without saying so; drafts have one of zeroes."""
    value = text_at(item, name)
    return None if not value or value.startswith(_NO_DATE) else value


def _image(media: Any, base: str) -> Image | None:
    """The featured picture in the smallest size that is wide enough for a mail, with its alt text."""
    if not isinstance(media, dict) or text_at(media, "media_type") not in {"image", ""}:
        return None
    sizes = at(media, "media_details", "sizes")
    choices = [(s, _number(s, "width")) for s in sizes.values()] if isinstance(sizes, dict) else []
    wide = sorted(
        (
            (w, text_at(s, "source_url"), s)
            for s, w in choices
            if w >= BEST_WIDTH and text_at(s, "source_url")
        ),
        key=lambda c: c[0],
    )
    width, url, size = wide[0] if wide else (None, text_at(media, "source_url"), at(media, "media_details"))
    if not url:
        return None
    return picture(
        url,
        base=base,
        alt=text_at(media, "alt_text"),
        width=width or text_at(size, "width"),
        height=text_at(size, "height"),
    )


def _number(value: Any, name: str) -> int:
    text = text_at(value, name)
    return int(text) if text.isdigit() and len(text) < 6 else 0


def _title(item: Any) -> str:
    return text_at(item, "title", "rendered")[:60]


def _site(url: str) -> str:
    """The site's own address, without a trailing slash, whatever part of its interface was given."""
    parts = urlsplit(url)
    path = parts.path
    for inner in ("/wp-json", "/feed"):
        if f"{inner}/" in f"{path}/":
            path = path[: f"{path}/".index(f"{inner}/")]
    return f"{parts.scheme}://{parts.netloc}{path.rstrip('/')}"
