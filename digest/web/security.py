"""What holds for every request: who may post, what the answer's headers promise, and one line in the log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.web.pages import Pages
from digest.web.sitemap import Audience, Place, find

log = structlog.get_logger()

BODY_LIMIT = 64 * 1024  # bytes; a form of ours has a few hundred
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS = {
    "Content-Security-Policy": PAGE_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LAST_RESORT = "<!doctype html><html lang=en><title>Not working</title><h1>This is not working right now</h1>"


@dataclass(frozen=True, slots=True)
class Fence:
    """Stands around the whole app: refuses foreign posts, sets headers, logs a fact, catches what was not foreseen."""

    app: ASGIApp
    pages: Pages
    base_url: str
    embed_origins: frozenset[str] = frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        place = find(scope["path"])
        started = time.perf_counter()
        status = 0

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _promise(MutableHeaders(scope=message), place)
            await send(message)

        try:
            if self._is_foreign(scope, place):
                await self.pages.trouble(403)(scope, receive, guarded)
            else:
                await self.app(scope, receive, guarded)
        except Exception:  # the edge: nothing may reach the reader but a page
            log.exception("web.failed", route=_route(place), method=scope["method"])
            if not status:
                await self._apology()(scope, receive, guarded)
        finally:
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            log.info(
                "web.request", route=_route(place), method=scope["method"], status=status, ms=milliseconds
            )

    def _is_foreign(self, scope: Scope, place: Place | None) -> bool:
        """Whether this asks for a change from a page that is not ours."""
        if scope["method"] in _SAFE_METHODS or (place and place.one_click):
            return False
        headers = Headers(scope=scope)
        if place and place.embeddable and headers.get("origin", "").lower() in self.embed_origins:
            return False
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site not in {"same-origin", "none"}
        # Browsers older than Sec-Fetch-Site. What sends neither header is no page of ours, so it is refused too.
        origin = urlsplit(headers.get("origin", "")).netloc
        return not origin or origin not in {headers.get("host"), urlsplit(self.base_url).netloc}

    def _apology(self) -> Response:
        try:
            return self.pages.trouble(500)
        except Exception:  # the template itself may be what is broken
            log.exception("web.failed", route="trouble")
            return HTMLResponse(_LAST_RESORT, status_code=500)


def _promise(headers: MutableHeaders, place: Place | None) -> None:
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    if place is None or place.audience is not Audience.PUBLIC:
        for name, value in _PRIVATE.items():
            headers[name] = value


def _route(place: Place | None) -> str:
    return place.path if place else "unknown"
