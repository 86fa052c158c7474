"""For monitors: whether the process is up, and whether it could do its work."""

from __future__ import annotations

import structlog
from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from digest.database import DatabaseUnavailable
from digest.errors import DigestError
from digest.wiring import require_current
from digest.workflows.parts import Parts

log = structlog.get_logger()


def serve(router: APIRouter, parts: Parts) -> None:
    """Answer GET /health and /ready."""

    def health() -> Response:
        return JSONResponse({"status": "ok"})

    def ready() -> Response:
        reasons = _reasons(parts)
        return JSONResponse({"ready": not reasons, "reasons": reasons}, status_code=503 if reasons else 200)

    router.add_api_route("/health", health, methods=["GET", "HEAD"])
    router.add_api_route("/ready", ready, methods=["GET", "HEAD"])


def _reasons(parts: Parts) -> list[str]:
    """Why the app cannot work, in words that tell a stranger nothing about the machine."""
    try:
        require_current(parts)
    except DatabaseUnavailable as error:
        log.warning("web.not_ready", error=str(error))
        return ["The database cannot be reached."]
    except DigestError as error:
        return [str(error)]
    return []
