"""Events among the things of a page: every fact with the words it was read from, nothing that was not said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from digest.posts.clean import title_text
from digest.posts.links import safe_link
from digest.posts.model import Event, EventStatus, Evidence, Origin
from digest.posts.schemaorg.offers import Way, way
from digest.posts.schemaorg.thing import Graph, Thing, short_type
from digest.posts.schemaorg.when import Clock, Moment, clock, read_moment, span
from digest.posts.schemaorg.where import Where, where
from digest.posts.sources.base import clean_event
from digest.posts.zones import zone_name

MOST_EVENTS = 200
_LONGEST_UID = 500
_MOST_WARNINGS = 20
_CANCELLED = frozenset({"eventcancelled", "eventcanceled", "cancelled", "canceled"})
_POSTPONED = frozenset({"eventpostponed", "postponed"})
_ADDRESS = re.compile(r"https?://|[/#?.]", re.IGNORECASE)
_TELLING = frozenset({"eventrescheduled", "eventmovedonline", "rescheduled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the structured data of a page told: its events in order, whether it is an article, and its slips."""

    events: tuple[Event, ...] = ()
    is_article: bool = False
    warnings: tuple[str, ...] = ()


def told(roots: Iterable[Thing], *, pages: tuple[str, ...], base: str, origin: Origin) -> Told:
    """What the outermost things of the page say.

    `pages` are the addresses of the page itself, the one it was read at first; `base` is what its relative addresses
    are relative to. An event with neither a name nor a start says nothing and is left out.
    """
    graph = Graph(roots, base=base)
    found: dict[object, Event] = {}
    warnings: list[str] = []
    for thing, parent in graph.walk():
        if not thing.is_event or len(found) >= MOST_EVENTS:
            continue
        whole = graph.resolve(thing) if thing.id else thing
        whole = whole if isinstance(whole, Thing) else thing
        event, doubts = _event(whole, parent, graph, pages=pages, origin=origin)
        if event is None:
            continue
        key = graph.key(whole.id) if whole.id else (event.uid, event.title, event.starts_at)
        if found.setdefault(key, event) is event:
            name = event.title[:60] or "An event"
            warnings += [f"“{name}” {doubt}." for doubt in doubts]
    mains = [graph.resolve(value) for root in graph.roots for value in root.all("mainentity")]
    articles = [
        thing
        for thing in (*graph.roots, *mains)
        if isinstance(thing, Thing) and thing.is_article and thing.values
    ]
    return Told(
        events=tuple(found.values()), is_article=bool(articles), warnings=tuple(warnings[:_MOST_WARNINGS])
    )


def _event(
    thing: Thing, parent: Thing | None, graph: Graph, *, pages: tuple[str, ...], origin: Origin
) -> tuple[Event | None, tuple[str, ...]]:
    title = title_text(thing.text("name", "headline"))
    if not title and parent is not None and (parent.is_event or "course" in parent.kinds):
        title = title_text(parent.text("name"))  # the dates of a series and of a course go by its name
    place = where(thing, graph)
    start, odd_start = _first(thing, "startdate")
    end, odd_end = _first(thing, "enddate")
    if not title and start is None:
        return None, ()
    when = span(start, end, zone=_zone(thing, place), duration=thing.text("duration"))
    reading = Clock() if when.floating else clock((start, end), zone=when.timezone)
    entry = way(thing, graph, joins=place.joins, clock=reading, pages=pages)
    status, said = _status(thing)
    event = Event(
        uid=_uid(thing, base=pages[0]),
        title=title,
        starts_at=when.starts_at,
        ends_at=when.ends_at,
        all_day=when.all_day,
        timezone=when.timezone,
        floating=when.floating,
        place=place.place,
        online=place.online,
        register_url=entry.cta.url if entry.cta else None,
        cta=entry.cta,
        status=status,
        opens_at=entry.opens_at,
        closes_at=entry.closes_at,
        full=entry.full,
    )
    event = replace(event, evidence=_evidence(event, thing, place, entry, said, origin))
    return clean_event(event, base=pages[0]), (*odd_start, *odd_end, *when.doubts, *entry.doubts)


def _first(thing: Thing, name: str) -> tuple[Moment | None, tuple[str, ...]]:
    """The first moment of a property that can be read, and what is odd about one that cannot."""
    raws = thing.texts(name)
    for raw in raws:
        moment = read_moment(raw)
        if moment is not None:
            return moment, ()
    return None, (f"has a date that cannot be read ({title_text(raws[0])[:40]})",) if raws else ()


def _zone(thing: Thing, place: Where) -> str | None:
    schedules = [one for one in thing.all("eventschedule") if isinstance(one, Thing)]
    named = (*thing.texts("timezone", "eventtimezone"), *place.zones)
    named += tuple(zone for one in schedules for zone in one.texts("scheduletimezone"))
    return next((zone for raw in named if (zone := zone_name(raw))), None)


def _status(thing: Thing) -> tuple[EventStatus, str]:
    """The worst of what is said, and the word for it; "" where nothing but the usual is said."""
    names = {short_type(raw, ours=True).lower(): raw for raw in thing.links("eventstatus")}
    for status, words in (
        (EventStatus.CANCELLED, _CANCELLED),
        (EventStatus.POSTPONED, _POSTPONED),
        (EventStatus.SCHEDULED, _TELLING),
    ):
        said = next((raw for name, raw in names.items() if name in words), "")
        if said:
            return status, said
    return EventStatus.SCHEDULED, ""


def _uid(thing: Thing, *, base: str) -> str:
    """The event's own page: its address, else its `@id`, else the page whose main entity it is."""
    named = thing.id if _ADDRESS.match(thing.id) else ""  # "event-7" is a label, not a page beside this one
    for raw in (*thing.links("url"), named, *thing.links("mainentityofpage")):
        link = safe_link(raw, base=base)
        if link and len(link) <= _LONGEST_UID:
            return link
    return ""


def _evidence(
    event: Event, thing: Thing, place: Where, entry: Way, status: str, origin: Origin
) -> tuple[Evidence, ...]:
    start, end = thing.text("startdate"), thing.text("enddate") or thing.text("duration")
    schedules = [one for one in thing.all("eventschedule") if isinstance(one, Thing)]
    schedule = " ".join(
        text for one in schedules for text in one.texts("repeatfrequency", "byday", "startdate")
    )
    said = (
        ("kind", True, " ".join(thing.types)),
        ("starts_at", event.starts_at, start),
        ("ends_at", event.ends_at, end),
        ("timezone", event.timezone, event.timezone or ""),
        ("place", event.place, place.place_quote),
        ("online", event.online, place.online_quote),
        ("register_url", event.register_url, entry.cta_quote),
        ("cta", event.cta, entry.cta_quote),
        ("status", status, status),
        ("full", event.full, entry.full_quote),
        ("opens_at", event.opens_at, entry.opens_quote),
        ("closes_at", event.closes_at, entry.closes_quote),
        ("schedule", schedules, schedule),
    )
    return tuple(
        Evidence(fact=fact, origin=origin, quote=quote[:1000]) for fact, holds, quote in said if holds
    )
