"""Leaving: the address in List-Unsubscribe and in every mail. GET shows one button, only POST acts (RFC 8058).

Taking it back, and saying why, have an address of their own, with a token that can do nothing else.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from digest.web.pages import Pages
from digest.workflows import leave
from digest.workflows.compose import PROOF
from digest.workflows.parts import Parts

PATH = "/u/{token:path}"
BACK = "/r/{token:path}"
_KEPT = 4096  # bytes of a body looked at
_DRAINED = 32 * 1024 * 1024  # bytes read and dropped, so that a sender can finish speaking
_PATIENCE = 10.0  # seconds given to a body
_ONE_CLICK = b"List-Unsubscribe=One-Click"
_ONE_CLICK_FIELD = b'name="List-Unsubscribe"'
_DONE = "You are unsubscribed.\n"


def serve(router: APIRouter, parts: Parts, pages: Pages, clock: Callable[[], datetime]) -> None:
    """Answer GET and POST /u/<token> and /r/<token>."""

    def ask(token: str) -> Response:
        if token == PROOF:
            return pages.test_copy()
        leaver = leave.leaver(parts, token, now=clock())
        return _page(pages, "left" if leaver and leaver.gone else "leave", leaver)

    def act(token: str, machine: Annotated[bool, Depends(_from_a_machine)]) -> Response:
        if token == PROOF:
            return pages.test_copy()
        leaver = leave.leave(parts, token, now=clock())
        # A mail provider reads the status and throws the page away.
        return PlainTextResponse(_DONE) if machine else _page(pages, "left", leaver)

    def look_back(token: str) -> Response:
        return _back(pages, leave.returner(parts, token, now=clock()))

    def act_back(
        token: str,
        undo: Annotated[str, Form(max_length=10)] = "",
        why: Annotated[str, Form(max_length=40)] = "",
        note: Annotated[str, Form(max_length=8000)] = "",
    ) -> Response:
        if undo:
            return _back(pages, leave.come_back(parts, token, now=clock()))
        leaver = leave.returner(parts, token, now=clock())
        if not leaver or not leaver.gone:
            return _back(pages, leaver)
        said = bool(why or note.strip()) and leave.explain(parts, token, answer=why, note=note, now=clock())
        return _page(pages, "left", leaver, said=said)

    router.add_api_route(PATH, ask, methods=["GET", "HEAD"])
    # A body of any size is no reason to keep a reader: what is read is bounded below instead.
    router.add_api_route(PATH, act, methods=["POST"], max_body_size=sys.maxsize)
    router.add_api_route(BACK, look_back, methods=["GET", "HEAD"])
    router.add_api_route(BACK, act_back, methods=["POST"])


def _back(pages: Pages, leaver: leave.Leaver | None) -> Response:
    """Where a token to take leaving back leads: to its button, to what it did, or to nothing any more."""
    if leaver is None:
        return pages.show("nothing", {})
    if not leaver.gone:
        return _page(pages, "back", leaver)
    return _page(pages, "left", leaver)


def _page(pages: Pages, name: str, leaver: leave.Leaver | None, *, said: bool = False) -> Response:
    if leaver is None:
        return pages.show(name, {"address": "", "undo": "", "answers": (), "said": False})
    context = {
        "address": pages.isolated(leaver.masked_address),
        "language": leaver.language,
        "undo": leaver.undo,
        "answers": leave.ANSWERS,
        "said": said,
    }
    return pages.show(name, context, publication=leaver.publication)


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
