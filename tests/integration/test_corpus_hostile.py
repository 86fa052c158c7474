"""Optional: pages and posts that were written to get past sanitisers, through everything from the feed to the browser.

Runs where DIGEST_CORPORA names a directory with hostile in it.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from icalendar import Calendar

from digest.editions.model import Content, ItemKind
from digest.editions.select import choose
from digest.messages import samples
from digest.messages.calendar import calendar_file
from digest.messages.check import edition_names
from digest.messages.model import Rendered
from digest.messages.render import render, web_copy
from digest.posts.model import KnownEvent, PageFacts, StoredPost
from digest.posts.pagefacts import read
from digest.posts.sources.base import RawPost, clean_posts
from digest.templating import Templates
from tests import factories
from tests.browser import ORIGIN, host, pictures
from tests.factories import NOW
from tests.hostile import NONCE, faults, inventory

FOLDER = Path(os.environ.get("DIGEST_CORPORA", "")) / "hostile"
HOME = "https://www.example.org/"
TEMPLATES = Templates()
LOOKS = edition_names(TEMPLATES)
OURS = {"", "www.example.org", "news.example.org", "calendar.google.com", "outlook.live.com"}

pytestmark = pytest.mark.skipif(
    not os.environ.get("DIGEST_CORPORA") or not FOLDER.is_dir(), reason="DIGEST_CORPORA names no corpora"
)


@cache
def payloads() -> tuple[str, ...]:
    found = [one["payload"] for path in sorted(FOLDER.glob("*.json")) for one in json.loads(path.read_text())]
    assert len(found) > 50
    return tuple(found)


def raw(number: int, payload: str) -> RawPost:
    """The payload as everything that a source tells of a post; every other one is an event too."""
    event = factories.event(title=payload, place=payload, uid=payload, key=f"key{number}")
    return RawPost(
        external_id=f"{number}",
        url=f"{HOME}{number}",
        title=f"{number} {payload}",
        summary=payload,
        body=f"<p>Before.</p>{payload}<p>After.</p>",
        authors=(payload,),
        categories=(payload,),
        language=payload,
        event=event if number // 8 % 2 else None,
    )


def page_of(number: int, payload: str) -> PageFacts:
    """What is read of a page that holds the payload everywhere."""
    data = json.dumps(
        {"@type": "Event", "name": payload, "startDate": "2026-12-01T18:00Z", "location": payload}
    )
    html = (
        f"<html><head><title>{payload}</title><meta property=og:title content='{payload}'>{payload}"
        f"<script type=application/ld+json>{data}</script></head><body>{payload}<h1>{payload}</h1></body></html>"
    )
    return read(html, url=f"{HOME}{number}")


@cache
def stored() -> tuple[StoredPost, ...]:
    raws = [raw(number, payload) for number, payload in enumerate(payloads())]
    posts, _ = clean_posts(raws, home=HOME, limit=1000, now=NOW)
    assert len(posts) == len(raws), "nothing is lost"
    return tuple(
        StoredPost(id=n, post=post, source_key=f"rss {HOME}", seen_at=NOW, page=page_of(n, payloads()[n]))
        for n, post in enumerate(posts)
    )


@cache
def edition(look: str, part: int) -> tuple[Content, Rendered]:
    """An edition of every eighth post, none of them left out for its size."""
    chosen = choose(
        stored()[part::8],
        max_items=100,
        max_new=1000,
        excerpt_length=240,
        now=NOW,
        topics={},
        timezone="Europe/London",
    )
    content = factories.content(
        items=chosen.items, template=look, calendar_url="https://news.example.org/e/", subject=""
    )
    rendered = render(content, TEMPLATES, nonce=NONCE)
    assert rendered.dropped == ()
    return content, rendered


@pytest.mark.parametrize("part", range(8))
@pytest.mark.parametrize("look", LOOKS)
def test_nothing_of_it_runs_or_loads_in_mail_text_and_page(look, part):
    content, rendered = edition(look, part)
    assert {item.kind for item in content.items} >= {ItemKind.POST, ItemKind.EVENT}
    copy = web_copy(rendered)
    assert faults(rendered.html, rendered.text) == []
    assert faults(copy, "") == []
    seen = inventory(rendered.html)
    assert seen.hosts <= OURS
    usual = inventory(render(samples.usual(look), TEMPLATES, nonce=NONCE).html)
    assert seen.styles == usual.styles
    assert seen.comments <= usual.comments


def test_nothing_of_it_becomes_a_line_of_a_calendar():
    events = [
        KnownEvent(
            post_id=one.id, title=one.post.title, url=one.post.url, event=one.post.event, changed_at=NOW
        )
        for one in stored()
        if one.post.event
    ]
    told = [event for one in stored() if one.page for event in one.page.events]
    events += [
        KnownEvent(
            post_id=n,
            title=event.title,
            url=HOME,
            event=factories.event(key=f"page{n}", title=event.title, place=event.place),
            changed_at=NOW + timedelta(days=n),
            text=event.title,
        )
        for n, event in enumerate(told)
    ]
    calendar = Calendar.from_ical(calendar_file(events, name=payloads()[0], domain="news.example.org"))
    assert len(told) > 50
    assert len(calendar.walk("VEVENT")) == len(events)
    assert {component.name for component in calendar.walk()} <= {
        "VCALENDAR",
        "VEVENT",
        "VTIMEZONE",
        "STANDARD",
        "DAYLIGHT",
    }
    assert all(not {"ATTACH", "ATTENDEE", "ORGANIZER"} & set(entry) for entry in calendar.walk("VEVENT"))


def test_a_real_browser_runs_none_of_it_and_asks_nobody(page):
    for look in LOOKS:
        for part in range(8):
            page.show(edition(look, part)[1].html, answer=pictures)
            page.run("new Promise(done => setTimeout(done, 50))")
            assert page.said == []
            assert {url for url in page.asked if host(url) not in {"www.example.org", host(ORIGIN)}} == set()
