"""What a reader gets, opened from the link in a mail: chosen, paused, joined and left there without signing in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Form
from pydantic import BaseModel, Field
from starlette.responses import Response

from digest.web.pages import Pages
from digest.workflows import moving, own_data, preferences
from digest.workflows.compose import PROOF
from digest.workflows.parts import Parts
from digest.workflows.pausing import BadPause

PATH = "/p/{token:path}"
EVERYTHING = "*"
_BAD = frozenset({"page_pause_bad", "page_address_bad", "page_data_wrong"})


class Wish(BaseModel):
    """What one press of a button sent; only the button's own field is filled in beside what it needs."""

    leave: str = Field("", max_length=100)
    join: str = Field("", max_length=100)
    save: str = Field("", max_length=100)
    topics: list[Annotated[str, Field(max_length=200)]] = Field([], max_length=500)
    frequency: str = Field("", max_length=40)
    events_only: str = Field("", max_length=10)
    paused_until: str = Field("", max_length=40)
    speak: str = Field("", max_length=10)
    language: str = Field("", max_length=40)
    move: str = Field("", max_length=1000)
    own: str = Field("", max_length=1000)
    export: str = Field("", max_length=10)
    erase: str = Field("", max_length=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a page says of what was just done, by the name of its words."""

    word: str
    name: str = ""
    date: date | None = None

    @property
    def bad(self) -> bool:
        """Whether something was not done."""
        return self.word in _BAD


def serve(router: APIRouter, parts: Parts, pages: Pages, clock: Callable[[], datetime]) -> None:
    """Answer GET and POST /p/<token>."""

    def show(token: str) -> Response:
        return pages.test_copy() if token == PROOF else _page(pages, parts, token, now=clock())

    def change(token: str, wish: Annotated[Wish, Form()]) -> Response:
        if token == PROOF:
            return pages.test_copy()
        if wish.export or wish.erase:
            return _own_data(pages, parts, token, wish, now=clock())
        return _page(pages, parts, token, said=_do(parts, pages, token, wish, now=clock()), now=clock())

    router.add_api_route(PATH, show, methods=["GET", "HEAD"])
    router.add_api_route(PATH, change, methods=["POST"])


def _do(parts: Parts, pages: Pages, token: str, wish: Wish, *, now: datetime) -> tuple[Said, ...]:
    if wish.leave:
        publication = None if wish.leave == EVERYTHING else wish.leave
        ended = preferences.leave_chosen(parts, token, publication=publication, now=now)
        gone = tuple(Said(word="page_no_more", name=pages.isolated(name)) for name in ended)
        return (*gone, Said(word="page_may_arrive")) if gone else ()
    if wish.join:
        name = preferences.join(parts, token, publication=wish.join, now=now)
        return (Said(word="page_joined", name=pages.isolated(name)),) if name else ()
    if wish.save:
        return _save(parts, pages, token, wish, now=now)
    if wish.speak:
        spoken = preferences.speak(parts, token, language=wish.language)
        return (Said(word="page_language_said"),) if spoken else ()
    if wish.move:
        asked = moving.ask_to_move(parts, token, address=wish.move, now=now)
        return (Said(word="page_address_said" if asked else "page_address_bad"),)
    return ()


def _save(parts: Parts, pages: Pages, token: str, wish: Wish, *, now: datetime) -> tuple[Said, ...]:
    try:
        kept = preferences.choose(
            parts,
            token,
            publication=wish.save,
            topics=wish.topics,
            frequency=wish.frequency,
            events_only=bool(wish.events_only),
            paused_until=wish.paused_until,
            now=now,
        )
    except BadPause:
        return (Said(word="page_pause_bad"),)
    if kept is None:
        return ()
    name = pages.isolated(kept.name)
    saved = Said(word="page_saved", name=name)
    return (
        (saved, Said(word="page_paused", name=name, date=kept.paused_until))
        if kept.paused_until
        else (saved,)
    )


def _own_data(pages: Pages, parts: Parts, token: str, wish: Wish, *, now: datetime) -> Response:
    """Taking away or erasing what is kept: only for who knows the whole address, and erasing is asked twice."""
    if wish.erase == "yes":
        seen = preferences.preferences(parts, token, now=now)
        if seen and own_data.erase(parts, token, address=wish.own, now=now):
            return pages.show("erased", {"language": seen.language})
    elif wish.erase == "ask":
        seen = preferences.preferences(parts, token, now=now)
        if seen and own_data.is_theirs(parts, token, wish.own):
            context = {"own": wish.own, "language": seen.language, "token": token}
            return pages.show("erase", context, publication=seen.publication)
    elif wish.export:
        kept = own_data.export(parts, token, address=wish.own)
        if kept is not None:
            return Response(
                kept,
                media_type="application/json; charset=utf-8",
                headers={"Content-Disposition": 'attachment; filename="what-we-keep.json"'},
            )
    said: Sequence[Said] = () if wish.erase == "no" else (Said(word="page_data_wrong"),)
    return _page(pages, parts, token, said=said, now=now)


def _page(pages: Pages, parts: Parts, token: str, *, said: Sequence[Said] = (), now: datetime) -> Response:
    seen = preferences.preferences(parts, token, now=now)
    if seen is None or not seen.masked_address:
        return pages.show("nothing", {})
    context = {
        "address": pages.isolated(seen.masked_address),
        "language": seen.language,
        "languages": seen.languages,
        "getting": seen.getting,
        "offers": seen.offers,
        "said": said,
        "everything": EVERYTHING,
    }
    return pages.show("preferences", context)
