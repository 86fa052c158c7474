"""Calendar files for everyone: one event to take, or a publication's events to subscribe to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from digest.web import caching
from digest.workflows import calendars
from digest.workflows.calendars import CalendarFile
from digest.workflows.parts import Parts

_MEDIA_TYPE = "text/calendar; charset=utf-8; method=PUBLISH"  # RFC 5545 section 8.1


def serve(router: APIRouter, parts: Parts, clock: Callable[[], datetime]) -> None:
    """Answer GET /e/<event>.ics and /a/<publication>/events.ics."""

    def event(name: str, request: Request) -> Response:
        file = calendars.event_file(parts, name, now=clock())
        if file is None:
            raise HTTPException(404)
        return _answer(file, name=name, asked=request.headers)

    def coming_up(publication: str, request: Request) -> Response:
        if publication not in parts.settings.publications:
            raise HTTPException(404)
        file = calendars.publication_file(parts, publication, now=clock())
        return _answer(file, name=publication, asked=request.headers)

    router.add_api_route("/e/{name}.ics", event, methods=["GET", "HEAD"])
    router.add_api_route("/a/{publication}/events.ics", coming_up, methods=["GET", "HEAD"])


def _answer(file: CalendarFile, *, name: str, asked: Headers) -> Response:
    named = f'inline; filename="{name}.ics"'
    return caching.answer(
        file.body, media_type=_MEDIA_TYPE, changed_at=file.changed_at, asked=asked, disposition=named
    )
