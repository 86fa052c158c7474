"""An Atom feed of past editions (RFC 4287): what each one said, in plain links, and nothing of anybody. Pure."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

_ATOM = "http://www.w3.org/2005/Atom"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_EXCERPT = 600
# What XML 1.0 cannot hold, however it is written.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One item of an edition; `url` is "" where it leads nowhere."""

    title: str
    url: str
    excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One edition: its number, its public address, and when mailing began."""

    number: int
    title: str
    summary: str
    url: str
    at: datetime
    stories: tuple[Story, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A publication's editions, newest first; `list_id` is what it is known by for ever."""

    list_id: str
    title: str
    author: str
    language: str
    page_url: str
    feed_url: str
    entries: tuple[Entry, ...]

    @property
    def changed_at(self) -> datetime | None:
        """When the newest edition went out; None before the first."""
        return max((entry.at for entry in self.entries), default=None)


def document(feed: Feed) -> bytes:
    """The feed as UTF-8 XML; the same feed gives the same bytes."""
    ET.register_namespace("", _ATOM)
    root = ET.Element(f"{{{_ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": feed.language})
    _add(root, "id", _identity(feed.list_id))
    _add(root, "title", feed.title)
    _add(root, "updated", _moment(feed.changed_at or _NEVER))
    _add(_add(root, "author"), "name", feed.author or feed.title)
    _add(root, "link", rel="self", type="application/atom+xml", href=feed.feed_url)
    _add(root, "link", rel="alternate", type="text/html", href=feed.page_url)
    for entry in feed.entries:
        one = _add(root, "entry")
        _add(one, "id", _identity(f"{feed.list_id}/{entry.number}"))
        _add(one, "title", entry.title)
        _add(one, "published", _moment(entry.at))
        _add(one, "updated", _moment(entry.at))
        _add(one, "link", rel="alternate", type="text/html", href=entry.url)
        if entry.summary:
            _add(one, "summary", entry.summary)
        _add(one, "content", _listed(entry.stories), type="html")
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, f"{{{_ATOM}}}{name}", {k: _clean(v) for k, v in attributes.items()})
    element.text = _clean(text) or None
    return element


def _listed(stories: Sequence[Story]) -> str:
    """The stories as a list in HTML, each text escaped and each address a web address."""
    lines = []
    for story in stories:
        title = html.escape(_clean(story.title))
        linked = urlsplit(story.url).scheme in {"http", "https"}
        head = f'<a href="{html.escape(_clean(story.url))}">{title}</a>' if linked else title
        excerpt = html.escape(_clean(story.excerpt[:_LONGEST_EXCERPT]))
        lines.append(f"<li><p>{head}</p>{f'<p>{excerpt}</p>' if excerpt else ''}</li>")
    return f"<ul>{''.join(lines)}</ul>"


def _identity(name: str) -> str:
    """An identity that depends on what the publication is known by, not on where its pages are today."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'digest-archive:{name}')}"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
