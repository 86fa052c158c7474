"""Asking an address whether it answers: HEAD first, GET where that tells nothing, and what the answer means."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from digest.editions.linkcheck import LinkCheck, LinkState
from digest.posts.sources.base import SourceError
from digest.posts.sources.hops import BadRedirect
from digest.posts.sources.http import Client, Response
from digest.posts.sources.network import NoSuchHost, NotPublic

LONGEST_SECONDS = 15.0
LARGEST_PICTURE = 1_000_000
_LONGEST_TWIN = 5.0
_DEAD = frozenset({404, 410})
# Too many requests, unavailable: another request would be impolite, and tell no more.
_ENOUGH = frozenset({410, 429})
# How the known walls against programs mark the page they show instead of the one asked for.
_CHALLENGES = (
    ("cf-mitigated", "challenge"),
    ("x-amzn-waf-action", "challenge"),
    ("x-amzn-waf-action", "captcha"),
    ("sg-captcha", "challenge"),
)


async def ask(
    client: Client, url: str, *, is_picture: bool = False, allow_private: bool = False, now: datetime
) -> LinkCheck:
    """What `url` answers within 15 seconds; never raises. Redirects are followed within the client's guard."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            answer = await _asked(client, url, allow_private=allow_private)
    except SourceError as error:
        return LinkCheck(url=url, state=_unanswered(error), detail=str(error), checked_at=now)
    except TimeoutError:
        return LinkCheck(
            url=url,
            state=LinkState.FAILING,
            detail=f"it did not answer within {LONGEST_SECONDS:g} seconds",
            checked_at=now,
        )
    state, detail = judged(answer.status, answer.headers, is_picture=is_picture)
    if state is LinkState.ANSWERS and not is_picture:
        detail = await _secure_twin(client, url, answer, allow_private=allow_private)
    return LinkCheck(url=url, state=state, status=answer.status, detail=detail, checked_at=now)


def judged(status: int, headers: Mapping[str, str], *, is_picture: bool = False) -> tuple[LinkState, str]:
    """What an answer says of an address, and words for staff; header names are in small letters.

    Only 404 and 410 say that a page is not there. 403, 429, 503 and 999 are what sites answer to programs they do
    not know, or to a login that is missing, while people read the page.
    """
    if any(headers.get(name, "").strip().lower() == value for name, value in _CHALLENGES):
        return LinkState.UNCHECKED, "it wants to know whether we are a person"
    if status in _DEAD:
        return LinkState.DEAD, ""
    if status >= 500 and status not in {503, 999}:
        return LinkState.FAILING, ""
    if status >= 400:
        return LinkState.UNCHECKED, ""
    if not is_picture:
        return LinkState.ANSWERS, ""
    if headers.get("content-type", "").strip().lower().startswith("text/html"):
        return LinkState.DEAD, "there is a web page in its place"
    length = headers.get("content-length", "").strip()
    # Nobody writes a length of more digits, and int() of very many is slow.
    if length.isascii() and length.isdigit() and len(length) < 16 and int(length) > LARGEST_PICTURE:
        return LinkState.LARGE, f"{int(length) / 1_000_000:.1f} MB"
    return LinkState.ANSWERS, ""


async def _asked(client: Client, url: str, *, allow_private: bool) -> Response:
    """The answer to HEAD, or to GET where a server answers HEAD badly or not at all."""
    try:
        answer = await client.look(url, allow_private=allow_private)
        if answer.status < 400 or answer.status in _ENOUGH:
            return answer
    except (NoSuchHost, NotPublic, BadRedirect):
        raise
    except SourceError:
        pass
    return await client.look(url, method="GET", allow_private=allow_private)


async def _secure_twin(client: Client, url: str, answer: Response, *, allow_private: bool) -> str:
    """The https address that says the same as an http one, empty where there is none or none is needed."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.port not in {None, 80}:
        return ""
    if answer.url.startswith("https://"):
        return answer.url
    twin = f"https://{parts.netloc.removesuffix(':80')}{url.partition(parts.netloc)[2]}"
    try:
        async with asyncio.timeout(_LONGEST_TWIN):
            there = await client.look(twin, allow_private=allow_private)
    except (SourceError, TimeoutError):
        return ""
    return twin if there.status < 400 else ""


def _unanswered(error: SourceError) -> LinkState:
    if isinstance(error, NoSuchHost):
        return LinkState.DEAD
    if isinstance(error, NotPublic | BadRedirect):
        return LinkState.REFUSED
    return LinkState.FAILING
