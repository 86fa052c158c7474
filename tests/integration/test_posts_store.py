"""Posts keep their identity through everything that feeds do to them; sources keep their health."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from digest.database import Database
from digest.posts import store
from digest.posts.model import CallToAction, Event, Fetched, FetchState, Image, Memory, Post
from digest.posts.store import Recorded
from tests.factories import NOW, post, source

BLOG = source()
MINUTE = timedelta(minutes=1)


def record(database: Database, *posts: Post, spec=BLOG, now: datetime = NOW, **fetched) -> Recorded:
    with database.transaction() as session:
        return store.record(session, spec, Fetched(posts=posts, **fetched), now=now)


def fail(database: Database, *, times: int = 1, now: datetime = NOW, wait_seconds=None, gone=False) -> None:
    for _ in range(times):
        with database.transaction() as session:
            store.record_failure(session, BLOG, "No answer.", wait_seconds=wait_seconds, gone=gone, now=now)


def health(database: Database, spec=BLOG):
    with database.reading() as session:
        return store.health(session, [spec])[0]


def memory(database: Database, spec=BLOG) -> Memory:
    with database.reading() as session:
        return store.memory(session, spec)


def stored(database: Database, post_id: int):
    with database.reading() as session:
        return store.posts(session, [post_id])[post_id]


def due(database: Database, *specs, now: datetime = NOW, force: bool = False):
    with database.transaction() as session:
        return store.due_sources(session, specs, now=now, force=force)


# --- the same post --------------------------------------------------------------------------------------------


def test_a_post_comes_back_as_it_was_told(database):
    told = post(
        author="Ada",
        categories=("News", "Q&A"),
        language="fr",
        body="All of it.",
        updated_at=NOW,
        image=Image(url="https://www.example.org/a.jpg", alt="A", width=3),
        event=Event(
            uid="e",
            title="Open day",
            starts_at=NOW,
            cta=CallToAction(label="Register", url="https://www.example.org/r"),
        ),
        warnings=("No date.",),
    )
    recorded = record(database, told)
    found = stored(database, recorded.new[0])
    assert found.post == told
    assert found.post.fingerprint == told.fingerprint
    assert (found.source_key, found.seen_at) == (BLOG.key, NOW)


def test_a_second_look_at_the_same_posts_finds_nothing_new(database):
    posts = [post(), post()]
    first = record(database, *posts)
    assert (len(first.new), first.first) == (2, True)
    assert record(database, *posts) == Recorded(first=False)


@pytest.mark.parametrize(
    "edit",
    [
        {"title": "Another title"},
        {"summary": "Reworded."},
        {"published_at": NOW - timedelta(days=400)},
        {"published_at": NOW + timedelta(days=400)},
        {"published_at": None},
        {"url": "https://www.example.org/moved/somewhere-else"},
    ],
    ids=["title", "summary", "back-dated", "future", "undated", "link"],
)
def test_an_edited_post_is_the_same_post_and_shows_as_changed(database, edit):
    told = post(published_at=NOW - timedelta(days=1))
    (known,) = record(database, told).new
    again = record(database, replace(told, **edit), now=NOW + MINUTE)
    assert (again.new, again.changed) == ((), (known,))
    assert stored(database, known).changed_at == NOW + MINUTE
    assert stored(database, known).seen_at == NOW


def test_a_post_with_a_new_guid_and_its_old_link_is_the_same_post(database):
    told = post()
    (known,) = record(database, told).new
    assert record(database, replace(told, external_id="after-the-migration")).new == ()
    moved = replace(told, external_id="after-the-migration", url="https://www.example.org/new-home")
    assert record(database, moved) == Recorded(changed=(known,))


@pytest.mark.parametrize(
    "link",
    [
        "http://www.example.org/posts/reeds",
        "https://www.example.org/posts/reeds/",
        "https://WWW.Example.org:443/posts/reeds#more",
        "https://www.example.org/posts/reeds?utm_source=feed",
    ],
)
def test_a_link_written_otherwise_is_the_same_link(database, link):
    record(database, post(url="https://www.example.org/posts/reeds"))
    assert record(database, post(external_id="other", url=link)).new == ()


def test_a_post_in_two_sources_is_one_post_that_both_showed(database):
    other = source(url="https://www.example.org/category/news/feed")
    told = post()
    (known,) = record(database, told).new
    again = record(database, replace(told, summary="Worded for the category."), spec=other)
    assert (again.new, again.changed) == ((known,), ())
    assert stored(database, known).post.summary == told.summary
    with database.reading() as session:
        assert store.shown_by(session, [known]) == {known: frozenset({BLOG.key, other.key})}
        assert store.posts_of(session, other) == [known]


def test_the_same_id_at_two_sources_is_two_posts(database):
    other = source(url="https://elsewhere.example.org/feed")
    record(database, post(external_id="1"))
    assert len(record(database, post(external_id="1"), spec=other).new) == 1


@pytest.mark.parametrize(
    "unique",
    [
        "https://www.example.org/?p=12",
        "tag:example.org,2026:12",
        "urn:uuid:9b2c1c1e-0a50-4c2e-9d9f-0d6f0a3c1f00",
        "9b2c1c1e-0a50-4c2e-9d9f-0d6f0a3c1f00",
    ],
)
def test_an_id_that_is_unique_everywhere_is_known_at_another_source(database, unique):
    other = source(url="https://www.example.org/category/news/feed")
    told = post(external_id=unique)
    (known,) = record(database, told).new
    moved = replace(told, url="https://example.org/moved")
    assert record(database, moved, spec=other).new == (known,)


def test_a_source_cannot_take_the_names_of_another_sites_posts(database):
    thief = source(url="https://thief.example.net/feed")
    name = "https://www.example.org/?p=13"
    record(database, post(external_id=name, url="https://thief.example.net/13"), spec=thief)
    (known,) = record(database, post(external_id=name)).new
    assert stored(database, known).source_key == BLOG.key


def test_when_a_posts_first_source_falls_silent_another_is_heard(database):
    other = source(url="https://www.example.org/category/news/feed")
    told = post()
    (known,) = record(database, told).new
    edited = replace(told, title="Edited")
    assert record(database, edited, spec=other, now=NOW + timedelta(hours=23)).changed == ()
    assert record(database, edited, spec=other, now=NOW + timedelta(hours=25)).changed == (known,)


def test_a_post_told_twice_in_one_look_is_one_post(database):
    told = post()
    recorded = record(
        database, told, told, replace(told, title="Told again"), replace(told, external_id="twin")
    )
    assert len(recorded.new) == 1
    assert stored(database, recorded.new[0]).post.title == told.title


def test_posts_that_vanish_and_return_are_not_new_and_were_never_gone(database):
    posts = [post(), post(), post()]
    known = record(database, *posts).new
    assert record(database, *posts[:1]) == Recorded()
    assert record(database) == Recorded()
    assert stored(database, known[2]).gone_at is None
    assert record(database, *posts) == Recorded()


def test_a_page_that_answered_404_is_gone_until_its_source_shows_it_again(database):
    told = post()
    (known,) = record(database, told).new
    with database.transaction() as session:
        store.mark_gone(session, [known], NOW)
    assert stored(database, known).gone_at == NOW
    record(database, told)
    assert stored(database, known).gone_at is None


# --- posts that are not the same ------------------------------------------------------------------------------


def test_posts_that_all_link_to_the_front_page_are_told_apart_by_their_ids(database):
    home = "https://www.example.org/"
    assert len(record(database, post(url=home), post(url=home)).new) == 2
    assert len(record(database, post(url=home)).new) == 1


def test_a_link_that_is_the_source_itself_is_nobodys_link(database):
    record(database, post(url=BLOG.url))
    assert len(record(database, post(url=BLOG.url)).new) == 1


def test_a_link_that_two_posts_share_joins_neither(database):
    page = "https://www.example.org/whats-on"
    first = post(url=page, title="Monday")
    record(database, first)
    record(database, first, post(url=page, title="Tuesday"))
    assert len(record(database, post(url=page, title="Wednesday")).new) == 1


def test_ids_that_are_all_the_same_fall_back_to_the_links(database):
    posts = [post(external_id="0", title=f"Post {n}") for n in range(3)]
    assert len(record(database, *posts).new) == 3
    assert record(database, *posts) == Recorded()
    assert len(record(database, post(external_id="0", title="Post 4"), *posts).new) == 1


def test_posts_with_nothing_of_their_own_are_still_not_new_each_time(database):
    home = "https://www.example.org/"
    posts = [post(external_id="0", url=home, title=f"Post {n}") for n in range(3)]
    assert len(record(database, *posts).new) == 3
    assert record(database, *posts).new == ()


def test_an_old_address_given_to_a_new_post_does_not_hide_it(database):
    old = post(url="https://www.example.org/update", title="Update of May")
    record(database, old)
    moved = replace(old, url="https://www.example.org/update-may")
    fresh = post(url="https://www.example.org/update", title="Update of June")
    assert len(record(database, fresh, moved).new) == 1


def test_a_whole_feed_with_new_ids_and_links_is_new(database):
    record(database, *(post() for _ in range(10)))
    assert len(record(database, *(post() for _ in range(10))).new) == 10


# --- hostile posts --------------------------------------------------------------------------------------------


def test_what_a_database_cannot_hold_is_cleaned_away(database):
    bad = post(
        external_id="a\0b",
        title="Half a \ud83d pair\0",
        url="https://www.example.org/\0x",
        body="\udc00",
        categories=("\0",),
        author="\0",
        published_at=datetime(1, 1, 1, tzinfo=UTC),
    )
    (known,) = record(database, bad).new
    found = stored(database, known).post
    assert "\0" not in repr(found)
    assert found.title == "Half a ? pair"
    assert record(database, bad) == Recorded()


def test_keys_longer_than_an_index_allows_are_kept_apart(database):
    long = "x" * 9_000
    one, other = post(external_id=long + "1"), post(external_id=long + "2")
    assert len(record(database, one, other).new) == 2
    assert record(database, other, one) == Recorded()


def test_more_posts_than_one_statement_takes_are_all_kept(database):
    posts = [post() for _ in range(700)]
    assert len(record(database, *posts).new) == 700
    assert record(database, *posts) == Recorded()


def test_the_newest_come_first_and_the_undated_last_in_the_sources_order(database):
    posts = [
        post(title="undated 1", published_at=None),
        post(title="old", published_at=NOW - timedelta(days=9)),
        post(title="wrong", published_at=NOW + timedelta(days=9_000)),
        post(title="new", published_at=NOW - timedelta(hours=1)),
        post(title="undated 2", published_at=None),
    ]
    record(database, *posts)
    with database.reading() as session:
        ids = store.posts_of(session, BLOG)
        found = store.posts(session, ids)
    assert [found[i].post.title for i in ids] == ["wrong", "new", "old", "undated 1", "undated 2"]


# --- two at once ----------------------------------------------------------------------------------------------


def test_two_collectors_that_bring_the_same_new_post_make_it_once(database):
    other = source(url="https://www.example.org/category/news/feed")
    told = [post() for _ in range(20)]
    start = threading.Barrier(2)

    def run(spec):
        start.wait(10)
        return record(database, *told, spec=spec)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, (BLOG, other)))
    assert {len(r.new) for r in results} == {20}
    assert set(results[0].new) == set(results[1].new)


# --- visits ---------------------------------------------------------------------------------------------------


def test_a_source_is_visited_at_once_and_then_at_its_interval(database):
    assert due(database, BLOG) == [BLOG]
    record(database, post())
    assert due(database, BLOG, now=NOW + 14 * MINUTE) == []
    assert due(database, BLOG, now=NOW + 15 * MINUTE) == [BLOG]


def test_force_visits_whatever_the_interval_says(database):
    record(database, post())
    assert due(database, BLOG, now=NOW, force=True) == [BLOG]


def test_a_source_asked_for_twice_is_visited_once(database):
    assert due(database, BLOG, replace(BLOG, topics=("news",))) == [replace(BLOG, topics=("news",))]


def test_two_collectors_share_the_sources_out_and_a_dead_ones_visit_is_made_again(database):
    assert due(database, BLOG) == [BLOG]
    assert due(database, BLOG, now=NOW + MINUTE) == []
    assert due(database, BLOG, now=NOW + 5 * MINUTE) == [BLOG]


def test_failures_put_the_next_visit_off_twice_as_long_each_time_up_to_six_hours(database):
    waits = []
    for _ in range(8):
        fail(database)
        waits.append((health(database).next_try_at - NOW) / MINUTE)
    assert waits == [15, 30, 60, 120, 240, 360, 360, 360]


def test_a_source_collected_daily_is_not_visited_more_often_because_it_failed(database):
    with database.transaction() as session:
        daily = replace(BLOG, interval_seconds=86_400)
        store.record_failure(session, daily, "No.", wait_seconds=None, gone=False, now=NOW)
    assert health(database).next_try_at == NOW + timedelta(days=1)


def test_a_wait_that_the_source_asks_for_is_honoured_within_reason(database):
    fail(database, wait_seconds=3_600)
    assert health(database).next_try_at == NOW + timedelta(hours=1)
    fail(database, wait_seconds=10**9)
    assert health(database).next_try_at == NOW + timedelta(days=1)
    record(database, post(), wait_seconds=7_200)
    assert health(database).next_try_at == NOW + timedelta(hours=2)
    record(database, post(), wait_seconds=10**9)
    assert health(database).next_try_at == NOW + timedelta(hours=6)


def test_a_source_that_is_gone_for_good_is_left_in_peace_for_a_week(database):
    fail(database, gone=True)
    assert health(database).next_try_at == NOW + timedelta(days=7)


def test_a_next_visit_set_by_a_wrong_clock_does_not_silence_a_source(database):
    record(database, post(), now=NOW + timedelta(days=400))
    assert due(database, BLOG) == [BLOG]


def test_health_tells_what_happened_last(database):
    unknown = health(database)
    assert (unknown.url, unknown.last_attempt_at, unknown.posts) == (BLOG.url, None, 0)
    record(database, post(), post(), warnings=("One entry had no link.",))
    fail(database, times=2, now=NOW + MINUTE)
    sick = health(database)
    assert (sick.failures, sick.last_error, sick.posts) == (2, "No answer.", 2)
    assert (sick.last_success_at, sick.last_attempt_at) == (NOW, NOW + MINUTE)
    assert sick.warnings == ("One entry had no link.",)
    record(database, now=NOW + 2 * MINUTE)
    assert (health(database).failures, health(database).last_error) == (0, "")


# --- what the next visit is told ------------------------------------------------------------------------------


def test_validators_and_known_ids_are_remembered(database):
    assert memory(database) == Memory()
    told = post()
    record(database, told, etag='W/"1"', last_modified="Thu, 19 Nov 2026 09:00:00 GMT")
    known = memory(database)
    assert (known.etag, known.last_modified) == ('W/"1"', "Thu, 19 Nov 2026 09:00:00 GMT")
    assert known.known_ids == {told.external_id}
    record(database, state=FetchState.UNCHANGED)
    assert memory(database) == known
    record(database, replace(told, external_id="again"))
    assert memory(database).known_ids == {"again"}


def test_only_the_latest_ids_are_remembered(database, monkeypatch):
    monkeypatch.setattr("digest.posts.store.visits.KNOWN_IDS", 3)
    posts = [post() for _ in range(5)]
    record(database, *posts)
    assert memory(database).known_ids == {p.external_id for p in posts[2:]}


def test_a_new_address_is_adopted_after_three_permanent_redirects_in_a_row(database):
    new = "https://blog.example.org/feed"
    record(database, permanent_url=new)
    record(database, permanent_url=new)
    record(database)
    record(database, permanent_url=new)
    record(database, permanent_url="https://evil.example.org/feed")
    record(database, permanent_url=new)
    record(database, permanent_url=new)
    assert memory(database).fetch_url is None
    record(database, permanent_url=new, state=FetchState.UNCHANGED)
    assert memory(database).fetch_url == new
    record(database)
    assert memory(database).fetch_url == new


def test_an_adopted_address_that_fails_is_given_up_for_the_configured_one(database):
    for _ in range(3):
        record(database, permanent_url="https://blog.example.org/feed", etag='"1"')
    fail(database, times=2)
    assert memory(database).fetch_url is not None
    fail(database)
    assert memory(database) == Memory()
