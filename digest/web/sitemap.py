"""Every URL of the web app in one table: who may see it and which methods it takes."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from starlette.routing import compile_path


class Audience(enum.StrEnum):
    """Who a URL is for; it decides how the answer may be kept, indexed and passed on."""

    PUBLIC = "public"
    TOKEN = "token"  # noqa: S105 - whoever holds the link that was mailed to a reader
    STAFF = "staff"
    MONITORING = "monitoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One URL. `one_click` marks the RFC 8058 address: its POST comes from anywhere, with any body.

    `embeddable` marks a form that pages of the sites in `site.embed_origins` may hold and post.
    """

    path: str
    methods: frozenset[str]
    audience: Audience
    about: str
    one_click: bool = False
    embeddable: bool = False


_LOOK = frozenset({"GET", "HEAD"})
_ACT = frozenset({"GET", "HEAD", "POST"})

SITE: tuple[Place, ...] = (
    Place(
        path="/u/{token:path}",
        methods=_ACT,
        audience=Audience.TOKEN,
        about="Unsubscribe: GET shows one button, POST acts",
        one_click=True,
    ),
    Place(
        path="/p/{token:path}",
        methods=_ACT,
        audience=Audience.TOKEN,
        about="What this reader gets, chosen, paused, joined and left; a change of address; what we keep",
    ),
    Place(
        path="/r/{token:path}",
        methods=_ACT,
        audience=Audience.TOKEN,
        about="Taking back having left, and saying why one did",
    ),
    Place(
        path="/n/{token:path}",
        methods=_ACT,
        audience=Audience.TOKEN,
        about="Confirming a new address, by the link mailed to it",
    ),
    Place(
        path="/o/{token:path}",
        methods=_ACT,
        audience=Audience.TOKEN,
        about="Taking a change of address back, by the link mailed to the old one",
    ),
    Place(path="/m/", methods=_ACT, audience=Audience.TOKEN, about="Mail me the link to my preferences"),
    Place(
        path="/m/{publication}",
        methods=_ACT,
        audience=Audience.TOKEN,
        about="The same, in the name of a publication",
    ),
    Place(
        path="/s/{publication}",
        methods=_ACT,
        audience=Audience.PUBLIC,
        about="Signing up: a form, and one answer for every address",
        embeddable=True,
    ),
    Place(
        path="/c/{token:path}",
        methods=_ACT,
        audience=Audience.TOKEN,
        about="Confirming a sign-up: GET shows one button, POST confirms",
    ),
    Place(
        path="/a/{publication}/",
        methods=_LOOK,
        audience=Audience.PUBLIC,
        about="The past editions of a publication",
    ),
    Place(
        path="/a/{publication}/feed",
        methods=_LOOK,
        audience=Audience.PUBLIC,
        about="The latest editions of a publication, for a feed reader (Atom)",
    ),
    Place(
        path="/a/{publication}/{number:int}",
        methods=_LOOK,
        audience=Audience.PUBLIC,
        about="One edition, as it was mailed, without personal links",
    ),
    Place(
        path="/a/{publication}/events.ics",
        methods=_LOOK,
        audience=Audience.PUBLIC,
        about="The events a publication has coming up, for a calendar to subscribe to",
    ),
    Place(
        path="/e/{name}.ics",
        methods=_LOOK,
        audience=Audience.PUBLIC,
        about="One event, or one date of a series, as a calendar file",
    ),
    Place(
        path="/static/pages.css",
        methods=_LOOK,
        audience=Audience.PUBLIC,
        about="The style sheet of the public pages",
    ),
    Place(path="/health", methods=_LOOK, audience=Audience.MONITORING, about="Whether the process is up"),
    Place(path="/ready", methods=_LOOK, audience=Audience.MONITORING, about="Whether it can do its work"),
)

_PATTERNS = tuple((compile_path(place.path)[0], place) for place in SITE)


def find(path: str) -> Place | None:
    """The place that `path` leads to, or None."""
    return next((place for pattern, place in _PATTERNS if pattern.match(path)), None)
