"""Reading the page of every new post, from a real server into both databases: once, politely, and never at a post's cost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from digest.editions.model import ItemKind
from digest.posts import store as posts
from digest.posts.model import EventStatus
from digest.posts.sources.http import Client
from digest.workflows import examine, look
from digest.workflows.parts import Parts
from tests import factories, publishing
from tests.factories import NOW
from tests.served import Answer, Site, serving

HTML = {"Content-Type": "text/html; charset=utf-8"}
SOURCES = [{"kind": "rss", "url": publishing.FEED, "allow_private": True}]


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as made:
        yield made


@pytest.fixture
def parts(database) -> Parts:
    made = publishing.parts(database, sources=SOURCES)
    publishing.start(made, now=NOW - timedelta(days=30))
    return made


def page(url: str, *, name: str = "Evening at the mill", head: str = "", **facts) -> Answer:
    told = {
        "@context": "https://schema.org",
        "@type": "Event",
        "name": name,
        "url": url,
        "startDate": "2026-12-03T18:00:00+00:00",
        "endDate": "2026-12-03T20:00:00+00:00",
        "location": {"@type": "Place", "name": "The mill"},
        **facts,
    }
    script = f'<script type="application/ld+json">{json.dumps(told)}</script>'
    return Answer(f"<html><head>{head}{script}</head><body><h1>{name}</h1></body></html>", headers=HTML)


def read(parts: Parts, *, now: datetime = NOW) -> examine.Examined:
    async def run() -> examine.Examined:
        async with Client() as client:
            return await examine.examine(parts, client, now=now)

    return asyncio.run(run())


def told(site: Site, path: str, title: str = "Evening at the mill", **changes):
    return factories.post(
        title=title, url=f"{site.url}{path}", published_at=NOW - timedelta(hours=2), **changes
    )


def the_item(parts: Parts, *, now: datetime = NOW):
    (item,) = look.next_edition(parts, "weekly", now=now).items
    return item


def test_a_post_whose_page_describes_its_event_becomes_one_with_the_exact_facts(parts, site):
    site.routes["/mill"] = page(f"{site.url}/mill")
    publishing.publish(parts, told(site, "/mill"), now=NOW)
    assert read(parts) == examine.Examined(read=1, failed=0)
    item = the_item(parts)
    assert item.kind is ItemKind.EVENT
    assert item.event.starts_at == datetime(2026, 12, 3, 18, tzinfo=UTC)
    assert (item.event.place, item.event.key != "") == ("The mill", True)


def test_each_page_is_asked_for_once(parts, site):
    site.routes["/mill"] = page(f"{site.url}/mill")
    publishing.publish(parts, told(site, "/mill"), now=NOW)
    read(parts)
    assert read(parts, now=NOW + timedelta(days=3)) == examine.Examined()
    assert [request.path for request in site.asked].count("/mill") == 1


def test_a_page_that_does_not_answer_is_tried_three_times_and_its_post_is_printed_all_the_same(parts, site):
    site.routes["/mill"] = Answer("busy", status=503)
    publishing.publish(parts, told(site, "/mill", title="What the mill ground"), now=NOW)
    moments = [NOW + timedelta(minutes=n) for n in (0, 5, 20, 30, 90, 600)]
    assert [read(parts, now=at).failed for at in moments] == [1, 0, 1, 0, 1, 0]
    assert the_item(parts).title == "What the mill ground"


def test_a_page_that_is_refused_is_not_asked_for_again(parts, site):
    site.routes["/mill"] = Answer("no", status=403)
    publishing.publish(parts, told(site, "/mill"), now=NOW)
    assert [read(parts, now=NOW + timedelta(hours=n)).failed for n in range(3)] == [1, 0, 0]


def test_a_page_may_lend_its_picture_to_a_post_without_one(parts, site):
    picture = "https://www.example.org/mill.jpg"
    head = f'<meta property="og:image" content="{picture}">'
    site.routes["/mill"] = Answer(f"<html><head>{head}</head></html>", headers=HTML)
    publishing.publish(parts, told(site, "/mill", title="What the mill ground"), now=NOW)
    read(parts)
    assert the_item(parts).image.url == picture


def test_one_page_under_two_addresses_is_one_item(parts, site):
    head = f'<link rel="canonical" href="{site.url}/mill">'
    site.routes["/mill"] = Answer(f"<html><head>{head}</head></html>", headers=HTML)
    site.routes["/2026/mill-again"] = Answer(f"<html><head>{head}</head></html>", headers=HTML)
    publishing.publish(parts, told(site, "/mill", title="What the mill ground"), now=NOW)
    read(parts)
    publishing.publish(parts, told(site, "/2026/mill-again", title="What the mill ground"), now=NOW)
    read(parts)
    assert the_item(parts).url == f"{site.url}/mill"


def test_a_site_that_breaks_its_canonical_addresses_loses_no_post_to_its_front_page(parts, site):
    head = f'<link rel="canonical" href="{site.url}/">'
    for n in range(3):
        site.routes[f"/{n}"] = Answer(f"<html><head>{head}</head></html>", headers=HTML)
    publishing.publish(parts, *(told(site, f"/{n}", title=f"Post {n}") for n in range(3)), now=NOW)
    read(parts)
    assert len(look.next_edition(parts, "weekly", now=NOW).items) == 3


def test_a_changed_fact_raises_the_revision_and_the_key_stays(parts, site):
    site.routes["/mill"] = page(f"{site.url}/mill")
    (post_id,) = publishing.publish(parts, told(site, "/mill"), now=NOW)
    read(parts)

    def known():
        with parts.database.reading() as session:
            return posts.known_events(session, [post_id])[post_id]

    first = known()
    from digest.posts import pagefacts

    moved = page(
        f"{site.url}/mill", startDate="2026-12-04T18:00:00+00:00", endDate="2026-12-04T20:00:00+00:00"
    )
    facts = pagefacts.read(
        moved.body if isinstance(moved.body, str) else moved.body.decode(), url=f"{site.url}/mill"
    )
    for later in (NOW + timedelta(days=1), NOW + timedelta(days=2)):
        with parts.database.transaction() as session:
            examine.keep(session, parts, post_id, facts, now=later)
    second = known()
    assert (first.event.revision, second.event.revision) == (0, 1)
    assert first.event.key == second.event.key
    assert second.changed_at == NOW + timedelta(days=1)


def test_a_page_on_a_private_address_is_not_asked_for_unless_the_source_may(database, site):
    parts = publishing.parts(database)
    publishing.start(parts, now=NOW - timedelta(days=30))
    site.routes["/mill"] = page(f"{site.url}/mill")
    publishing.publish(parts, told(site, "/mill"), now=NOW)
    assert read(parts) == examine.Examined(read=0, failed=1)
    assert site.asked == []


def test_no_front_page_is_read_for_a_post_that_has_no_page_of_its_own(parts, site):
    publishing.publish(parts, told(site, "/"), now=NOW)
    assert read(parts) == examine.Examined()


def test_at_most_sixty_pages_are_read_at_a_time_and_the_rest_the_next_time(parts, site):
    for n in range(70):
        site.routes[f"/{n}"] = Answer("<html></html>", headers=HTML)
    publishing.publish(parts, *(told(site, f"/{n}", title=f"Post {n}") for n in range(70)), now=NOW)
    assert [read(parts).read, read(parts).read, read(parts).read] == [60, 10, 0]


def test_an_event_called_off_without_a_date_is_called_off_in_calendars_too(parts):
    told = factories.post(event=factories.event(title="The fair"), title="The fair")
    (post_id,) = publishing.publish(parts, told, now=NOW)
    off = factories.replace_event(told, starts_at=None, ends_at=None, status=EventStatus.CANCELLED)
    publishing.publish(parts, off, now=NOW + timedelta(days=1))
    with parts.database.reading() as session:
        known = posts.known_events(session, [post_id])[post_id].event
    assert (known.status, known.starts_at, known.revision) == (EventStatus.CANCELLED, told.event.starts_at, 1)
