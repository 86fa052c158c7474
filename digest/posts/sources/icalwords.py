"""What a calendar's event says to readers: title, text, place, links, picture, as a raw post still to be cleaned."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from icalendar.parser import unescape_backslash
from selectolax.lexbor import LexborHTMLParser

from digest.posts.clean import is_too_deep, title_text
from digest.posts.hosts import link_kind, links_in
from digest.posts.links import safe_link
from digest.posts.model import CallToAction, CtaKind, EventStatus, Image
from digest.posts.online import says_online
from digest.posts.pictures import picture
from digest.posts.sources.icalfile import Block, parts, raw_value, text_of

LONGEST_TEXT = 100_000
_MARKUP = "a[href],p,br,b,strong,i,em,u,ul,ol,li,div,span,img,table,script,style,h1,h2,h3,h4"
_ADDRESS = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
MEETING_LINES = ("CONFERENCE", "X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL")


def uid(block: Block) -> str:
    """The identity of an event; where it has none, one made of its title and start, which changes with them."""
    given = block.text("UID")
    if given:
        return given
    words = f"{block.text('SUMMARY')}\x1f{block.line('RECURRENCE-ID') or block.line('DTSTART')}"
    return "hash:" + hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()


def title(block: Block) -> str:
    """The title as HTML."""
    return _escaped(block.text("SUMMARY"))


def body(block: Block) -> str:
    """The text as HTML: the alternative that Outlook writes, else the description, which often is HTML too."""
    for line in block.lines.get("X-ALT-DESC", ()):
        if "HTML" in parts(line)[0].get("FMTTYPE", "").upper():
            return text_of(line)[:LONGEST_TEXT]
    text = block.text("DESCRIPTION")[:LONGEST_TEXT]
    return text if _is_markup(text) else _escaped(text)


def page(block: Block, *, home: str, calendar_page: str) -> str:
    """The address of the event's page: its own, else one of this site in its text, else that of the calendar."""
    own = safe_link(block.text("URL"), base=home) if "URL" in block.lines else None
    if own and link_kind(own) is not CtaKind.JOIN:
        return own
    here = _site(home)
    same = (link for link in _links(block, home) if _site(link) == here)
    return next((link for link in same if link_kind(link) is not CtaKind.JOIN), calendar_page)


def place_of(block: Block, *, home: str) -> tuple[str, str | None]:
    """Where it takes place in words, without addresses of the web, and the first such address there."""
    text = block.text("LOCATION")
    found = _ADDRESS.search(text)
    words = ", ".join(
        part.strip(" ,;") for part in _ADDRESS.sub(" ", text).splitlines() if part.strip(" ,;()")
    )
    words = " ".join(words.split()).strip(" ,;:-–|()") if found else " ".join(words.split())
    link = safe_link(_trimmed(found[0]), base=home) if found else None
    return ("" if says_online(words) else _escaped(words)), link


def is_online(block: Block, *, home: str) -> bool:
    """Whether it can be attended over the net, by what its place or its conference says."""
    _place, link = place_of(block, home=home)
    return bool(link) or says_online(block.text("LOCATION")) or meeting(block, home=home) is not None


def meeting(block: Block, *, home: str) -> str | None:
    """The address to join at (RFC 7986 §5.11); never one that is for those who run the meeting."""
    for name in MEETING_LINES:
        for line in block.lines.get(name, ()):
            parameters, _value = parts(line)
            link = safe_link(text_of(line), base=home)
            if link and "MODERATOR" not in parameters.get("FEATURE", "").upper():
                return link
    own = safe_link(block.text("URL"), base=home) if "URL" in block.lines else None
    return own if own and link_kind(own) is CtaKind.JOIN else None


def call_to_action(block: Block, *, home: str) -> CallToAction | None:
    """The one link a reader may use to take part: its own where that is for registration, its place, its conference."""
    own = safe_link(block.text("URL"), base=home) if "URL" in block.lines else None
    kind = link_kind(own) if own else None
    if own and kind in {CtaKind.REGISTER, CtaKind.TICKETS}:
        return CallToAction(url=own, kind=kind)
    _place, link = place_of(block, home=home)
    kind = link_kind(link) if link else None
    found = meeting(block, home=home)
    if link and kind and (kind is not CtaKind.JOIN or found is None):
        return CallToAction(url=link, kind=kind)
    if found:
        return CallToAction(url=found, kind=link_kind(found) or CtaKind.JOIN)
    return CallToAction(url=link, kind=CtaKind.DETAILS) if link else None


def status(block: Block) -> EventStatus:
    """CANCELLED by its own word or the calendar's METHOD; what is tentative is still to take place."""
    stated = raw_value(block.line("STATUS")).upper()
    cancelled = block.cancelled or stated in {"CANCELLED", "CANCELED"}
    return EventStatus.CANCELLED if cancelled else EventStatus.SCHEDULED


def is_private(block: Block) -> bool:
    """Whether its writer marked it as not for everyone (RFC 5545 §3.8.1.3)."""
    return raw_value(block.line("CLASS")).upper() in {"PRIVATE", "CONFIDENTIAL"}


def image(block: Block, *, home: str) -> Image | None:
    """The picture named (RFC 7986 §5.10), else the first attachment that is one; never one that is embedded."""
    for name in ("IMAGE", "ATTACH"):
        for line in block.lines.get(name, ()):
            parameters, value = parts(line)
            if parameters.get("VALUE", "").upper() == "BINARY" or "ENCODING" in parameters:
                continue
            path = urlsplit(value[:2000]).path.lower() if value.startswith("http") else ""
            stated = parameters.get("FMTTYPE", "").lower()
            is_picture = stated.startswith("image/") or (
                not stated and path.endswith((".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif"))
            )
            if name == "IMAGE" or is_picture:
                found = picture(text_of(line), base=home)
                if found:
                    return found
    return None


def categories(block: Block) -> tuple[str, ...]:
    """Every category, as text."""
    values = (parts(line)[1] for line in block.lines.get("CATEGORIES", ()))
    return tuple(unescape_backslash(one).strip() for value in values for one in re.split(r"(?<!\\),", value))


def organizer(block: Block) -> tuple[str, ...]:
    """The organiser's name; the mail address beside it is not read."""
    name = parts(block.line("ORGANIZER"))[0].get("CN", "").strip() if "ORGANIZER" in block.lines else ""
    return (name,) if name else ()


def language(block: Block) -> str | None:
    """The language its title says it is in."""
    return parts(block.line("SUMMARY"))[0].get("LANGUAGE") if "SUMMARY" in block.lines else None


def _links(block: Block, home: str) -> Iterator[str]:
    """The addresses in the text, in order."""
    markup = body(block)
    found: list[str] = []
    if _is_markup(markup):
        found = [node.attributes.get("href") or "" for node in LexborHTMLParser(markup).css("a[href]")[:50]]
    found += links_in(block.text("DESCRIPTION"))
    return (link for one in found if (link := safe_link(title_text(one), base=home)))


def _is_markup(text: str) -> bool:
    return "<" in text and not is_too_deep(text) and LexborHTMLParser(text).css_first(_MARKUP) is not None


def _escaped(text: str) -> str:
    """Plain text as HTML that shows it; entities stay, for many writers escape what needed no escaping."""
    return text.replace("<", "&lt;")


def _trimmed(address: str) -> str:
    """An address in prose without the signs of the sentence around it."""
    return address.rstrip(".,;:!?'”’").removesuffix(")") if "(" not in address else address.rstrip(".,;:!?")


def _site(url: str) -> str:
    return (urlsplit(url).hostname or "").lower().removeprefix("www.")
