"""Whether words that stand where a place should be only say that an event is online."""

from __future__ import annotations

import re

# A name made of such words alone is no place, if one of them says that nobody needs to travel.
_ONLINE = tuple(
    phrase.strip()
    for phrase in """
    live stream, live-stream, facebook live, google meet, microsoft teams, ms teams, zoom.us, en ligne, en línea,
    em linha, عبر الإنترنت, عن بعد, online, virtual, virtually, virtuell, virtuel, virtuelle, virtuale, webinar,
    webinaire, zoom, webex, teams, jitsi, youtube, gotowebinar, gotomeeting, livestream, livestreamed,
    videoconference, videokonferenz, visioconférence, teleconference, onlineveranstaltung, online-veranstaltung,
    online-event, remote, remotely, internet, web, онлайн, вебінар, вебинар, أونلاين
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


def says_online(text: str) -> bool:
    """Whether words where a place should stand only say that the event is online."""
    plain = re.sub(r"[^\w.\-\s]", " ", text.casefold())
    rest, strong = f" {' '.join(plain.split())} ", False
    for words in _ONLINE:
        if f" {words} " in rest:
            rest, strong = rest.replace(f" {words} ", "  "), True
    return strong and all(word.strip(".-") in _BESIDE or not word.strip(".-") for word in rest.split())
