"""Past editions for everyone: a list, a feed, and each one as it was mailed, without a personal link."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from digest.web import caching
from digest.web.pages import Pages
from digest.workflows import browse
from digest.workflows.parts import Parts

_CACHE = {"Cache-Control": caching.CACHE}
_FEED_TYPE = "application/atom+xml; charset=utf-8"
_COPY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https:{more}; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox "
    "allow-top-navigation-by-user-activation"
)


def serve(router: APIRouter, parts: Parts, pages: Pages) -> None:
    """Answer GET /a/<publication>/, /a/<publication>/feed and /a/<publication>/<number>."""
    policy = _COPY_POLICY.format(more=_loopback_pictures(parts.settings.site.base_url))

    def editions(publication: str) -> Response:
        if publication not in parts.settings.publications:
            raise HTTPException(404)
        context = {"editions": browse.published(parts, publication)}
        return pages.show("archive", context, publication=publication, headers=_CACHE)

    def feed(publication: str, request: Request) -> Response:
        if publication not in parts.settings.publications:
            raise HTTPException(404)
        found = browse.feed(parts, publication)
        return caching.answer(
            found.body, media_type=_FEED_TYPE, changed_at=found.changed_at, asked=request.headers
        )

    def edition(publication: str, number: int) -> Response:
        html = browse.web_copy(parts, publication, number)
        if html is None:
            raise HTTPException(404)
        return HTMLResponse(html, headers={**_CACHE, "Content-Security-Policy": policy})

    router.add_api_route("/a/{publication}/", editions, methods=["GET", "HEAD"])
    router.add_api_route("/a/{publication}/feed", feed, methods=["GET", "HEAD"])
    router.add_api_route("/a/{publication}/{number:int}", edition, methods=["GET", "HEAD"])


def _loopback_pictures(base_url: str) -> str:
    """Where we are ourselves on a loopback address, without TLS, so may the pictures be."""
    return " http://127.0.0.1:* http://localhost:*" if urlsplit(base_url).scheme == "http" else ""
