"""What happens to events at the edges, on both databases: nothing lost, nothing stuck, no invitation to what is over."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from digest.deliveries import store as deliveries
from digest.deliveries.model import DeliveryState
from digest.editions import store as editions
from digest.editions.model import EditionState, ItemKind, Section
from digest.posts import pagefacts
from digest.posts import store as posts
from digest.posts.model import CallToAction, EventStatus, PageFacts, StaffFacts, Verdict
from digest.posts.sources.http import Client
from digest.workflows import (
    approve,
    close,
    confirm,
    control,
    examine,
    expire,
    launch,
    look,
    recheck,
    refresh,
)
from digest.workflows.parts import Parts
from tests import factories, publishing, sending
from tests.factories import NOW
from tests.served import Answer, serving

E, D = EditionState, DeliveryState
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


@pytest.fixture
def parts(database) -> Parts:
    made = sending.parts(database, approval="required")
    sending.subscribe(made, "a@example.net", "b@example.net")
    return made


def fair(title: str = "The fair", **facts):
    return factories.post(title=title, event=factories.event(title=title, **facts), published_at=NOW - DAY)


def draft(parts: Parts, *told):
    """A draft of these posts that is due at NOW."""
    publishing.publish(parts, *told, now=NOW - HOUR)
    edition = close.cut(parts, "weekly", now=NOW - HOUR)
    with parts.database.transaction() as session:
        editions.save(session, replace(edition, send_at=NOW))
    return sending.state(parts, edition)


def under_way(parts: Parts, *told):
    """An edition of these posts that is being sent since NOW."""
    edition = draft(parts, *told)
    approve.approve(parts, edition.id, by="jo", now=NOW)
    return launch.launch(parts, edition.id, now=NOW)


def known(parts: Parts, edition, title: str):
    return next(item for item in sending.state(parts, edition).items if item.title == title)


def counts(parts: Parts, edition) -> dict[DeliveryState, int]:
    with parts.database.reading() as session:
        return {s: n for s, n in deliveries.counts(session, edition.id).items() if n}


def at_once(*jobs) -> list[BaseException]:
    """Run the jobs in threads that start together; what they raised."""
    gate = threading.Barrier(len(jobs))

    def run(job):
        gate.wait(timeout=10)
        job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        done = [pool.submit(run, job) for job in jobs]
        return [error for error in (one.exception() for one in done) if error]


# --- a send that takes long -----------------------------------------------------------------------------------


def test_an_event_under_way_at_the_launch_invites_nobody_once_it_is_over(parts):
    edition = under_way(parts, fair(starts_at=NOW - HOUR, ends_at=NOW + HOUR), factories.post())
    assert expire.expire(parts, now=NOW + HOUR / 2) == 0
    assert sending.state(parts, edition).state is E.SENDING
    expire.expire(parts, now=NOW + HOUR)
    held = sending.state(parts, edition)
    assert (held.state, held.reason) == (E.PAUSED, "an event in it is over")


def test_a_pause_until_after_an_event_that_was_under_way_needs_a_second_thought(parts):
    edition = under_way(parts, fair(starts_at=NOW - HOUR, ends_at=NOW + HOUR), factories.post())
    control.pause(parts, edition.id, now=NOW)
    with pytest.raises(control.EventBegun, match="invites to an event that is over"):
        control.resume(parts, edition.id, now=NOW + 2 * HOUR)


def test_an_event_called_off_during_the_send_stops_it_for_a_person(parts):
    told = fair()
    edition = under_way(parts, told, factories.post())
    publishing.publish(parts, factories.replace_event(told, status=EventStatus.CANCELLED), now=NOW + HOUR)
    expire.expire(parts, now=NOW + HOUR)
    held = sending.state(parts, edition)
    assert (held.state, held.reason) == (E.PAUSED, "an event in it was called off")
    assert counts(parts, edition) == {D.PENDING: 2}
    with pytest.raises(control.EventBegun, match="was called off"):
        control.resume(parts, edition.id, now=NOW + HOUR)
    control.resume(parts, edition.id, anyway=True, now=NOW + HOUR)
    assert expire.expire(parts, now=NOW + HOUR) == 0
    assert sending.state(parts, edition).state is E.SENDING


def test_nothing_uncertain_is_sent_again_after_the_event_has_begun(parts):
    edition = under_way(parts, fair(starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR), factories.post())
    assert control.resolve(parts, edition.id, as_="retry", now=NOW) == 0
    with pytest.raises(control.EventBegun, match="has begun; retry it with --anyway, or leave it"):
        control.resolve(parts, edition.id, as_="retry", now=NOW + HOUR)
    assert control.resolve(parts, edition.id, as_="accepted", now=NOW + HOUR) == 0


def test_an_event_that_was_mailed_as_cancelled_stops_nothing(parts):
    edition = under_way(parts, fair(status=EventStatus.CANCELLED), factories.post())
    expire.expire(parts, now=NOW + HOUR)
    assert sending.state(parts, edition).state is E.SENDING


# --- staff are told, and nothing stands in the way of others ---------------------------------------------------


def test_staff_are_told_each_time_an_approved_edition_waits_again_though_the_reason_reads_the_same(parts):
    told = fair()
    edition = draft(parts, told, factories.post())
    for minute, place in enumerate(("Town hall", "School", "Library")):
        now = NOW - HOUR / 2 + timedelta(minutes=minute)
        approve.approve(parts, edition.id, by="jo", now=now)
        publishing.publish(parts, factories.replace_event(told, place=place), now=now)
        refresh.refresh_due(parts, now=now)
    assert len([text for key, text in sending.notices(parts) if "has a new place" in text]) == 3


def test_an_edition_that_cannot_be_refreshed_or_launched_stops_no_other(parts, monkeypatch):
    told, other = fair(), fair("Other")
    first, second = draft(parts, told, factories.post()), draft(parts, other, factories.post())
    for edition in (first, second):
        approve.approve(parts, edition.id, by="jo", now=NOW)
    publishing.publish(parts, factories.replace_event(other, place="School"), now=NOW)
    real = refresh.changes

    def broken(session, parts, edition, *, now):
        if edition.id == first.id:
            raise RuntimeError("nobody thought of this")
        return real(session, parts, edition, now=now)

    monkeypatch.setattr(refresh, "changes", broken)
    assert [e.id for e in refresh.refresh_due(parts, now=NOW)] == [second.id]
    approve.approve(parts, second.id, by="jo", now=NOW)
    assert [e.id for e in launch.launch_due(parts, now=NOW)] == [second.id]


# --- what a card offers changes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts",
    [
        {"register_url": None, "cta": CallToAction(url="https://tickets.example.org/b")},
        {"closes_at": NOW + DAY},
        {"opens_at": NOW + 2 * DAY},
    ],
)
def test_an_edition_with_an_outdated_button_or_deadline_does_not_go_out(parts, facts):
    told = fair(register_url=None, cta=CallToAction(url="https://tickets.example.org/a"))
    edition = draft(parts, told, factories.post())
    approve.approve(parts, edition.id, by="jo", now=NOW)
    publishing.publish(parts, factories.replace_event(told, **facts), now=NOW)
    assert launch.launch(parts, edition.id, now=NOW).state is E.DRAFT


def test_a_post_in_a_draft_becomes_an_event_a_post_and_an_event_again_as_staff_say(parts):
    (post_id,) = publishing.publish(parts, factories.post(title="Evening at the mill"), now=NOW - HOUR)
    edition = draft(parts, factories.post(title="One"))
    assert known(parts, edition, "Evening at the mill").kind is ItemKind.POST
    for _ in range(2):
        confirm.is_event(parts, post_id, starts=NOW + 20 * DAY, by="jo", now=NOW)
        event = known(parts, edition, "Evening at the mill")
        assert (event.kind, event.section) == (ItemKind.EVENT, Section.EVENTS)
        confirm.is_no_event(parts, post_id, by="jo", now=NOW)
        post = known(parts, edition, "Evening at the mill")
        assert post.kind is ItemKind.POST
        assert post.section in {Section.LEAD, Section.CARDS}
        assert post.event is None
    sections = [item.section for item in sending.state(parts, edition).items]
    assert sections.count(Section.LEAD) == 1


def test_an_approved_edition_is_not_reopened_because_a_page_was_read_late(parts):
    edition = draft(parts, factories.post(title="Evening at the mill"))
    approve.approve(parts, edition.id, by="jo", now=NOW)
    page = PageFacts(url=edition.items[0].url, events=(factories.event(title="Evening at the mill"),))
    with parts.database.transaction() as session:
        posts.keep_page(session, edition.items[0].post_id, page, now=NOW)
    assert refresh.refresh_due(parts, now=NOW) == []


def test_an_event_called_off_without_its_date_is_called_off_in_the_draft_under_its_date(parts):
    told = fair()
    edition = draft(parts, told, factories.post())
    off = factories.replace_event(told, starts_at=None, ends_at=None, status=EventStatus.CANCELLED)
    publishing.publish(parts, off, now=NOW)
    refresh.refresh_due(parts, now=NOW)
    item = known(parts, edition, "The fair")
    assert (item.kind, item.event.status) == (ItemKind.EVENT, EventStatus.CANCELLED)
    assert item.event.starts_at == told.event.starts_at
    assert refresh.refresh_due(parts, now=NOW) == []


def test_readers_learn_that_an_announced_event_is_off_though_its_source_took_the_date_away(parts):
    told = fair()
    edition = under_way(parts, told)
    publishing.move(parts, edition.id, E.SENT, now=NOW + HOUR)
    off = factories.replace_event(told, starts_at=None, ends_at=None, status=EventStatus.CANCELLED)
    publishing.publish(parts, off, factories.post(title="Two"), now=NOW + DAY)
    again = next(i for i in close.cut(parts, "weekly", now=NOW + DAY).items if i.title == "The fair")
    assert (again.kind, again.repeat, again.event.status) == (ItemKind.EVENT, True, EventStatus.CANCELLED)


# --- a calendar's first run ------------------------------------------------------------------------------------


def test_a_large_calendar_is_announced_a_dozen_events_at_a_time_the_next_first(database):
    parts = publishing.parts(database)
    existing = tuple(
        fair(f"Event {n:02}", starts_at=NOW + (10 + n) * DAY, ends_at=NOW + (10 + n) * DAY + HOUR)
        for n in range(40)
    )
    publishing.start(parts, now=NOW, existing=existing)
    named = []
    for week in range(3):
        edition = close.cut(parts, "weekly", now=NOW + week * DAY)
        new = [item.title for item in edition.items if not item.repeat]
        assert len(new) == 12
        named += new
        publishing.move(parts, edition.id, E.APPROVED, E.SENDING, E.SENT, now=NOW + week * DAY)
    assert named == [f"Event {n:02}" for n in range(36)]


def test_a_calendar_with_fifty_events_a_day_has_those_announced_that_readers_can_still_go_to(database):
    parts = publishing.parts(database)
    existing = tuple(
        fair(f"Event {n}", starts_at=NOW + n * DAY / 50, ends_at=NOW + n * DAY / 50 + HOUR)
        for n in range(500)
    )
    publishing.start(parts, now=NOW, existing=existing)
    edition = close.cut(parts, "weekly", now=NOW)
    assert len(edition.items) == 12
    assert all(i.event and i.event.ends_at and i.event.ends_at > edition.send_at for i in edition.items)


def test_an_old_event_that_staff_reject_is_not_printed_as_a_new_post(database):
    parts = publishing.parts(database)
    publishing.start(parts, now=NOW, existing=(fair("Event"), fair("Rejected")))
    with parts.database.reading() as session:
        (rejected,) = [
            i
            for i, p in posts.posts(session, posts.posts_of(session, publishing.spec(parts))).items()
            if p.post.title == "Rejected"
        ]
    confirm.is_no_event(parts, rejected, by="jo", now=NOW)
    assert [item.title for item in look.next_edition(parts, "weekly", now=NOW).items] == ["Event"]


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "Pacific/Auckland"])
@pytest.mark.parametrize("floating", [True, False])
def test_a_whole_day_is_to_come_until_its_last_hour_where_it_is(database, zone, floating):
    parts = publishing.parts(database, timezone=zone)
    there = ZoneInfo(zone)
    day = datetime(2026, 12, 3, tzinfo=UTC if floating else there)
    told = fair(
        starts_at=day, ends_at=None, all_day=True, floating=floating, timezone=None if floating else zone
    )
    publishing.start(parts, now=NOW, existing=(told,))
    last_hour = datetime(2026, 12, 3, 23, 30, tzinfo=there)
    for now, titles in ((last_hour, ["The fair"]), (last_hour + HOUR, [])):
        with parts.database.reading() as session:
            configured = parts.publication("weekly")
            chosen = close.choice(session, "weekly", configured, now=now, send_at=now)
        assert [item.title for item in chosen.items] == titles


# --- pages that say which post they are ------------------------------------------------------------------------


def two_posts(parts: Parts, *titles: str):
    return publishing.publish(parts, *(factories.post(title=title) for title in titles), now=NOW)


def say_canonical(parts: Parts, post_id: int, url: str) -> None:
    facts = PageFacts(url="https://www.example.org/p", canonical_url=url)
    with parts.database.transaction() as session:
        examine.keep(session, parts, post_id, facts, now=NOW)


def test_a_site_that_names_one_address_on_all_its_pages_loses_no_post(parts):
    ids = two_posts(parts, "One", "Two", "Three")
    for post_id in ids:
        say_canonical(parts, post_id, "https://www.example.org/blog/")
    assert len(look.next_edition(parts, "weekly", now=NOW).items) == 3


def test_a_post_whose_page_names_another_posts_address_is_kept_where_they_read_differently(parts):
    one, two = two_posts(parts, "One", "Two")
    with parts.database.reading() as session:
        address = posts.posts(session, [one])[one].post.url
    say_canonical(parts, two, address)
    assert len(look.next_edition(parts, "weekly", now=NOW).items) == 2


def test_two_posts_that_point_at_each_other_do_not_both_give_way(parts):
    one, two = two_posts(parts, "The same words", "The same words")
    with parts.database.reading() as session:
        found = posts.posts(session, [one, two])
    say_canonical(parts, one, found[two].post.url)
    say_canonical(parts, two, found[one].post.url)
    assert len(look.next_edition(parts, "weekly", now=NOW).items) == 1


# --- several processes -----------------------------------------------------------------------------------------


def test_two_collectors_at_once_share_out_the_pages_to_read(parts):
    ids = two_posts(parts, *(f"Post {n}" for n in range(20)))
    taken = []

    def take():
        with parts.database.transaction() as session:
            taken.append(posts.take_unread(session, ids, now=NOW))

    assert at_once(take, take) == []
    assert sorted(one for each in taken for one in each) == sorted(ids)
    with parts.database.reading() as session:
        assert posts.unread(session, ids, now=NOW + 20 * timedelta(minutes=1)) == list(ids)


def test_what_two_processes_learn_of_one_post_at_once_is_kept(parts):
    (post_id,) = two_posts(parts, "Evening at the mill")
    happening = factories.event(title="Evening at the mill")
    facts = PageFacts(url="https://www.example.org/mill", canonical_url="https://www.example.org/mill")

    def read():
        with parts.database.transaction() as session:
            posts.keep_page(session, post_id, facts, now=NOW)
            posts.twin(session, post_id, "https://www.example.org/mill")

    def collect():
        with parts.database.transaction() as session:
            posts.note_events(session, {post_id: happening}, now=NOW)

    def person():
        with parts.database.transaction() as session:
            posts.say(session, post_id, StaffFacts(verdict=Verdict.EVENT, by="jo", at=NOW))

    assert at_once(read, read, collect, collect, person, person) == []
    with parts.database.reading() as session:
        assert posts.known_events(session, [post_id])[post_id].event.revision == 0


# --- the page of an event shortly before the launch --------------------------------------------------------------


@pytest.fixture
def site():
    with serving() as made:
        yield made


def told_by_its_page(database, site) -> tuple[Parts, int]:
    """An approved edition with an event that only its page describes, due now."""
    source = {"kind": "rss", "url": publishing.FEED, "allow_private": True}
    parts = sending.parts(database, approval="required", sources=[source])
    sending.subscribe(parts, "a@example.net")
    told = {
        "@type": "Event",
        "name": "Evening at the mill",
        "url": f"{site.url}/mill",
        "startDate": "2026-12-03T18:00:00+00:00",
        "endDate": "2026-12-03T20:00:00+00:00",
    }
    page = f'<html><head><script type="application/ld+json">{json.dumps(told)}</script></head></html>'
    site.routes["/mill"] = Answer(page, headers={"Content-Type": "text/html"})
    post = factories.post(title="Evening at the mill", url=f"{site.url}/mill", published_at=NOW - DAY)
    publishing.publish(parts, post, factories.post(), now=NOW - HOUR)

    async def read() -> None:
        async with Client() as client:
            await examine.examine(parts, client, now=NOW - HOUR)

    asyncio.run(read())
    edition = draft(parts)
    approve.approve(parts, edition.id, by="jo", now=NOW)
    assert known(parts, edition, "Evening at the mill").kind is ItemKind.EVENT
    return parts, edition.id


def test_a_wall_that_answers_with_another_page_takes_no_events_date_away(database, site):
    parts, edition_id = told_by_its_page(database, site)
    site.routes["/mill"] = Answer("<h1>Checking your browser</h1>", headers={"Content-Type": "text/html"})
    asyncio.run(recheck.recheck_due(parts, now=NOW))
    assert [e.id for e in launch.launch_due(parts, now=NOW)] == [edition_id]


def test_a_page_that_breaks_the_reader_keeps_no_edition_from_going_out(database, site, monkeypatch):
    parts, edition_id = told_by_its_page(database, site)

    def broken(html, *, url):
        raise RecursionError("nobody thought of this")

    monkeypatch.setattr(pagefacts, "read", broken)
    assert asyncio.run(recheck.recheck_due(parts, now=NOW)) == []
    assert [e.id for e in launch.launch_due(parts, now=NOW)] == [edition_id]


def test_what_was_over_for_weeks_is_not_looked_at_again_unless_it_gets_a_new_date(parts):
    told = replace(fair(starts_at=NOW - 20 * DAY, ends_at=NOW - 20 * DAY + HOUR), published_at=NOW - 30 * DAY)
    (post_id,) = publishing.publish(parts, told, now=NOW - 30 * DAY)
    close.cut(parts, "weekly", now=NOW)
    with parts.database.reading() as session:
        assert editions.candidates(session, "weekly") == []
    again = factories.replace_event(told, starts_at=NOW + 9 * DAY, ends_at=NOW + 9 * DAY + HOUR)
    publishing.publish(parts, again, now=NOW)
    assert [i.post_id for i in look.next_edition(parts, "weekly", now=NOW).items] == [post_id]
