"""The one style sheet of the public pages, from templates/pages/pages.css, so that an operator may replace it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from digest.workflows.parts import Parts

_NAME = "pages/pages.css"
_HEADERS = {"Cache-Control": "public, max-age=3600"}


def serve(router: APIRouter, parts: Parts) -> None:
    """Answer GET /static/pages.css."""

    def style() -> Response:
        path = parts.templates.find(_NAME)
        css = path.read_bytes() if path else b""
        return Response(css, media_type="text/css; charset=utf-8", headers=_HEADERS)

    router.add_api_route("/static/pages.css", style, methods=["GET", "HEAD"])
