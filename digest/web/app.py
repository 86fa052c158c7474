"""Build the web app from its parts: routes, the fence around them, and plain pages for every trouble."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import Response

from digest.web import archive, calendar, health, leaving, linking, moving, preferences, signup, style
from digest.web.pages import Pages
from digest.web.security import BODY_LIMIT, Fence
from digest.web.sitemap import find
from digest.workflows.parts import Parts


def create_app(parts: Parts, *, clock: Callable[[], datetime]) -> FastAPI:
    """The web app; `clock` says what time it is, aware."""
    pages = Pages(settings=parts.settings, templates=parts.templates)
    app = FastAPI(
        title="Newsletter digest",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # an unsubscribe must be answered where it was sent (RFC 8058)
    )
    leaving.serve(app.router, parts, pages, clock)
    preferences.serve(app.router, parts, pages, clock)
    moving.serve(app.router, parts, pages, clock)
    linking.serve(app.router, parts, pages, clock)
    signup.serve(app.router, parts, pages, clock)
    archive.serve(app.router, parts, pages)
    calendar.serve(app.router, parts, clock)
    style.serve(app.router, parts)
    health.serve(app.router, parts)
    _speak_plainly(app, pages)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=BODY_LIMIT)
    app.add_middleware(
        Fence,
        pages=pages,
        base_url=parts.settings.site.base_url,
        embed_origins=frozenset(parts.settings.site.embed_origins),
    )
    return app


def _speak_plainly(app: FastAPI, pages: Pages) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        if status != 405:
            return pages.trouble(status)
        place = find(request.scope["path"])
        allowed = {"Allow": ", ".join(sorted({*(place.methods if place else ()), "OPTIONS"}))}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=allowed)
        return pages.trouble(405, headers=allowed)

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, refused)
