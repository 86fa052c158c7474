"""Answers that everybody may keep: tagged, dated, and not sent again to whoever has them (RFC 9110 section 13)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.datastructures import Headers
from starlette.responses import Response

CACHE = "public, max-age=300"


def answer(
    body: bytes, *, media_type: str, changed_at: datetime | None, asked: Headers, disposition: str = ""
) -> Response:
    """The file, or word that the asker has it already; `changed_at` is None where its choice changes too."""
    headers = {"Cache-Control": CACHE, "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'}
    if changed_at:
        headers["Last-Modified"] = format_datetime(changed_at.astimezone(UTC), usegmt=True)
    if _is_known(changed_at, asked, etag=headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if disposition:
        headers["Content-Disposition"] = disposition
    return Response(body, media_type=media_type, headers=headers)


def _is_known(changed_at: datetime | None, asked: Headers, *, etag: str) -> bool:
    tags = asked.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in tags.split(",")}
    try:
        since = parsedate_to_datetime(asked.get("if-modified-since", "")).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return False
    return changed_at is not None and changed_at.replace(microsecond=0) <= since
