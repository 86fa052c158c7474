"""The public pages in a real browser, as the web app answers them: the rules of WCAG 2.2, light and dark, down to 320 px."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

import subscribers
from digest.editions import store as editions
from digest.editions.model import EditionState
from digest.messages import samples
from digest.messages.render import render
from digest.templating import Templates
from digest.workflows import join, sign_up
from digest.workflows.parts import Parts
from subscribers import Consent, Purpose, SubscriptionRef
from tests import web
from tests.axe import barriers
from tests.browser import ORIGIN, Page, Served
from tests.factories import NOW

ARABIC = web.PUBLICATION | {"name": "موجز الأسبوع", "language": "ar"}
RIVERS = web.PUBLICATION | {
    "name": "Notes from the Old River and Its Many Unpronounceable Tributaries",
    "topics": {"high-water": ["Floods"], "wildlife": ["Otters"], "walks": ["Walks"]},
}
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
NOT_PUBLIC = {
    "base",
    "edition-bar",
    "edition-head",
    "samples",
}  # what the others are made of, and what the command line writes for operators

pytestmark = pytest.mark.parametrize(
    "database_url", ["sqlite"], indirect=True
)  # the pages are the same on both


@pytest.fixture
def parts(database) -> Parts:
    return web.parts(database, arabic=ARABIC, rivers=RIVERS)


@pytest.fixture
def client(parts: Parts) -> Iterator[httpx2.Client]:
    with web.browsing(parts) as client:
        yield client


def mailed(parts: Parts, publication: str) -> None:
    """An edition of the publication that has gone out."""
    content = samples.arabic("weekly") if publication == "arabic" else samples.usual("weekly")
    rendered = render(content, Templates(), nonce="nonce0nonce0nonce0")
    with parts.database.transaction() as session:
        editions.ensure_publication(session, publication, now=NOW)
        editions.lock_publication(session, publication)
        edition = editions.create(
            session,
            publication=publication,
            state=EditionState.SENT,
            cut_at=NOW,
            send_at=NOW,
            slot=None,
            subject=rendered.subject,
            items=(),
        )
        editions.save_snapshot(session, edition.id, rendered)
        editions.save(session, replace(edition, launched_at=NOW, fingerprint=rendered.fingerprint))


def leave(client, parts):
    return client.get(f"/u/{web.token(parts, web.subscribed(parts)['weekly'])}")


def left(client, parts):
    mailed(parts, "weekly")
    return client.post(f"/u/{web.token(parts, web.subscribed(parts)['weekly'])}")


def left_in_arabic(client, parts):
    return client.post(f"/u/{web.token(parts, web.subscribed(parts, 'arabic')['arabic'])}")


def mine(parts: Parts, *publications: str) -> str:
    ref = web.subscribed(parts, *publications)[publications[0]]
    return f"/p/{web.token(parts, ref, Purpose.PREFERENCES)}"


def preferences(client, parts):
    return client.get(mine(parts, "weekly", "events", "arabic"))


def preferences_after_leaving_one(client, parts):
    return client.post(mine(parts, "weekly", "arabic"), data={"leave": "arabic"}, headers=OWN_PAGE)


def preferences_after_leaving_all(client, parts):
    link = mine(parts, "weekly")
    client.post(link, data={"leave": "weekly"}, headers=OWN_PAGE)
    return client.get(link)


def left_with_an_answer(client, parts):
    token = web.token(parts, web.subscribed(parts)["weekly"])
    client.post(f"/u/{token}")
    return client.post(back_link(parts), data={"why": "often"}, headers=OWN_PAGE)


def back_link(parts: Parts) -> str:
    """The link that takes having left back."""
    return f"/r/{web.token(parts, SubscriptionRef(subscriber_id=1, list_id=1), Purpose.RETURN)}"


def back(client, parts):
    client.post(f"/u/{web.token(parts, web.subscribed(parts)['weekly'])}")
    return client.post(back_link(parts), data={"undo": "yes"}, headers=OWN_PAGE)


def preferences_in_arabic(client, parts):
    data = {"save": "arabic", "paused_until": "2027-01-04"}
    return client.post(mine(parts, "arabic", "weekly"), data=data, headers=OWN_PAGE)


def preferences_refused(client, parts):
    return client.post(mine(parts, "weekly"), data={"move": "nobody"}, headers=OWN_PAGE)


def erase(client, parts):
    return client.post(mine(parts, "weekly"), data={"erase": "ask", "own": web.ADDRESS}, headers=OWN_PAGE)


def erased(client, parts):
    return client.post(mine(parts, "weekly"), data={"erase": "yes", "own": web.ADDRESS}, headers=OWN_PAGE)


def moving_to(client, parts) -> str:
    """The link mailed to a new address."""
    ref = web.subscribed(parts, "arabic")["arabic"]
    with parts.database.transaction() as session:
        moved = subscribers.request_move(
            session, keys=parts.keys, ref=ref, address="ada@new.example", now=NOW
        )
    assert moved is not None
    return f"/n/{moved.token}"


def move(client, parts):
    return client.get(moving_to(client, parts))


def moved(client, parts):
    return client.post(moving_to(client, parts), headers=OWN_PAGE)


def moved_by_a_dead_link(client, parts):
    return client.get("/o/nothing")


def my_link(client, parts):
    return client.get("/m/arabic")


def my_link_asked(client, parts):
    return client.post("/m/", data={"address": web.ADDRESS}, headers=OWN_PAGE)


def my_link_refused(client, parts):
    return client.post("/m/weekly", data={"address": "nobody"}, headers=OWN_PAGE)


def nothing(client, parts):
    return client.get("/p/nothing")


def archive(client, parts):
    mailed(parts, "weekly")
    return client.get("/a/weekly/")


def archive_in_arabic(client, parts):
    mailed(parts, "arabic")
    return client.get("/a/arabic/")


def archive_of_nothing(client, parts):
    return client.get("/a/weekly/")


def form_of(parts: Parts, publication: str, **filled: str) -> dict[str, str]:
    """The form of a publication, opened a while ago and filled in."""
    form = sign_up.form(parts, publication, now=NOW - timedelta(seconds=20))
    return {"email": "ada@readers.example", "stamp": form.stamp, **filled}


def sign_up_page(client, parts):
    return client.get("/s/rivers")


def sign_up_in_arabic(client, parts):
    return client.get("/s/arabic")


def sign_up_once_more(client, parts):
    return client.post("/s/rivers", data=form_of(parts, "rivers", stamp=""), headers=OWN_PAGE)


def sign_up_without_an_address(client, parts):
    return client.post("/s/arabic", data=form_of(parts, "arabic", email="ada"), headers=OWN_PAGE)


def sign_up_done(client, parts):
    return client.post("/s/weekly", data=form_of(parts, "weekly"), headers=OWN_PAGE)


def sign_up_closed(client, parts):
    join.set_doors(parts, open=False, now=NOW)
    return client.get("/s/events")


def asked_for(parts: Parts, publication: str) -> str:
    """A link to confirm a sign-up."""
    with parts.database.transaction() as session:
        asked = subscribers.request(
            session,
            keys=parts.keys,
            address=web.ADDRESS,
            publication=publication,
            consent=Consent(text="Yes.", source="a test", at=NOW),
            now=NOW,
        )
    return f"/c/{subscribers.mint_request(parts.keys, asked.request_id)}"


def confirm(client, parts):
    return client.get(asked_for(parts, "weekly"))


def confirm_in_arabic(client, parts):
    return client.get(asked_for(parts, "arabic"))


def confirmed(client, parts):
    return client.post(asked_for(parts, "arabic"), headers=OWN_PAGE)


def confirmed_by_a_dead_link(client, parts):
    return client.get("/c/nothing")


def trouble(client, parts):
    return client.get("/nothing/here")


def proof(client, parts):
    return client.get("/u/proof")


SEEN: dict[str, tuple[Callable[[httpx2.Client, Parts], httpx2.Response], ...]] = {
    "leave": (leave,),
    "left": (left, left_in_arabic, left_with_an_answer),
    "back": (back,),
    "preferences": (
        preferences,
        preferences_in_arabic,
        preferences_refused,
        preferences_after_leaving_one,
        preferences_after_leaving_all,
    ),
    "erase": (erase,),
    "erased": (erased,),
    "move": (move, moved, moved_by_a_dead_link),
    "my-link": (my_link, my_link_asked, my_link_refused),
    "nothing": (nothing,),
    "archive": (archive, archive_in_arabic, archive_of_nothing),
    "sign-up": (sign_up_page, sign_up_in_arabic, sign_up_once_more, sign_up_without_an_address),
    "sign-up-done": (sign_up_done,),
    "sign-up-closed": (sign_up_closed,),
    "confirm": (confirm, confirm_in_arabic),
    "confirmed": (confirmed, confirmed_by_a_dead_link),
    "trouble": (trouble,),
    "proof": (proof,),
}
STATUS = {trouble: 404, sign_up_closed: 403, sign_up_without_an_address: 422}
PRESSED = {
    left,
    left_in_arabic,
    left_with_an_answer,
    leave,
    preferences,
    preferences_in_arabic,
    preferences_refused,
    preferences_after_leaving_one,
    preferences_after_leaving_all,
    erase,
    move,
    my_link,
    my_link_refused,
    sign_up_page,
    sign_up_in_arabic,
    sign_up_once_more,
    sign_up_without_an_address,
    confirm,
    confirm_in_arabic,
}
ANSWERS = [answer for answers in SEEN.values() for answer in answers]


def served(answer: httpx2.Response) -> Served:
    """An answer of the app as the browser gets it, with the policy it came with."""
    headers = (("Content-Security-Policy", answer.headers["content-security-policy"]),)
    kind = answer.headers["content-type"]
    return Served(body=answer.content, kind=kind, status=answer.status_code, headers=headers)


def shown(page: Page, client: httpx2.Client, answer: httpx2.Response, *, width: int, dark: bool) -> None:
    def ours(url: str) -> Served | None:
        return served(client.get(url.removeprefix(ORIGIN))) if url.startswith(f"{ORIGIN}/static/") else None

    page.show(served(answer), answer=ours, width=width, dark=dark)


@pytest.mark.parametrize("made", ANSWERS, ids=lambda made: made.__name__)
def test_a_page_can_be_used_by_everyone(page, client, parts, made):
    answer = made(client, parts)
    assert answer.status_code == STATUS.get(made, 200)
    for dark, width in ((False, 1280), (True, 320)):
        shown(page, client, answer, width=width, dark=dark)
        assert page.run("document.styleSheets.length > 0 && document.styleSheets[0].cssRules.length > 5")
        assert barriers(page) == []
        assert page.run("document.documentElement.scrollWidth") <= width
        assert {url for url in page.asked if not url.startswith(f"{ORIGIN}/")} == set(), (
            "a third party was asked"
        )


@pytest.mark.parametrize("made", ANSWERS, ids=lambda made: made.__name__)
def test_what_is_pressed_on_a_page_is_large_enough(page, client, parts, made):
    shown(page, client, made(client, parts), width=320, dark=False)
    boxes = page.run(
        "[...document.querySelectorAll('button')].map(b => b.getBoundingClientRect()).map(b => [b.width, b.height])"
    )
    assert bool(boxes) is (made in PRESSED)
    assert all(min(box) >= 44 for box in boxes)


def test_the_copy_of_an_edition_in_the_browser_shows_its_pictures_and_asks_for_nothing_else(
    page, client, parts
):
    mailed(parts, "weekly")
    shown(page, client, client.get("/a/weekly/1"), width=680, dark=False)
    pictures = [url for url in page.asked if not url.startswith(ORIGIN)]
    assert pictures
    assert all(url.startswith(f"{samples.SITE}/pictures/") for url in pictures)
    assert page.run("parseFloat(getComputedStyle(document.querySelector('h1')).fontSize)") >= 20


def test_every_public_page_is_among_those_looked_at(database_url):
    files = {path.stem for path in (Path(__file__).parents[2] / "templates/pages").glob("*.html")}
    assert files - NOT_PUBLIC == set(SEEN)
