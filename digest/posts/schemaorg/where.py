"""Where an event takes place, in words fit to print, and whether one can attend it online."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from digest.posts.clean import title_text
from digest.posts.schemaorg.thing import Graph, Thing

_MOST_PLACES = 20
_LONGEST_PART = 150
_MEETING = re.compile(
    r"(?:^|\.)(?:zoom\.us|zoom\.com|zoomgov\.com|teams\.microsoft\.com|teams\.live\.com|teams\.cloud\.microsoft"
    r"|meet\.google\.com|hangouts\.google\.com|webex\.com|gotomeeting\.com|gotowebinar\.com|gotomeet\.me|goto\.com"
    r"|livestorm\.co|bluejeans\.com|whereby\.com|jitsi\.org|jit\.si|8x8\.vc|skype\.com|demio\.com|on24\.com"
    r"|crowdcast\.io|hopin\.com|airmeet\.com|bigmarker\.com|streamyard\.com|restream\.io|twitch\.tv|youtu\.be"
    r"|youtube\.com|clickmeeting\.com|adobeconnect\.com|ringcentral\.com|remo\.co|gather\.town)$"
)
_TICKET_SHOP = re.compile(
    r"(?:^|\.)(?:eventbrite(?:\.[a-z]{2,3}){1,2}|ticketmaster(?:\.[a-z]{2,3}){1,2}|tickettailor\.com|buytickets\.at"
    r"|eventzilla\.net|universe\.com|ticketsource\.co\.uk|ticketsource\.com|weezevent\.com|billetweb\.fr|dice\.fm"
    r"|brownpapertickets\.com|seetickets\.com|humanitix\.com|ti\.to|tito\.io|pretix\.eu|eventim(?:\.[a-z]{2,3}){1,2}"
    r"|skiddle\.com|axs\.com|ticketleap\.com|ticketspice\.com|showclix\.com|eticketing\.co\.uk|trybooking\.com"
    r"|eventcube\.io|helloasso\.com|ticketpeak\.co|etix\.com|givebutter\.com|zeffy\.com|tix\.com|ticketweb\.com)$"
)
_SIGN_UP = re.compile(
    r"regist|rsvp|sign-?_?up|anmeld|inscri|enrol|iscri|aanmeld|booking|reserv|webinar/|/forms?[/.]",
    re.IGNORECASE,
)
# A name made of such words alone is no place, if one of them says that nobody needs to travel.
_ONLINE = tuple(
    phrase.strip()
    for phrase in """
    live stream, live-stream, facebook live, google meet, microsoft teams, ms teams, zoom.us, en ligne, en línea,
    em linha, عبر الإنترنت, عن بعد, online, virtual, virtually, virtuell, virtuel, virtuelle, virtuale, webinar,
    webinaire, zoom, webex, teams, jitsi, youtube, gotowebinar, gotomeeting, livestream, livestreamed,
    videoconference, videokonferenz, visioconférence, teleconference, onlineveranstaltung, online-veranstaltung,
    online-event, remote, remotely, internet, онлайн, вебінар, вебинар, أونلاين
    """.split(",")  # noqa: SIM905 - words read better as words
)
_BESIDE = frozenset(
    """
    a an the at on via by over through in and or only with per from to be will your us free anywhere home computer
    event events meeting session conference call platform link video live stream streaming broadcast webcast web room
    sent provided upon registration details info join cisco google microsoft ms über sur par de der das die et und y
    e через у в й та и на
    """.split()  # noqa: SIM905
)
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


def is_meeting(link: str) -> bool:
    """Whether an address is one of a video meeting or a live stream."""
    return _MEETING.search(_host(link)) is not None


def is_ticket_shop(link: str) -> bool:
    """Whether an address is one of a shop for tickets, free ones included."""
    return _TICKET_SHOP.search(_host(link)) is not None


def is_sign_up(link: str) -> bool:
    """Whether an address says of itself that one registers there."""
    parts = _split(link)
    return _SIGN_UP.search(f"{parts[1]}?{parts[2]}") is not None


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


def says_online(text: str) -> bool:
    """Whether words where a place should stand only say that the event is online."""
    plain = re.sub(r"[^\w.\-\s]", " ", text.casefold())
    rest, strong = f" {' '.join(plain.split())} ", False
    for words in _ONLINE:
        if f" {words} " in rest:
            rest, strong = rest.replace(f" {words} ", "  "), True
    return strong and all(word.strip(".-") in _BESIDE or not word.strip(".-") for word in rest.split())


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


def _host(link: str) -> str:
    return _split(link)[0]


def _split(link: str) -> tuple[str, str, str]:
    """Host, path and query of an address, empty where it is none."""
    text = link.strip()
    if text.lower().startswith("www."):
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        return (parts.hostname or "").lower(), parts.path, parts.query
    except ValueError:
        return "", "", ""
