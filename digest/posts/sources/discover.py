"""Look at a site once, as `digest init` does, and find where its posts can be read and what it calls itself."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from digest.posts.clean import LONGEST_HTML, is_too_deep, safe_link, title_text
from digest.posts.model import Fetched, Memory, SourceSpec
from digest.posts.sources.base import SourceError, language_tag
from digest.posts.sources.http import Client, Response
from digest.posts.sources.registry import fetch
from digest.posts.sources.words import shown

_FEED_TYPES = {
    "application/rss+xml": "rss",
    "application/atom+xml": "rss",
    "application/rdf+xml": "rss",
    "application/feed+json": "jsonfeed",
}
_RANK = ("wordpress", "rss", "jsonfeed")
_MOST_TRIED = 5
_MOST_CALENDARS = 2
# Posts are only counted here, so how their dates compare with today's seldom matters.
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)
_COLOR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_WP_LINK = re.compile(r"<([^<>]+)>\s*;\s*rel\s*=\s*\"?https://api\.w\.org/\"?")
# Feeds that carry no posts of the site.
_OTHER_FEED = re.compile(r"/comments/|comments?[-_]feed|[?&]feed=comments|/oembed", re.IGNORECASE)
_WEBCAL = re.compile(r"^webcals?:", re.IGNORECASE)
_TEC = "tribe/events/v1"
_COMMON_PATHS = ("feed/", "feed.xml", "rss.xml", "atom.xml", "index.xml", "feed.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """What a site says of itself, and the sources that answered, best first.

    `color` is "#rrggbb" or "#rgb" or "", `language` a BCP 47 tag or None; `post_count` is how many posts the best
    source shows now.
    """

    title: str = ""
    language: str | None = None
    description: str = ""
    color: str = ""
    sources: tuple[SourceSpec, ...] = ()
    post_count: int = 0


async def discover(
    url: str, client: Client, *, allow_private: bool = False, now: datetime = _ANY_DAY
) -> Discovered:
    """What `url`, a site or a feed, offers; every source named was read once and had an answer.

    `now` matters only to how many events a calendar shows. `sources` is empty where nothing was found. Raises
    `SourceError` when `url` itself cannot be read.
    """
    address = url if "://" in url else f"https://{url}"
    response = await client.get(address, accept="text/html, */*;q=0.5", allow_private=allow_private)
    if not response.is_web_page:
        spec = SourceSpec(kind=_kind(response), url=response.url, allow_private=allow_private)
        return _with_sources(Discovered(), [(spec, await fetch(spec, client, Memory(), now=now))])
    about, feeds, calendars = _read(response)
    working: list[tuple[SourceSpec, Fetched]] = []
    for kind, where in [*(feeds or _guesses(response.url)), *calendars]:
        found = {spec.kind for spec, _ in working}
        if found and ((not feeds and kind in _RANK) or (kind == "ical" and "events-calendar" in found)):
            continue  # one guess is enough to stop knocking, and a calendar is not read in two ways
        spec = SourceSpec(kind=kind, url=where, allow_private=allow_private)
        try:
            working.append((spec, await fetch(spec, client, Memory(), now=now)))
        except SourceError:
            continue
    return _with_sources(about, working)


def _with_sources(about: Discovered, working: list[tuple[SourceSpec, Fetched]]) -> Discovered:
    if not working:
        return about
    _, best = working[0]
    return dataclasses.replace(
        about,
        title=about.title or title_text(next((f.title for _, f in working if f.title), "")),
        language=about.language or best.language,
        sources=tuple(spec for spec, _ in working),
        post_count=len(best.posts),
    )


def _kind(response: Response) -> str:
    """What kind of source an address is that is no web page, by what it answers."""
    start = response.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:15].upper() == b"BEGIN:VCALENDAR":
        return "ical"
    if not start.startswith(b"{"):
        return "rss"
    return "events-calendar" if _TEC in unquote(response.url) else "jsonfeed"


def _read(response: Response) -> tuple[Discovered, list[tuple[str, str]], list[tuple[str, str]]]:
    """What the page says of its site, and the (kind, address) of every feed and of every calendar, best first."""
    markup = response.text()[:LONGEST_HTML].encode("utf-8", "ignore").decode("utf-8")
    if is_too_deep(markup):
        raise SourceError(f"{shown(response.url)} nests its elements too deeply, which is refused.")
    page = LexborHTMLParser(markup)
    candidates: list[tuple[str, str]] = []
    links = [
        {name: value or "" for name, value in node.attributes.items()} for node in page.css("link")[:200]
    ]
    calendars: list[tuple[str, str]] = []
    if _has_rest(response, links) or "wordpress" in _meta(page, "generator").lower():
        candidates.append(("wordpress", _home(response.url, links)))
        calendars.append(("events-calendar", _home(response.url, links)))
    for link in links:
        if link.get("type", "").strip().lower() == "text/calendar":
            where = safe_link(_WEBCAL.sub("https:", link.get("href", "").strip()), base=response.url)
            calendars += [("ical", where)] if where else []
            continue
        kind = _FEED_TYPES.get(link.get("type", "").strip().lower())
        where = safe_link(link.get("href", ""), base=response.url)
        if kind and where and "alternate" in link.get("rel", "").lower() and not _OTHER_FEED.search(where):
            candidates.append((kind, where))
    candidates.sort(key=lambda candidate: _RANK.index(candidate[0]))
    node = page.css_first("html")
    heading = page.css_first("title")
    color = _meta(page, "theme-color").strip()
    about = Discovered(
        title=_site_name(_meta(page, "og:site_name"), heading.text() if heading else ""),
        language=language_tag(node.attributes.get("lang") if node else None),
        description=title_text(_meta(page, "description") or _meta(page, "og:description")),
        color=color if _COLOR.fullmatch(color) else "",
    )
    return (
        about,
        list(dict.fromkeys(candidates))[:_MOST_TRIED],
        list(dict.fromkeys(calendars))[:_MOST_CALENDARS],
    )


def _has_rest(response: Response, links: list[dict[str, str]]) -> bool:
    if _WP_LINK.search(response.headers.get("link", "")):
        return True
    return any(link.get("rel", "").strip() == "https://api.w.org/" for link in links)


def _home(url: str, links: list[dict[str, str]]) -> str:
    """The site's root: the REST root without /wp-json, so that a page below it may be given."""
    for link in links:
        root = (
            safe_link(link.get("href", ""), base=url)
            if link.get("rel", "").strip() == "https://api.w.org/"
            else None
        )
        if root and "/wp-json" in root and urlsplit(root).hostname == urlsplit(url).hostname:
            return root.partition("/wp-json")[0]
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _meta(page: LexborHTMLParser, name: str) -> str:
    for attribute in ("name", "property"):
        node = page.css_first(f'meta[{attribute}="{name}"]')
        if node is not None:
            return node.attributes.get("content") or ""
    return ""


def _site_name(stated: str, heading: str) -> str:
    """The site's own name; a page title such as "Home – Example" is cut down to what names the site."""
    if title_text(stated):
        return title_text(stated)
    parts = [p.strip() for p in re.split(r"\s+[–—|·»-]\s+", title_text(heading)) if p.strip()]
    named = [
        p for p in parts if p.lower() not in {"home", "homepage", "start", "startseite", "accueil", "inicio"}
    ]
    return (named or parts or [""])[0]


def _guesses(url: str) -> list[tuple[str, str]]:
    """Where feeds commonly are, for a page that names none."""
    base = url if url.endswith("/") else f"{url}/"
    return [("jsonfeed" if p.endswith("json") else "rss", urljoin(base, p)) for p in _COMMON_PATHS]
