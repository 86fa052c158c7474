"""A change of address: the button mailed to the new one, and the one mailed to the old one that takes it back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from digest.web.pages import Pages
from digest.workflows import moving
from digest.workflows.parts import Parts
from subscribers import Purpose

NEW = "/n/{token:path}"
OLD = "/o/{token:path}"


def serve(router: APIRouter, parts: Parts, pages: Pages, clock: Callable[[], datetime]) -> None:
    """Answer GET and POST /n/<token> and /o/<token>."""

    def ask_new(token: str) -> Response:
        return _ask(Purpose.NEW_ADDRESS, token, "page_move_question", "page_move_yes")

    def act_new(token: str) -> Response:
        return _done(Purpose.NEW_ADDRESS, token, moving.confirm(parts, token, now=clock()))

    def ask_old(token: str) -> Response:
        return _ask(Purpose.OLD_ADDRESS, token, "page_back_question", "page_back_yes")

    def act_old(token: str) -> Response:
        return _done(Purpose.OLD_ADDRESS, token, moving.undo(parts, token, now=clock()))

    def _ask(purpose: Purpose, token: str, question: str, yes: str) -> Response:
        seen = moving.crossing(parts, purpose, token, now=clock())
        address = pages.isolated(seen.masked_address) if seen.open else ""
        context = {
            "language": seen.language,
            "address": address,
            "question": question,
            "yes": yes,
            "done": False,
        }
        return pages.show("move", context)

    def _done(purpose: Purpose, token: str, address: str) -> Response:
        language = moving.crossing(parts, purpose, token, now=clock()).language
        context = {"language": language, "address": pages.isolated(address), "done": True}
        return pages.show("move", {**context, "question": "", "yes": ""})

    router.add_api_route(NEW, ask_new, methods=["GET", "HEAD"])
    router.add_api_route(NEW, act_new, methods=["POST"])
    router.add_api_route(OLD, ask_old, methods=["GET", "HEAD"])
    router.add_api_route(OLD, act_old, methods=["POST"])
