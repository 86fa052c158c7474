"""What real feeds get wrong over time, from one look to the next: the numbered pitfalls that show in an edition."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from digest.database import Database
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState
from digest.posts import store as posts
from digest.posts.model import Fetched, Post
from digest.workflows import close
from digest.workflows.parts import Parts
from tests import publishing
from tests.factories import post

LONDON = ZoneInfo("Europe/London")
MONDAY = datetime(2026, 11, 16, 12, tzinfo=LONDON)
CUT_OFF = datetime(2026, 11, 18, 15, tzinfo=LONDON)  # a Wednesday
DAY, WEEK = timedelta(days=1), timedelta(days=7)
SENT = (EditionState.APPROVED, EditionState.SENDING, EditionState.SENT)


def begun(database: Database, **weekly: Any) -> Parts:
    parts = publishing.parts(database, **weekly)
    publishing.start(parts, now=MONDAY)
    return parts


def cut(parts: Parts, *, weeks: int = 0) -> Edition:
    """What the cut-off of that week makes."""
    (made,) = close.close_due(parts, now=CUT_OFF + weeks * WEEK)
    return made


def mailed(parts: Parts) -> Edition:
    return publishing.move(parts, cut(parts).id, *SENT, now=CUT_OFF + DAY)


def titles(edition: Edition) -> list[str]:
    return [item.title for item in edition.items]


def test_pitfall_5_a_back_dated_post_still_reaches_the_next_edition(database: Database) -> None:
    parts = begun(database)
    publishing.publish(parts, post(title="On time", published_at=MONDAY), now=MONDAY)
    mailed(parts)
    late = post(title="Drafted long ago", published_at=MONDAY - 60 * DAY)
    publishing.publish(parts, late, now=CUT_OFF + 2 * DAY)
    assert titles(cut(parts, weeks=1)) == ["Drafted long ago"]


@pytest.mark.parametrize(
    "edit",
    [
        {"published_at": CUT_OFF + 2 * DAY},
        {"external_id": "another-guid"},
        {"url": "https://www.example.org/another-address"},
    ],
    ids=["date", "guid", "link"],
)
def test_pitfall_6_a_mailed_post_with_another_date_guid_or_link_is_not_mailed_again(
    database: Database, edit: dict[str, Any]
) -> None:
    parts = begun(database)
    told = post(published_at=MONDAY)
    publishing.publish(parts, told, now=MONDAY)
    mailed(parts)
    publishing.publish(parts, replace(told, **edit), now=CUT_OFF + 2 * DAY)
    assert cut(parts, weeks=1).state is EditionState.SKIPPED


def test_pitfall_22_a_feed_that_was_empty_for_a_moment_loses_nothing_and_repeats_nothing(
    database: Database,
) -> None:
    parts = begun(database)
    before, waiting = post(title="Mailed before"), post(title="Still to come")
    publishing.publish(parts, before, now=MONDAY)
    mailed(parts)
    publishing.publish(parts, before, waiting, now=CUT_OFF + 2 * DAY)
    publishing.publish(parts, now=CUT_OFF + 3 * DAY)
    publishing.publish(parts, before, waiting, now=CUT_OFF + 4 * DAY)
    assert titles(cut(parts, weeks=1)) == ["Still to come"]


def test_pitfall_22_a_post_that_has_fallen_out_of_its_feed_by_the_cut_off_is_mailed(
    database: Database,
) -> None:
    parts = begun(database)
    publishing.publish(parts, post(title="Seen once"), now=MONDAY)
    publishing.publish(parts, now=MONDAY + DAY)
    assert titles(cut(parts)) == ["Seen once"]


def test_pitfall_23_a_feed_with_all_ids_and_links_new_is_held_for_a_person(database: Database) -> None:
    parts = begun(database, max_new=10)
    told = [post(published_at=MONDAY) for _ in range(11)]
    publishing.start(parts, now=MONDAY, existing=tuple(told))
    moved = [
        replace(one, external_id=f"new-{n}", url=f"https://new.example.org/{n}") for n, one in enumerate(told)
    ]
    publishing.publish(parts, *moved, now=MONDAY + DAY)
    assert cut(parts).hold == "11 new posts at once (more than 10): a person must approve."


def test_pitfall_23_a_feed_with_all_ids_new_and_its_old_links_brings_nothing(database: Database) -> None:
    parts = begun(database)
    told = [post(published_at=MONDAY) for _ in range(11)]
    publishing.publish(parts, *told, now=MONDAY)
    mailed(parts)
    moved = [replace(one, external_id=f"new-{n}") for n, one in enumerate(told)]
    publishing.publish(parts, *moved, now=CUT_OFF + DAY)
    assert cut(parts, weeks=1).state is EditionState.SKIPPED


def test_pitfall_24_a_post_that_two_feeds_show_stands_once_in_the_edition(database: Database) -> None:
    sources = [
        {"kind": "rss", "url": publishing.FEED},
        {"kind": "rss", "url": "https://www.example.org/category/river/feed"},
    ]
    parts = begun(database, sources=sources)
    told = post(title="Reeds are back")
    twin = replace(told, external_id="river-1", url=f"{told.url}/?utm_source=river&utm_medium=rss")
    publishing.publish(parts, told, now=MONDAY)
    _show_in_second(parts, twin, now=MONDAY)
    assert titles(cut(parts)) == ["Reeds are back"]


def test_pitfall_25_an_updated_post_that_was_mailed_is_not_mailed_again(database: Database) -> None:
    parts = begun(database)
    told = post(title="Reeds are back")
    publishing.publish(parts, told, now=MONDAY)
    mailed(parts)
    again = replace(told, title="Reeds are back (updated)", summary="Now with a map.", body="Now with a map.")
    publishing.publish(parts, again, now=CUT_OFF + 2 * DAY)
    assert cut(parts, weeks=1).state is EditionState.SKIPPED


def test_pitfall_25_a_post_updated_before_the_cut_off_is_shown_as_it_now_reads(database: Database) -> None:
    parts = begun(database)
    told = post(title="Reeds are bcak")
    publishing.publish(parts, told, now=MONDAY)
    publishing.publish(parts, replace(told, title="Reeds are back"), now=MONDAY + DAY)
    assert titles(cut(parts)) == ["Reeds are back"]


def test_pitfall_26_a_sticky_post_at_the_head_of_its_feed_does_not_lead_the_edition(
    database: Database,
) -> None:
    parts = begun(database)
    sticky = post(title="Read this first", published_at=MONDAY - 90 * DAY)
    fresh = [post(title=f"Day {n}", published_at=MONDAY - n * DAY) for n in (3, 1, 2)]
    publishing.publish(parts, sticky, *fresh, now=MONDAY)
    assert titles(cut(parts)) == ["Day 1", "Day 2", "Day 3", "Read this first"]


def _show_in_second(parts: Parts, *told: Post, now: datetime) -> None:
    second = publishing.spec(parts, index=1)
    with parts.database.transaction() as session:
        recorded = posts.record(session, second, Fetched(posts=told), now=now)
        editions.offer(session, "weekly", second.key, recorded.new, now=now)
