"""Where an event takes place, in words fit to print, and whether one can attend it online."""

from __future__ import annotations

import re
from dataclasses import dataclass

from digest.posts.clean import title_text
from digest.posts.hosts import is_meeting
from digest.posts.online import says_online
from digest.posts.schemaorg.thing import Graph, Thing

_MOST_PLACES = 20
_LONGEST_PART = 150
_NOWHERE = frozenset(
    {"", "-", "–", "—", ".", "n/a", "na", "none", "null", "undefined", "unknown", "false", "?", "[]"}
)
_WEB_ADDRESS = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A place in words ("" where none is known), whether one attends online, and what said so.

    `joins` are the addresses at which the event happens, as written. `zones` are the zones named beside a place.
    """

    place: str = ""
    place_quote: str = ""
    online: bool = False
    online_quote: str = ""
    joins: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()


def where(event: Thing, graph: Graph) -> Where:
    """Where `event` takes place, from its location, whatever shape that has, and its attendance mode.

    A virtual location, a meeting's address or "Online" for a name outweigh an attendance mode that says offline, for
    calendars write that one unasked.
    """
    called = title_text(event.text("name")).casefold()  # some calendars name the place after the event
    found = [
        _one(graph.resolve(value), graph, called=called) for value in event.all("location")[:_MOST_PLACES]
    ]
    place = next((one for one in found if one.place), Where())
    online = next((one for one in found if one.online), Where())
    modes = event.links("eventattendancemode")
    named = " ".join(modes).lower()
    said = ""
    if "online" in named or "mixed" in named:
        said = " ".join(modes)
    elif any("movedonline" in status.lower() for status in event.links("eventstatus")):
        said = " ".join(event.links("eventstatus"))
    quote = online.online_quote
    if quote and "offline" in named and not said:
        quote = f"{quote}, although {' '.join(modes)}"
    return Where(
        place=place.place,
        place_quote=place.place_quote,
        online=online.online or bool(said),
        online_quote=quote or said,
        joins=tuple(dict.fromkeys(link for one in found for link in one.joins)),
        zones=tuple(zone for one in found for zone in one.zones),
    )


def _one(value: str | Thing, graph: Graph, *, called: str, depth: int = 0) -> Where:
    if isinstance(value, str):
        return _named("" if value.strip().casefold() == called else value, "")
    link = next((url for url in value.links("url") if is_meeting(url)), "")
    if "virtuallocation" in value.kinds:
        said = next(iter(value.links("url")), "") or (
            value.id if is_meeting(value.id) else value.text("name")
        )
        joins = (said,) if _WEB_ADDRESS.match(said) else ()
        return Where(online=True, online_quote=f"VirtualLocation {said}".strip(), joins=joins)
    zones = value.texts("timezone")
    addresses = [graph.resolve(address) for address in value.all("address")[:_MOST_PLACES]]
    if {"streetaddress", "addresslocality"} & value.values.keys():
        addresses.append(value)
    zones += tuple(
        z for a in addresses if isinstance(a, Thing) and a is not value for z in a.texts("timezone")
    )
    inner = value.all("location", "containedinplace")[:1]
    name = _part(value.text("name", "legalname"))
    if name.casefold() == called or "postaladdress" in value.kinds:
        name = ""
    spot = _named(name, _address(addresses, short=bool(name)))
    if not spot.place and not spot.online and inner and depth < 3:
        spot = _one(graph.resolve(inner[0]), graph, called=called, depth=depth + 1)
    return Where(
        place=spot.place,
        place_quote=spot.place,
        online=spot.online or bool(link),
        online_quote=spot.online_quote or link,
        joins=(*spot.joins, *((link,) if link else ())),
        zones=(*zones, *spot.zones),
    )


def _named(raw: str, address: str) -> Where:
    """What a name and the words of an address say together; either may be one of no place at all."""
    name = _part(raw)
    for text in (name, address):
        link = _WEB_ADDRESS.match(text)
        if link and is_meeting(text):
            return Where(online=True, online_quote=text, joins=(link[0],))
        if link and text is name:
            return Where(place=address, place_quote=address)
        if says_online(text):
            other = address if text is name else name
            elsewhere = "" if says_online(other) else other
            return Where(place=elsewhere, place_quote=elsewhere, online=True, online_quote=text)
    whole = _joined([name, address])
    return Where(place=whole, place_quote=whole)


def _address(values: list[str | Thing], *, short: bool) -> str:
    """The words of an address: beside a name (`short`) the town is enough, else the street too."""
    for value in values:
        if isinstance(value, str):
            text = _part(value)
        else:
            town = _part(value.text("addresslocality"))
            street = _part(value.text("streetaddress"))
            area = _part(value.text("addressregion")) or _part(value.text("addresscountry"))
            if short:
                text = town or (_joined([street, area]) if street else area)
            else:
                text = _joined([street, town]) if street and town else _joined([street or town, area])
            text = text or _part(value.text("name", "description"))
        if text:
            return text
    return ""


def _joined(parts: list[str]) -> str:
    """Parts with commas between them, but none that the words before or after it say already."""
    kept: list[str] = []
    for part in parts:
        whole = ", ".join(kept)
        if not part or re.search(rf"(?<!\w){re.escape(part.casefold())}(?!\w)", whole.casefold()):
            continue
        kept = [k for k in kept if not part.casefold().startswith((f"{k.casefold()},", f"{k.casefold()} -"))]
        kept.append(part)
    return ", ".join(kept)


def _part(raw: str) -> str:
    text = title_text(raw)[:_LONGEST_PART].strip(" ,;")
    return "" if text.casefold() in _NOWHERE else text
