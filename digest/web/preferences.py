"""What a reader gets, opened from the link in a mail; leaving one publication or all of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from digest.web.pages import Pages
from digest.workflows import leave
from digest.workflows.compose import PROOF
from digest.workflows.parts import Parts

PATH = "/p/{token:path}"
EVERYTHING = "*"


def serve(router: APIRouter, parts: Parts, pages: Pages, clock: Callable[[], datetime]) -> None:
    """Answer GET and POST /p/<token>."""

    def show(token: str) -> Response:
        return pages.test_copy() if token == PROOF else _page(pages, leave.choices(parts, token))

    def change(token: str, left: Annotated[str, Form(alias="leave", max_length=100)] = "") -> Response:
        if token == PROOF:
            return pages.test_copy()
        if not left:
            return _page(pages, leave.choices(parts, token))
        publication = None if left == EVERYTHING else left
        before = leave.choices(parts, token)
        after = leave.leave_chosen(parts, token, publication=publication, now=clock())
        return _page(pages, after, ended=_ended(before, after))

    router.add_api_route(PATH, show, methods=["GET", "HEAD"])
    router.add_api_route(PATH, change, methods=["POST"])


def _ended(before: leave.Choices | None, after: leave.Choices | None) -> tuple[leave.Choice, ...]:
    if before is None or after is None:
        return ()
    return tuple(choice for choice in before.getting if choice not in after.getting)


def _page(pages: Pages, choices: leave.Choices | None, *, ended: tuple[leave.Choice, ...] = ()) -> Response:
    context = {
        "address": choices.masked_address if choices else "",
        "getting": choices.getting if choices else (),
        "ended": ended,
        "everything": EVERYTHING,
    }
    return pages.show("preferences", context)
