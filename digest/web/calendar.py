"""Calendar files for everyone: one event to take, or a publication's events to subscribe to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from fastapi import APIRouter
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from digest.workflows import calendars
from digest.workflows.calendars import CalendarFile
from digest.workflows.parts import Parts

_MEDIA_TYPE = "text/calendar; charset=utf-8; method=PUBLISH"  # RFC 5545 section 8.1
_CACHE = "public, max-age=300"


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
    """The file, or word that the reader's calendar has it already (RFC 9110 section 13)."""
    headers = {"Cache-Control": _CACHE, "ETag": f'"{hashlib.sha256(file.body).hexdigest()[:32]}"'}
    if file.changed_at:
        headers["Last-Modified"] = format_datetime(file.changed_at.astimezone(UTC), usegmt=True)
    if _is_known(file, asked, etag=headers["ETag"]):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = f'inline; filename="{name}.ics"'
    return Response(file.body, media_type=_MEDIA_TYPE, headers=headers)


def _is_known(file: CalendarFile, asked: Headers, *, etag: str) -> bool:
    tags = asked.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in tags.split(",")}
    try:
        since = parsedate_to_datetime(asked.get("if-modified-since", "")).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return False
    return file.changed_at is not None and file.changed_at.replace(microsecond=0) <= since
