"""Where an event of The Events Calendar lets a reader register, buy a ticket or join, and whether it is online."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from digest.posts.clean import title_text
from digest.posts.hosts import link_kind
from digest.posts.links import canonical_url, safe_link
from digest.posts.model import CallToAction, CtaKind, Evidence, Origin
from digest.posts.sources.jsonbody import at, text_at

_AMPERSAND = re.compile(r"&(?:amp|#0*38|#x0*26);", re.IGNORECASE)
_ESCAPES = 3
_STATUSES = ("event_status", "tribe_events_status", "status")
_FREE = re.compile(
    r"(?:free|gratis|gratuit|kostenlos|entrada libre|безкоштовно|مجاني|none|n/?a)?\W*", re.IGNORECASE
)
# Where people are watched or followed; nobody registers there.
_SHOWS = re.compile(
    r"(?:^|\.)(?:youtube\.com|youtu\.be|vimeo\.com|twitch\.tv|instagram\.com|tiktok\.com|twitter\.com|x\.com"
    r"|soundcloud\.com|spotify\.com|bandcamp\.com|wikipedia\.org)$"
)
_SELLS_TOO = re.compile(r"eventbrite\.")
_FILMS = re.compile(r"(?:^|\.)(?:youtube\.com|youtu\.be|vimeo\.com|twitch\.tv)$")


def call_to_action(
    item: Any, *, link: str, page: str, site: str, online: bool
) -> tuple[str | None, CallToAction | None, list[Evidence]]:
    """Where one can register for `item`, what the link is for, and the words that say so; None where nowhere.

    `link` is the event's own address, `page` the same without a date. The plugin gives the event's own address as
    its website when it has none; that is where to register only if its own tickets or RSVP are sold there.
    """
    cost = _cost(item)
    ticketed = _says_yes(at(item, "ticketed"))
    website = _link(text_at(item, "website"), base=link or f"{site}/")
    if website and canonical_url(website) not in {canonical_url(link), page}:
        kind = _kind(website, paid=ticketed or bool(cost), online=online)
        if kind is not None:
            return _call(website, kind, cost)
    if ticketed and link:
        return _call(link, CtaKind.TICKETS if cost else CtaKind.REGISTER, f"ticketed {cost}")
    meeting = _link(text_at(item, "virtual_url"), base="") if online and _is_for_all(item) else None
    return _call(meeting, CtaKind.JOIN, "virtual_url") if meeting else (None, None, [])


def attendance(item: Any) -> tuple[bool, str]:
    """Whether one can take part online, and the words that say it (the plugin's virtual events and event status)."""
    words = [f"{name}: true" for name in ("is_virtual", "virtual") if _says_yes(at(item, name))]
    words += [f"{name}: moved-online" for name in _STATUSES if text_at(item, name) == "moved-online"]
    kind = text_at(item, "virtual_event_type").strip()
    return bool(words), "; ".join([*words, f"virtual_event_type: {kind}"] if kind else words)


def _call(url: str, kind: CtaKind, words: str) -> tuple[str | None, CallToAction | None, list[Evidence]]:
    shown = url.replace("&", "&amp;")  # a quote is cleaned as words are, and `&reg=1` would become one
    quote = f"{shown} ({words.strip()})" if words.strip() else shown
    found = [
        Evidence(fact=fact, origin=Origin.EVENTS_CALENDAR, quote=quote) for fact in ("register_url", "cta")
    ]
    return url, CallToAction(url=url, kind=kind), found


def _kind(url: str, *, paid: bool, online: bool) -> CtaKind | None:
    """What the event's website is for; None for a front page or a place to watch, where nobody can register."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    known = link_kind(url)
    if online and _FILMS.search(host):
        return CtaKind.JOIN
    if known is CtaKind.REGISTER and paid and _SELLS_TOO.match(host):
        return CtaKind.TICKETS
    if _SHOWS.search(host) or (parts.path in {"", "/"} and not parts.query and not parts.fragment):
        return None
    return known or CtaKind.REGISTER


def _cost(item: Any) -> str:
    """What a place costs, as the site says it; "" when nothing."""
    cost = title_text(text_at(item, "cost")[:200])
    if _FREE.fullmatch(cost) or not any(c.isdigit() for c in cost):
        return ""
    return "" if {float(n) for n in re.findall(r"\d+(?:\.\d+)?", cost)} == {0.0} else cost


def _is_for_all(item: Any) -> bool:
    """Whether the site shows the link to the meeting to everybody, and does so already."""
    to = at(item, "virtual_show_embed_to")
    audience = {str(one) for one in to} if isinstance(to, list) else {text_at(item, "virtual_show_embed_to")}
    when = text_at(item, "virtual_show_embed_at").strip()
    return audience <= {"", "all", "everyone", "public"} and when in {"", "immediately"}


def _link(raw: str, *, base: str) -> str | None:
    """A link that the site escaped for HTML, perhaps twice; other entities may be parameters (`&reg=1`) and stay."""
    text = raw[:4000].strip()
    for _ in range(_ESCAPES):
        text = _AMPERSAND.sub("&", text)
    if re.match(r"(?:www\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:[/?#]|$)", text, re.IGNORECASE):
        text = f"https://{text}"
    return safe_link(text, base=base)


def _says_yes(value: Any) -> bool:
    """A flag that may be true, "yes", a number of tickets, or the list of them."""
    if isinstance(value, str):
        return value.strip().casefold() not in {"", "0", "no", "false", "off"}
    return bool(value)
