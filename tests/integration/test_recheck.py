"""Asking the site before a launch what is still there, on both databases: what is gone stays out, and only that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from digest.database import Database
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState, Section
from digest.messages.model import Rendered
from digest.posts import store as posts
from digest.posts.model import PostId
from digest.workflows import approve, close, launch, recheck
from digest.workflows.parts import Parts
from tests import factories, publishing, sending
from tests.factories import NOW
from tests.served import Answer, Site, serving

E = EditionState
MINUTE = timedelta(minutes=1)
TITLES = ("Reeds for the north bank", "The ferry landing opens", "How we count otters")
THERE = Answer("<h1>here it is</h1>", headers={"Content-Type": "text/html"})


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as made:
        made.routes.update({f"/{n}": THERE for n in range(len(TITLES))})
        yield made


def opened(database: Database, site: Site, **weekly: Any) -> Parts:
    sources = [{"kind": "rss", "url": publishing.FEED, "allow_private": True}]
    made = sending.parts(database, **{"sources": sources, **weekly})
    sending.subscribe(made, "a@example.net")
    return made


def cut(parts: Parts, site: Site, *, titles: tuple[str, ...] = TITLES, at: datetime = NOW) -> Edition:
    """The draft that is made of the site's posts, the first of them the newest; due now."""
    told = tuple(
        factories.post(title=title, url=f"{site.url}/{n}", published_at=NOW - timedelta(hours=n + 1))
        for n, title in enumerate(titles)
    )
    publishing.publish(parts, *told, now=NOW - timedelta(minutes=30))
    edition = close.cut(parts, "weekly", now=at)
    with parts.database.transaction() as session:
        editions.save(session, replace(edition, send_at=NOW))
    return sending.state(parts, edition)


def ask(parts: Parts, *, now: datetime = NOW) -> list[PostId]:
    return asyncio.run(recheck.recheck_due(parts, now=now))


def titles(edition: Edition) -> list[str]:
    return [item.title for item in edition.items]


@pytest.mark.parametrize("status", [404, 410])
def test_a_post_that_is_gone_at_launch_is_taken_out_and_a_person_may_approve_what_is_left(
    database: Database, site: Site, status: int
) -> None:
    parts = opened(database, site)
    edition = cut(parts, site)
    approve.approve(parts, edition.id, by="Ada", now=NOW)
    site.routes["/0"] = Answer(status=status)
    assert ask(parts) == [edition.items[0].post_id]
    assert launch.launch_due(parts, now=NOW) == []

    draft = sending.state(parts, edition)
    assert (draft.state, draft.approved_by) == (E.DRAFT, "")
    assert draft.reason == f'no longer on the site: "{TITLES[0]}"'
    assert titles(draft) == list(TITLES[1:])
    assert draft.items[0].section is Section.LEAD, "another post leads"
    assert draft.subject == f"{TITLES[1]} and 1 more"
    assert TITLES[0] not in draft.preheader
    told = [text for key, text in sending.notices(parts) if key.startswith("held:")]
    assert len(told) == 1
    assert f'no longer on the site: "{TITLES[0]}"' in " ".join(told[0].split())

    approve.approve(parts, edition.id, by="Ada", now=NOW + MINUTE)
    (sent,) = launch.launch_due(parts, now=NOW + MINUTE)
    with parts.database.reading() as session:
        rendered = editions.snapshot(session, sent.id, Rendered)
        assert set(editions.placed(session, "weekly")) == {item.post_id for item in draft.items}
    assert rendered is not None
    assert TITLES[0] not in rendered.html + rendered.text + rendered.subject


def test_staff_are_told_of_a_post_that_is_gone_though_they_were_told_before_that_the_edition_waits(
    database: Database, site: Site
) -> None:
    parts = opened(database, site)
    edition = cut(parts, site)
    launch.launch_due(parts, now=NOW)
    approve.approve(parts, edition.id, by="Ada", now=NOW)
    site.routes["/1"] = Answer(status=404)
    ask(parts)
    for minute in range(3):
        launch.launch_due(parts, now=NOW + minute * MINUTE)
    told = [text for key, text in sending.notices(parts) if key.startswith("held:")]
    assert len(told) == 2
    assert sum(TITLES[1] in text for text in told) == 2  # once among the posts of the draft, once as gone
    assert sum("no longer on the site" in text for text in told) == 1


def test_what_staff_wrote_above_the_mail_stays_unless_it_names_what_is_gone(
    database: Database, site: Site
) -> None:
    parts = opened(database, site)
    edition = cut(parts, site)
    with parts.database.transaction() as session:
        editions.save(session, replace(edition, subject="Spring at last", preheader=f"And: {TITLES[2]}"))
    approve.approve(parts, edition.id, by="Ada", now=NOW)
    site.routes["/2"] = Answer(status=404)
    ask(parts)
    launch.launch_due(parts, now=NOW)
    draft = sending.state(parts, edition)
    assert draft.subject == "Spring at last"
    assert TITLES[2] not in draft.preheader


@pytest.mark.parametrize("approval", ["none", "unless held"])
def test_where_nobody_needs_to_approve_what_is_left_goes_out_at_once(
    database: Database, site: Site, approval: str
) -> None:
    parts = opened(database, site, approval=approval)
    edition = cut(parts, site)
    site.routes["/0"] = Answer(status=404)
    ask(parts)
    (sent,) = launch.launch_due(parts, now=NOW)
    assert (sent.id, sent.state) == (edition.id, E.SENDING)
    assert titles(sent) == list(TITLES[1:])
    assert not [key for key, _ in sending.notices(parts) if key.startswith("held:")], "it waits for nobody"


def test_an_edition_of_which_nothing_is_left_is_skipped_and_staff_are_told(
    database: Database, site: Site
) -> None:
    parts = opened(database, site)
    edition = cut(parts, site, titles=TITLES[:1])
    approve.approve(parts, edition.id, by="Ada", now=NOW)
    site.routes["/0"] = Answer(status=410)
    ask(parts)
    assert launch.launch_due(parts, now=NOW) == []
    skipped = sending.state(parts, edition)
    assert skipped.state is E.SKIPPED
    assert skipped.reason == f'Nothing is left to say: no longer on the site: "{TITLES[0]}".'
    assert [key for key, _ in sending.notices(parts) if key.startswith("skipped:")]
    assert sending.counts(parts, edition) == {}


@pytest.mark.parametrize("status", [500, 503, 403, 429, 401])
def test_a_site_in_trouble_empties_nothing(database: Database, site: Site, status: int) -> None:
    parts = opened(database, site)
    edition = cut(parts, site)
    approve.approve(parts, edition.id, by="Ada", now=NOW)
    site.routes["/0"] = Answer(status=status)
    assert ask(parts) == []
    (sent,) = launch.launch_due(parts, now=NOW)
    assert titles(sent) == list(TITLES)


def test_a_site_that_does_not_answer_empties_nothing(database: Database, site: Site) -> None:
    with serving() as closed:
        parts = opened(database, closed)
        edition = cut(parts, closed)
    approve.approve(parts, edition.id, by="Ada", now=NOW)
    assert ask(parts) == []
    (sent,) = launch.launch_due(parts, now=NOW)
    assert titles(sent) == list(TITLES)


def test_a_site_on_which_every_page_is_missing_is_not_believed(database: Database, site: Site) -> None:
    parts = opened(database, site)
    edition = cut(parts, site)
    approve.approve(parts, edition.id, by="Ada", now=NOW)
    site.routes.clear()
    assert ask(parts) == []
    with parts.database.reading() as session:
        stored = posts.posts(session, [item.post_id for item in edition.items if item.post_id is not None])
    assert not any(one.gone_at for one in stored.values())


def test_only_what_is_about_to_go_out_is_asked_for(database: Database, site: Site) -> None:
    parts = opened(database, site)
    edition = cut(parts, site)
    assert ask(parts) == [], "a draft that waits for a person is left alone"
    approve.approve(parts, edition.id, by="Ada", now=NOW)
    ask(parts, now=NOW - timedelta(hours=1))
    ask(parts, now=NOW + timedelta(days=1))
    assert site.asked == []
    ask(parts, now=NOW - MINUTE)
    assert {asked.path for asked in site.asked} == {"/0", "/1", "/2"}


def test_a_post_leads_nobody_to_a_private_address(database: Database, site: Site) -> None:
    parts = opened(database, site, sources=[{"kind": "rss", "url": publishing.FEED}])
    edition = cut(parts, site)
    approve.approve(parts, edition.id, by="Ada", now=NOW)
    site.routes["/0"] = Answer(status=404)
    assert ask(parts) == []
    assert site.asked == []
