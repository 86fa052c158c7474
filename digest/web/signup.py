"""Signing up: a plain form, one answer for every address, and a link in a mail where one button confirms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from digest.web.pages import Pages
from digest.web.visitor import visitor_ip
from digest.workflows import join, letters, sign_up
from digest.workflows.parts import Parts
from digest.workflows.sign_up import Asked, Filled
from subscribers import Pending, Standing

PATH = "/s/{publication}"
CONFIRM_PATH = "/c/{token:path}"
_SAID = {
    Asked.AGAIN: "sign_up_again",
    Asked.BAD_ADDRESS: "sign_up_bad",
    Asked.OWN_ADDRESS: "sign_up_own",
}
_STATUS = {Asked.BAD_ADDRESS: 422, Asked.OWN_ADDRESS: 422, Asked.BUSY: 429, Asked.CLOSED: 403}
_PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
_LATER = {"Retry-After": "3600"}
_LONGEST = 1000
_Text = Annotated[str, Form(max_length=_LONGEST)]


def serve(router: APIRouter, parts: Parts, pages: Pages, clock: Callable[[], datetime]) -> None:
    """Answer GET and POST /s/<publication> and /c/<token>."""

    def show(publication: str, lang: str = "") -> Response:
        _must_be_ours(parts, publication)
        if not sign_up.is_open(parts, publication):
            return _refused(pages, parts, publication, lang, Asked.CLOSED)
        return _form(pages, parts, publication, Filled(address="", language=lang[:35]), now=clock())

    def ask(
        request: Request,
        publication: str,
        email: _Text = "",
        topics: Annotated[list[_Text] | None, Form(max_length=200)] = None,
        lang: _Text = "",
        stamp: _Text = "",
        origin: _Text = "",
        middle_name: _Text = "",
    ) -> Response:
        _must_be_ours(parts, publication)
        filled = Filled(
            address=email,
            topics=tuple(topics or ()),
            language=lang[:35],
            origin=_elsewhere(request, parts) or origin,
            stamp=stamp,
            trap=middle_name,
            ip=visitor_ip(request, parts.settings.site.trusted_proxies),
        )
        asked = sign_up.ask(parts, publication, filled, now=clock())
        if asked in {Asked.BUSY, Asked.CLOSED}:
            return _refused(pages, parts, publication, filled.language, asked)
        if asked is Asked.DONE:
            language = letters.spoken(parts, publication, filled.language)
            context = {"language": language}
            return pages.show("sign-up-done", context, publication=publication, headers=_PRIVATE)
        return _form(pages, parts, publication, filled, asked=asked, now=clock())

    def look(token: str) -> Response:
        found = join.look(parts, token, now=clock())
        if found and found.standing is Standing.WAITING:
            return pages.show("confirm", _facts(pages, parts, found), publication=found.publication)
        return _over(pages, parts, found)

    def confirm(token: str) -> Response:
        return _over(pages, parts, join.confirm(parts, token, now=clock()))

    router.add_api_route(PATH, show, methods=["GET", "HEAD"])
    router.add_api_route(PATH, ask, methods=["POST"])
    router.add_api_route(CONFIRM_PATH, look, methods=["GET", "HEAD"])
    router.add_api_route(CONFIRM_PATH, confirm, methods=["POST"])


def _must_be_ours(parts: Parts, publication: str) -> None:
    if publication not in parts.settings.publications:
        raise HTTPException(404)


def _elsewhere(request: Request, parts: Parts) -> str:
    """The other site whose form this is, where it is one that may hold our forms."""
    origin = request.headers.get("origin", "").lower()
    home = urlsplit(parts.settings.site.base_url)
    own = origin == f"{home.scheme}://{home.netloc}".lower()
    return origin if origin in parts.settings.site.embed_origins and not own else ""


def _form(
    pages: Pages, parts: Parts, publication: str, filled: Filled, *, asked: Asked | None = None, now: datetime
) -> Response:
    origin = filled.origin if filled.origin in parts.settings.site.embed_origins else ""
    fresh = sign_up.form(parts, publication, language=filled.language, origin=origin, now=now)
    context = {
        "form": fresh,
        "language": fresh.language,
        "action": f"/s/{publication}",
        "address": filled.address,
        "chosen": filled.topics,
        "said": _SAID.get(asked, "") if asked else "",
        "wrong": asked in {Asked.BAD_ADDRESS, Asked.OWN_ADDRESS},
    }
    status = _STATUS.get(asked, 200) if asked else 200
    return pages.show("sign-up", context, publication=publication, status=status, headers=_PRIVATE)


def _refused(pages: Pages, parts: Parts, publication: str, language: str, asked: Asked) -> Response:
    busy = asked is Asked.BUSY
    context = {
        "language": letters.spoken(parts, publication, language[:35]),
        "name": pages.isolated(parts.publication(publication).name),
        "busy": busy,
    }
    headers = _PRIVATE | _LATER if busy else _PRIVATE
    return pages.show(
        "sign-up-closed", context, publication=publication, status=_STATUS[asked], headers=headers
    )


def _over(pages: Pages, parts: Parts, found: Pending | None) -> Response:
    if found is None:
        return pages.show("confirmed", {"joined": False, "again": "", "name": "", "address": ""})
    context = {
        **_facts(pages, parts, found),
        "joined": found.standing is Standing.CONFIRMED,
        "again": f"/s/{found.publication}",
    }
    return pages.show("confirmed", context, publication=found.publication)


def _facts(pages: Pages, parts: Parts, found: Pending) -> dict[str, str]:
    return {
        "language": letters.spoken(parts, found.publication, found.language),
        "name": pages.isolated(parts.publication(found.publication).name),
        "address": pages.isolated(found.masked_address),
    }
