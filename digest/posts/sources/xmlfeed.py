"""Read RSS 0.9x–2.0, RDF and Atom: bytes in, clean posts out, older pages too when the feed is shorter than the gap."""

from __future__ import annotations

import asyncio
import io
import re
import xml.sax
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import feedparser

from digest.posts.model import Fetched, FetchState, Image, Memory, SourceSpec
from digest.posts.pictures import picture
from digest.posts.sources.base import RawPost, SourceError, clean_posts, identity, language_tag
from digest.posts.sources.defuse import defused
from digest.posts.sources.http import Client, Response
from digest.posts.sources.words import shown

ACCEPT = (
    "application/rss+xml, application/atom+xml, application/rdf+xml;q=0.9, application/xml;q=0.8, */*;q=0.1"
)
MOST_PAGES = 10
LONGEST_HINT = 6 * 3600
_PERIODS = {"hourly": 3600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
# feedparser takes the title and description of a picture (Media RSS) for those of its post.
_WORDS_OF_A_PICTURE = re.compile(rb"<(/?)media:(title|description)\b", re.IGNORECASE)
_IMAGE_FILE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif)(?:$|\?)", re.IGNORECASE)


async def read_feed(url: str, spec: SourceSpec, client: Client, memory: Memory, *, now: datetime) -> Fetched:
    """The posts of the feed at `url`; raises `SourceError` when there is no feed to be read.

    If no post of the first page is known and some post should be, older pages are read until one is, as far as the
    server offers them and `spec.limit` allows.
    """
    response = await client.get(
        url,
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
    first = await asyncio.to_thread(parse_feed, response)
    raws, warnings = await _with_older_pages(first, response, spec, client, memory)
    posts, doubts = await asyncio.to_thread(clean_posts, raws, home=response.url, limit=spec.limit, now=now)
    return Fetched(
        posts=posts,
        etag=etag,
        last_modified=last_modified,
        permanent_url=response.permanent_url,
        wait_seconds=first.wait_seconds,
        title=first.title,
        language=first.language,
        warnings=(*first.warnings, *warnings, *doubts),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One document of a feed: its entries in their own words, and where the next older page is."""

    raws: tuple[RawPost, ...]
    title: str
    language: str | None
    wait_seconds: int | None
    older_url: str | None
    is_wordpress: bool
    warnings: tuple[str, ...] = ()


def parse_feed(response: Response) -> Page:
    """The feed document in `response`; raises `SourceError` naming what it is instead of a feed."""
    where = shown(response.url)
    if response.is_web_page:
        raise SourceError(f"{where} answered with a web page instead of a feed (a login page or bot wall?).")
    if response.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        raise SourceError(
            f'{where} answered with JSON; if it is a JSON Feed, the source\'s kind is "jsonfeed".'
        )
    body, content_type = defused(response, where)
    body = _WORDS_OF_A_PICTURE.sub(rb"<\1media:its-\2", body)
    headers = {"content-type": content_type, "content-location": response.url}
    try:
        # Bytes in a stream: given a string, feedparser would open it as an address or a file.
        parsed = feedparser.parse(
            io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except Exception as error:  # a parser for forty dialects fails in ways nobody has listed
        raise SourceError(f"{where} could not be read as a feed ({type(error).__name__}).") from error
    entries, broken = parsed.get("entries", []), _broken(parsed)
    if not entries and (broken or not parsed.get("version")):
        raise SourceError(f"{where} is not a feed that can be read{f' ({broken})' if broken else ''}.")
    feed = parsed.get("feed", {})
    is_atom = str(parsed.get("version") or "").startswith("atom")
    return Page(
        raws=tuple(_raw(entry, feed, response.url, is_atom=is_atom) for entry in entries),
        title=_text(feed, "title")[:300],
        language=language_tag(_text(feed, "language")),
        wait_seconds=_wish(feed),
        older_url=_older(feed),
        is_wordpress="wordpress" in _text(feed, "generator").lower(),
        warnings=(f"The feed is broken XML ({broken}); {len(entries)} posts could be read.",)
        if broken
        else (),
    )


async def _with_older_pages(
    page: Page, response: Response, spec: SourceSpec, client: Client, memory: Memory
) -> tuple[list[RawPost], list[str]]:
    """The entries of `page` and, while none of them is known, of the pages before it."""
    raws = list(page.raws)
    ids = {identity(raw, home=response.url) for raw in raws}
    for number in range(2, MOST_PAGES + 1):
        older = page.older_url or (_paged(response.url, number) if page.is_wordpress else None)
        if not raws or not memory.known_ids or ids & memory.known_ids or len(raws) >= spec.limit or not older:
            break
        try:
            answer = await client.get(older, accept=ACCEPT, allow_private=spec.allow_private)
            page = await asyncio.to_thread(parse_feed, answer)
        except SourceError as error:
            if error.status in {None, 429, 503}:
                raise  # what lies on the next page would be lost if this one were remembered without it
            return raws, [] if error.status in {400, 404, 410} else [
                f"Older posts could not be read: {error}"
            ]
        fresh = [raw for raw in page.raws if identity(raw, home=response.url) not in ids]
        if not fresh:  # the server ignores paging, or the archive has ended
            break
        raws += fresh
        ids |= {identity(raw, home=response.url) for raw in fresh}
    return raws, []


def _broken(parsed: Any) -> str:
    """What is wrong with the XML, in words, or ""; a wrong content type or charset is not worth a word."""
    error = parsed.get("bozo_exception") if parsed.get("bozo") else None
    if not isinstance(error, xml.sax.SAXException):
        return ""
    line = getattr(error, "getLineNumber", lambda: None)()
    return f"{error.getMessage()}{f' in line {line}' if line else ''}"


def _raw(entry: Any, feed: Any, url: str, *, is_atom: bool) -> RawPost:
    summary, contents = _detail(entry, "summary"), dict.get(entry, "content") or []
    body = max((str(c.get("value") or "") for c in contents if _is_text(c)), key=len, default="")
    title = _text(entry, "title")
    if is_atom and _detail(entry, "title").get("type") == "text/plain":
        title = title.replace("<", "&lt;")  # Atom says that this is no markup; RSS says nothing
    updated = _moment(entry, "updated")
    details = [*contents, summary, _detail(entry, "title")]
    base = next((d["base"] for d in details if d.get("base") and d["base"] != url), "")
    raw = RawPost(
        external_id=_text(entry, "id").strip(),
        url=_text(entry, "feedburner_origlink") or _text(entry, "link"),
        base=base,
        title=title,
        summary="" if summary.get("value") == body and body else str(summary.get("value") or ""),
        body=body,
        published=_moment(entry, "published") or updated,
        updated=updated,
        authors=tuple(str(a.get("name") or "") for a in dict.get(entry, "authors") or []),
        categories=tuple(str(t.get("label") or t.get("term") or "") for t in dict.get(entry, "tags") or []),
        language=next((d["language"] for d in details if d.get("language")), _text(feed, "language")),
    )
    return replace(raw, image=_image(entry, base or url))


def _image(entry: Any, base: str) -> Image | None:
    """The first picture the entry names outside its text: media:content, media:thumbnail, enclosure, image."""
    named = [m for m in dict.get(entry, "media_content") or [] if _is_image(m, m.get("url"))]
    named += dict.get(entry, "media_thumbnail") or []
    named += [{"url": e.get("href")} for e in dict.get(entry, "links") or [] if _is_enclosed_image(e)]
    named += [{"url": (dict.get(entry, "image") or {}).get("href")}]
    for media in named:
        if media.get("url"):
            found = picture(
                str(media["url"]), base=base, width=media.get("width"), height=media.get("height")
            )
            if found is not None:
                return found
    return None


def _is_image(media: Any, url: object) -> bool:
    kind = str(media.get("medium") or media.get("type") or "")
    return kind.startswith("image") or (not kind and bool(_IMAGE_FILE.search(str(url or ""))))


def _is_enclosed_image(link: Any) -> bool:
    return link.get("rel") == "enclosure" and _is_image({"type": link.get("type")}, link.get("href"))


def _is_text(content: Any) -> bool:
    return str(content.get("type") or "text/html").startswith(("text/", "application/xhtml"))


def _detail(entry: Any, name: str) -> Any:
    return dict.get(entry, f"{name}_detail") or {}


def _text(thing: Any, name: str) -> str:
    # dict.get, because the parser's own lookup substitutes one field for another and warns about it
    value = dict.get(thing, name) if isinstance(thing, dict) else None
    return value if isinstance(value, str) else ""


def _moment(entry: Any, name: str) -> datetime | str | None:
    parsed = dict.get(entry, f"{name}_parsed")
    if parsed:
        try:
            year, month, day, hour, minute, second = parsed[:6]
            return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        except (ValueError, TypeError):
            return _text(entry, name)
    return _text(entry, name) or None


def _wish(feed: Any) -> int | None:
    """How long the feed itself asks to be left alone; a digest cannot wait longer than six hours."""
    ttl, period = _text(feed, "ttl").strip(), _text(feed, "sy_updateperiod").strip().lower()
    seconds = int(ttl) * 60 if re.fullmatch(r"\d{1,7}", ttl) else 0
    if not seconds and period in _PERIODS:
        frequency = _text(feed, "sy_updatefrequency").strip()
        seconds = _PERIODS[period] // max(int(frequency) if re.fullmatch(r"\d{1,6}", frequency) else 1, 1)
    return min(max(seconds, 60), LONGEST_HINT) if seconds else None


def _older(feed: Any) -> str | None:
    links = dict.get(feed, "links") or []
    for rel in ("prev-archive", "next"):
        for link in links:
            if link.get("rel") == rel and urlsplit(str(link.get("href") or "")).scheme in {"http", "https"}:
                return str(link["href"])
    return None


def _paged(url: str, number: int) -> str:
    parts = urlsplit(url)
    query = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "paged"
    ]
    return urlunsplit(parts._replace(query=urlencode([*query, ("paged", str(number))])))
