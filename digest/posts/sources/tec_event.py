"""One event as The Events Calendar tells it over REST: its dates, place, page and ids, read without trusting any."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from digest.posts.clean import strip_controls, title_text
from digest.posts.links import canonical_url, safe_link
from digest.posts.model import Event, EventStatus, Evidence, Image
from digest.posts.online import says_online
from digest.posts.pictures import picture
from digest.posts.sources.base import RawPost
from digest.posts.sources.jsonbody import at, list_at, text_at
from digest.posts.sources.tec_links import attendance, call_to_action
from digest.posts.sources.tec_times import is_true, said, times

BEST_WIDTH = 600
_LONGEST_RAW = 300
_MOST_VENUES = 5
_MOST_LINEAGE = 10
_MOST_TERMS = 40
_SHOWN = frozenset({"", "publish", "published", "scheduled", "moved-online"})
_STATUS = {
    "canceled": EventStatus.CANCELLED,
    "cancelled": EventStatus.CANCELLED,
    "eventcancelled": EventStatus.CANCELLED,
    "postponed": EventStatus.POSTPONED,
    "eventpostponed": EventStatus.POSTPONED,
}
_DATED_PATH = re.compile(r"/\d{4}-\d{2}-\d{2}(?:/\d{1,3})?/?$")
_DATED_QUERY = re.compile(r"(?:^|&)(?:eventDate|eventSequence|event_date)=[^&]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event of the calendar: what to print of it, and what it is known and grouped by.

    `event` has a start. `ids` are its own ids, the surest first. `page` is the address of its page without the
    date of this one instance; `dated` says whether there was one. `doubt` is what staff should know, or "".
    """

    raw: RawPost
    event: Event
    ids: tuple[str, ...]
    page: str
    dated: bool
    doubt: str = ""

    @property
    def starts_at(self) -> datetime:
        """When it begins; a floating time as if in UTC."""
        assert self.event.starts_at is not None
        return self.event.starts_at

    @property
    def over_at(self) -> datetime:
        """When it is over as far as is known: its end, else its start."""
        return self.event.ends_at or self.starts_at


def is_public(item: Any) -> bool:
    """Whether the site shows this event to everybody in its lists: published, not hidden, behind no password."""
    if not isinstance(item, dict) or text_at(item, "status").lower() not in _SHOWN | set(_STATUS):
        return False
    hidden = is_true(at(item, "hide_from_listings"))
    return not hidden and not is_protected(item)


def is_protected(item: Any) -> bool:
    """Whether only who knows a password may read it."""
    flags = (at(item, "password_protected"), at(item, "protected"), at(item, "description", "protected"))
    return any(is_true(flag) for flag in flags) or bool(text_at(item, "password"))


def told(item: Any, *, site: str, latest: datetime) -> Told | None:
    """The event that `item` describes; None if it has neither a date that can be read nor an id nor an address.

    An end after `latest` is not believed: editors write 2067 for "no end".
    """
    url = text_at(item, "url")[:2000]
    link = safe_link(url, base=f"{site}/") or ""
    ids = _ids(item)
    when = times(item, latest=latest)
    if when is None or not (ids or link):
        return None
    page, dated = _series_page(link)
    place, online, whereabouts = _whereabouts(item)
    status, word = _status(item)
    register_url, cta, invitation = call_to_action(item, link=link, page=page, site=site, online=online)
    evidence = [said("kind", "tribe/events/v1/events")]
    evidence += [*when.evidence, *whereabouts, *invitation]
    evidence += [said("status", word)] if word else []
    title = text_at(item, "title") or text_at(item, "title", "rendered")
    return Told(
        raw=_raw(item, title=title, url=url, link=link, site=site),
        event=Event(
            uid=ids[0] if ids else link,
            title=title,
            starts_at=when.starts_at,
            ends_at=when.ends_at,
            all_day=when.all_day,
            timezone=when.timezone,
            floating=when.floating,
            place=place,
            online=online,
            register_url=register_url,
            cta=cta,
            status=status,
            evidence=tuple(evidence),
        ),
        ids=ids or (link,),
        page=page,
        dated=dated,
        doubt=when.doubt,
    )


def _whereabouts(item: Any) -> tuple[str, bool, list[Evidence]]:
    """The place in words, whether one can take part online, and where both are said."""
    venue = at(item, "venue")
    venues = venue if isinstance(venue, list) else [venue]
    places = [_place(one) for one in venues[:_MOST_VENUES] if isinstance(one, dict)]
    virtual, quote = attendance(item)
    named = [place for place in places if place]
    real = [place for place in named if not says_online(place)]
    place = "; ".join(dict.fromkeys(real))
    online = virtual or (bool(named) and not real)
    evidence = [said("place", place)] if place else []
    evidence += [said("online", quote if virtual else "; ".join(named))] if online else []
    return place, online, evidence


def _place(venue: Any) -> str:
    """Name, street and town of a venue, nothing said twice."""
    town = text_at(venue, "city") or text_at(venue, "stateprovince") or text_at(venue, "province")
    parts: list[str] = []
    for raw in (text_at(venue, "venue") or text_at(venue, "title"), text_at(venue, "address"), town):
        part = title_text(raw[:_LONGEST_RAW]).strip(" ,;")
        if part and not any(part.casefold() in known.casefold() for known in parts):
            parts.append(part)
    return ", ".join(parts)


def _status(item: Any) -> tuple[EventStatus, str]:
    """What became of the event, and the word that says so (the plugin's Event Status fields)."""
    for name in ("event_status", "tribe_events_status", "status"):
        value = at(item, name)
        word = (
            text_at(value, "status") or text_at(value, "name")
            if isinstance(value, dict)
            else text_at(item, name)
        )
        key = word.strip().casefold().rpartition("/")[2]
        if key in _STATUS:
            return _STATUS[key], word
    for name, status in (
        ("canceled_status", EventStatus.CANCELLED),
        ("cancelled_status", EventStatus.CANCELLED),
        ("postponed_status", EventStatus.POSTPONED),
    ):
        if is_true(at(item, name)):
            return status, f"{name}: {text_at(item, name) or 'true'}"
    return EventStatus.SCHEDULED, ""


def _ids(item: Any) -> tuple[str, ...]:
    """The event's ids: unique by site, unique on the site, and those it had where it was imported from."""
    number = text_at(item, "id").strip()
    given = [text_at(item, "global_id").strip(), f"id {number}" if number else ""]
    lineage = [
        one.strip() for one in list_at(item, "global_id_lineage")[:_MOST_LINEAGE] if isinstance(one, str)
    ]
    cleaned = (strip_controls(one.encode("utf-8", "ignore").decode("utf-8")) for one in [*given, *lineage])
    return tuple(dict.fromkeys(one.strip() for one in cleaned if one.strip()))


def _series_page(link: str) -> tuple[str, bool]:
    """The page of an event without the date of one instance, and whether there was one to take off."""
    parts = urlsplit(link)
    path, query = _DATED_PATH.sub("", parts.path), _DATED_QUERY.sub("", parts.query).strip("&")
    page = canonical_url(urlunsplit((parts.scheme, parts.netloc, path, query, ""))) if link else ""
    return page, (path, query) != (parts.path, parts.query)


def _raw(item: Any, *, title: str, url: str, link: str, site: str) -> RawPost:
    organizer = at(item, "organizer")
    organizers = organizer[:_MOST_TERMS] if isinstance(organizer, list) else [organizer]
    terms = [*list_at(item, "categories")[:_MOST_TERMS], *list_at(item, "tags")[:_MOST_TERMS]]
    return RawPost(
        url=url,
        base=link or f"{site}/",
        title=title,
        summary=text_at(item, "excerpt") or text_at(item, "excerpt", "rendered"),
        body=text_at(item, "description") or text_at(item, "description", "rendered"),
        published=text_at(item, "date_utc") or None,
        updated=text_at(item, "modified_utc") or None,
        authors=tuple(text_at(one, "organizer") for one in organizers),
        categories=tuple(name for term in terms if (name := text_at(term, "name"))),
        image=_image(at(item, "image"), link or f"{site}/"),
    )


def _image(image: Any, base: str) -> Image | None:
    """The featured picture in the smallest size that is wide enough for a mail."""
    url = text_at(image, "url")
    if not url:
        return None
    sizes = at(image, "sizes")
    choices = [(_pixels(size), size) for size in sizes.values()] if isinstance(sizes, dict) else []
    wide = sorted(
        ((width, size) for width, size in choices if width >= BEST_WIDTH and text_at(size, "url")),
        key=lambda choice: choice[0],
    )
    best = wide[0][1] if wide else image
    return picture(
        text_at(best, "url"),
        base=base,
        alt=text_at(image, "alt"),
        width=text_at(best, "width"),
        height=text_at(best, "height"),
    )


def _pixels(size: Any) -> int:
    text = text_at(size, "width")
    return int(text) if text.isdecimal() and len(text) < 6 else 0
