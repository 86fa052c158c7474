"""One address and the next: what may be asked for at all, and which redirects are followed."""

from __future__ import annotations

import base64
from urllib.parse import unquote

import httpx2

from digest.posts.sources.base import SourceError
from digest.posts.sources.words import shown


class BadRedirect(SourceError):
    """An answer leads on to somewhere that is not followed: in a circle, too far, or to no usable address."""


def web_address(url: str) -> httpx2.URL:
    """`url` without its fragment; raises `SourceError` unless it is an http or https address with a host."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError, TypeError, UnicodeError):
        raise SourceError(f"{shown(url)} is not a web address.") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise SourceError(f"{shown(url)} is not an http or https address.")
    return parsed.copy_with(fragment=None)


def credentials(url: httpx2.URL) -> str:
    """The Authorization header for the user and password in an address; empty without them."""
    if not url.userinfo:
        return ""
    return "Basic " + base64.b64encode(unquote(url.userinfo.decode("ascii")).encode()).decode("ascii")


def next_hop(here: httpx2.URL, location: str, start: httpx2.URL) -> httpx2.URL:
    """Where a redirect from `here` leads; raises `BadRedirect` for one from https to http, or to no address."""
    if not location:
        raise BadRedirect(f"{shown(here)} redirects to nowhere.")
    try:
        target = web_address(str(here.join(location)))
    except SourceError as error:
        raise BadRedirect(str(error)) from None
    except (httpx2.InvalidURL, ValueError, UnicodeError):
        raise BadRedirect(f"{shown(start)} redirects to something that is not a web address.") from None
    if here.scheme == "https" and target.scheme == "http":
        raise BadRedirect(f"{shown(here)} redirects from https to http, which is refused.")
    return target


def is_header_value(value: str) -> bool:
    """Whether `value` may be echoed in a request's header."""
    return len(value) <= 1000 and value.isascii() and value.isprintable()
