"""Leaving: the address in List-Unsubscribe and in every mail. GET shows one button, only POST acts (RFC 8058)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from digest.web.pages import Pages
from digest.workflows import leave
from digest.workflows.compose import PROOF
from digest.workflows.parts import Parts

PATH = "/u/{token:path}"
_KEPT = 4096  # bytes of a body looked at
_DRAINED = 32 * 1024 * 1024  # bytes read and dropped, so that a sender can finish speaking
_PATIENCE = 10.0  # seconds given to a body
_ONE_CLICK = b"List-Unsubscribe=One-Click"
_ONE_CLICK_FIELD = b'name="List-Unsubscribe"'
_DONE = "You are unsubscribed.\n"


def serve(router: APIRouter, parts: Parts, pages: Pages, clock: Callable[[], datetime]) -> None:
    """Answer GET and POST /u/<token>."""

    def ask(token: str) -> Response:
        if token == PROOF:
            return pages.test_copy()
        leaver = leave.leaver(parts, token)
        if leaver and leaver.gone:
            return _done(pages, leaver)
        context = {"address": leaver.masked_address if leaver else ""}
        return pages.show("leave", context, publication=leaver.publication if leaver else None)

    def act(token: str, machine: Annotated[bool, Depends(_from_a_machine)]) -> Response:
        if token == PROOF:
            return pages.test_copy()
        leaver = leave.leave(parts, token, now=clock())
        # A mail provider reads the status and throws the page away.
        return PlainTextResponse(_DONE) if machine else _done(pages, leaver)

    router.add_api_route(PATH, ask, methods=["GET", "HEAD"])
    # A body of any size is no reason to keep a reader: what is read is bounded below instead.
    router.add_api_route(PATH, act, methods=["POST"], max_body_size=sys.maxsize)


def _done(pages: Pages, leaver: leave.Leaver | None) -> Response:
    context = {"address": leaver.masked_address if leaver else ""}
    return pages.show("left", context, publication=leaver.publication if leaver else None)


async def _from_a_machine(request: Request) -> bool:
    """Read the body to its end, within bounds, and tell a mail provider's one-click from a press of our button."""
    kept, seen = b"", 0
    try:
        async with asyncio.timeout(_PATIENCE):
            async for chunk in request.stream():
                seen += len(chunk)
                kept += chunk[: _KEPT - len(kept)]
                if seen > _DRAINED:
                    break
    except (TimeoutError, ClientDisconnect):
        pass  # the request line said all that matters
    return _ONE_CLICK in kept or _ONE_CLICK_FIELD in kept
