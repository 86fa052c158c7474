"""Mail me my link: a form that answers everybody alike, for who has lost the mail that leads to their preferences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from digest.web.pages import Pages
from digest.web.visitor import visitor_ip
from digest.workflows import linking
from digest.workflows.parts import Parts
from subscribers import BadAddress, parse_address

PATHS = ("/m/", "/m/{publication}")


def serve(router: APIRouter, parts: Parts, pages: Pages, clock: Callable[[], datetime]) -> None:
    """Answer GET and POST /m/ and /m/<publication>."""

    def ask(publication: str = "") -> Response:
        return _page(pages, parts, publication)

    def act(
        request: Request, publication: str = "", address: Annotated[str, Form(max_length=1000)] = ""
    ) -> Response:
        try:
            parse_address(address)
        except BadAddress:
            return _page(pages, parts, publication, bad=True)
        linking.mail_link(
            parts,
            address=address,
            publication=publication,
            ip=visitor_ip(request, parts.settings.site.trusted_proxies),
            now=clock(),
        )
        return _page(pages, parts, publication, asked=True)

    for path in PATHS:
        router.add_api_route(path, ask, methods=["GET", "HEAD"])
        router.add_api_route(path, act, methods=["POST"])


def _page(
    pages: Pages, parts: Parts, publication: str, *, asked: bool = False, bad: bool = False
) -> Response:
    known = publication if publication in parts.settings.publications else None
    return pages.show("my-link", {"asked": asked, "bad": bad}, publication=known)
