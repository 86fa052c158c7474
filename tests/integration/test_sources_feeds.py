"""Feeds over HTTP: conditional questions, older pages, moves, and the sentences for what is no feed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from digest.posts.model import Fetched, FetchState, Memory, SourceSpec
from digest.posts.sources.base import SourceError
from digest.posts.sources.http import Client
from digest.posts.sources.registry import fetch
from tests.served import Answer, Asked, Site, item, rss, serving

NOW = datetime(2024, 6, 1, tzinfo=UTC)
GENERATOR = "<generator>https://wordpress.org/?v=6.5</generator>"


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as opened:
        yield opened


async def _look(
    client: Client, site: Site, memory: Memory | None = None, *, kind: str = "rss", limit: int = 100
) -> Fetched:
    spec = SourceSpec(kind=kind, url=site.url + "/feed", allow_private=True, limit=limit)
    return await fetch(spec, client, memory or Memory(), now=NOW)


def _ids(fetched: Fetched) -> list[str]:
    return [post.external_id for post in fetched.posts]


async def test_validators_come_back_with_the_posts_and_an_unchanged_feed_says_so(client, site):
    def answer(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == 'W/"1"':
            return Answer(status=304)
        return Answer(
            rss(item(1)), headers={"ETag": 'W/"1"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
        )

    site.routes["/feed"] = answer
    first = await _look(client, site)
    assert first.state is FetchState.OK and (first.etag, first.title) == ('W/"1"', "Site")
    second = await _look(client, site, Memory(etag=first.etag, last_modified=first.last_modified))
    assert second.state is FetchState.UNCHANGED and second.posts == ()
    assert (second.etag, second.last_modified) == (first.etag, first.last_modified)


async def test_a_server_that_ignores_conditions_is_read_in_full_pitfall_17(client, site):
    site.routes["/feed"] = Answer(rss(item(1)))
    assert _ids(await _look(client, site, Memory(etag='"old"'))) == ["g1"]


async def test_a_move_is_reported_and_the_new_address_used_when_remembered_pitfall_18(client, site):
    site.routes["/feed"] = Answer(status=301, headers={"Location": "/new"})
    site.routes["/new"] = Answer(rss(item(1)))
    moved = (await _look(client, site)).permanent_url
    assert moved == site.url + "/new"
    site.asked.clear()
    await _look(client, site, Memory(fetch_url=moved))
    assert site.paths == ["/new"]


async def test_the_words_of_a_picture_are_not_those_of_its_post_pitfall_12(client, site):
    picture = (
        '<media:content url="/p.png" medium="image"><media:title>p</media:title>'
        "<media:description>A heron</media:description></media:content>"
    )
    after = (
        f"<item><guid>g1</guid><title>Herons</title><description>Three pairs.</description>{picture}</item>"
    )
    before = f"<item><guid>g2</guid>{picture}<title>Floods</title><description>Two days.</description></item>"
    names = 'xmlns:media="http://search.yahoo.com/mrss/"'
    site.routes["/feed"] = Answer(
        f'<rss version="2.0" {names}><channel>{after}{before}</channel></rss>'.encode()
    )
    told = [(post.title, post.summary) for post in (await _look(client, site)).posts]
    assert told == [("Herons", "Three pairs."), ("Floods", "Two days.")]


async def test_relative_links_are_resolved_against_the_address_after_redirects_pitfall_9(client, site):
    site.routes["/feed"] = Answer(status=302, headers={"Location": "/deep/er/feed.xml"})
    site.routes["/deep/er/feed.xml"] = Answer(rss(item(1, link="post-1")))
    assert (await _look(client, site)).posts[0].url == site.url + "/deep/er/post-1"


@pytest.mark.parametrize("kind", ["rss", "jsonfeed", "wordpress", "ghost"])
async def test_a_bot_wall_is_a_failure_for_every_kind_pitfall_20(client, site, kind):
    wall = Answer("<!DOCTYPE html><title>One moment…</title>", headers={"Content-Type": "text/html"})
    site.answer = lambda _asked: wall
    with pytest.raises(SourceError, match="answered with a web page instead of"):
        await _look(client, site, kind=kind)


async def test_json_under_kind_rss_names_the_right_kind(client, site):
    site.routes["/feed"] = Answer('{"version": "https://jsonfeed.org/version/1.1", "items": []}')
    with pytest.raises(SourceError, match='kind is "jsonfeed"'):
        await _look(client, site)


async def test_the_wish_of_the_feed_is_passed_on(client, site):
    site.routes["/feed"] = Answer(rss(item(1), channel="<ttl>30</ttl><language>de-at</language>"))
    fetched = await _look(client, site)
    assert fetched.wait_seconds == 1800 and fetched.language == "de-AT"


# --- pitfall 21: the feed is shorter than the gap ---


def _wordpress_pages(total: int, size: int = 10):
    def answer(asked: Asked) -> Answer:
        page = int(parse_qs(urlsplit(asked.path).query).get("paged", ["1"])[0])
        numbers = range(total - (page - 1) * size, max(total - page * size, 0), -1)
        return Answer(rss(*(item(n) for n in numbers), channel=GENERATOR)) if numbers else Answer(status=404)

    return answer


async def test_older_pages_are_read_until_a_known_post_pitfall_21(client, site):
    site.routes["/feed"] = _wordpress_pages(50)
    fetched = await _look(client, site, Memory(known_ids=frozenset({"g18", "g17", "g16"})))
    assert _ids(fetched) == [f"g{n}" for n in range(50, 10, -1)]
    assert site.paths == ["/feed", "/feed?paged=2", "/feed?paged=3", "/feed?paged=4"]


async def test_one_page_is_enough_the_first_time_and_when_something_on_it_is_known_pitfall_21(client, site):
    site.routes["/feed"] = _wordpress_pages(50)
    await _look(client, site)
    await _look(client, site, Memory(known_ids=frozenset({"g41"})))
    assert site.paths == ["/feed", "/feed"]


async def test_paging_ends_at_the_limit_and_at_the_end_of_the_archive_pitfall_21(client, site):
    site.routes["/feed"] = _wordpress_pages(200)
    assert len(_ids(await _look(client, site, Memory(known_ids=frozenset({"old"})), limit=35))) == 35
    assert len(site.asked) == 4
    site.routes["/feed"] = _wordpress_pages(25)
    fetched = await _look(client, site, Memory(known_ids=frozenset({"old"})))
    assert len(fetched.posts) == 25 and fetched.warnings == ()


async def test_a_server_that_ignores_paging_is_noticed_pitfall_21(client, site):
    site.routes["/feed"] = Answer(rss(item(1), item(2), channel=GENERATOR))
    assert _ids(await _look(client, site, Memory(known_ids=frozenset({"old"})))) == ["g1", "g2"]
    assert len(site.asked) == 2


@pytest.mark.parametrize("rel", ["next", "prev-archive"])
async def test_a_feed_that_names_its_older_pages_is_followed_pitfall_21(client, site, rel):
    site.routes["/feed"] = Answer(rss(item(2), channel=f'<atom:link rel="{rel}" href="/older"/>'))
    site.routes["/older"] = Answer(rss(item(1)))
    assert _ids(await _look(client, site, Memory(known_ids=frozenset({"g0"})))) == ["g2", "g1"]


@pytest.mark.parametrize("status", [429, 503])
async def test_an_older_page_that_fails_for_the_moment_fails_the_look_so_that_nothing_is_lost(
    client, site, status
):
    site.routes["/feed"] = Answer(rss(item(2), channel='<atom:link rel="next" href="/older"/>'))
    site.routes["/older"] = Answer(status=status, headers={"Retry-After": "9"})
    with pytest.raises(SourceError) as caught:
        await _look(client, site, Memory(known_ids=frozenset({"g0"})))
    assert caught.value.wait_seconds == 9


async def test_an_older_page_that_is_broken_for_good_is_a_warning(client, site):
    site.routes["/feed"] = Answer(rss(item(2), channel='<atom:link rel="next" href="/older"/>'))
    site.routes["/older"] = Answer(status=500)
    fetched = await _look(client, site, Memory(known_ids=frozenset({"g0"})))
    assert _ids(fetched) == ["g2"] and "Older posts could not be read" in fetched.warnings[0]


# --- JSON Feed ---


def _feed(*items: dict[str, object], **more: object) -> Answer:
    return Answer(
        json.dumps(
            {"version": "https://jsonfeed.org/version/1.1", "title": "Site", "items": list(items), **more}
        )
    )


async def test_a_json_feed_is_read_with_all_it_says(client, site):
    site.routes["/feed"] = _feed(
        {
            "id": 7,
            "url": "https://example.org/7",
            "title": "Ships & <reeds>",
            "content_html": "<p>Body</p><img src='/in.jpg'>",
            "summary": "Short.",
            "date_published": "2024-01-02T03:04:05+01:00",
            "date_modified": "2024-01-03T03:04:05Z",
            "authors": [{"name": "Ada"}, {"name": "Bo"}],
            "tags": ["News", "news", "Q&A"],
            "image": "/lead.jpg",
        },
        language="en-gb",
    )
    fetched = await _look(client, site, kind="jsonfeed")
    post = fetched.posts[0]
    assert (post.external_id, post.title, post.summary, post.body) == (
        "7",
        "Ships & <reeds>",
        "Short.",
        "Body",
    )
    assert post.published_at == datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert (post.author, post.categories, post.language) == ("Ada, Bo", ("News", "Q&A"), "en-GB")
    assert post.image is not None and post.image.url == "https://example.org/lead.jpg"
    assert fetched.title == "Site"


async def test_a_json_feed_without_items_is_empty_and_other_json_is_a_failure_pitfall_33(client, site):
    site.routes["/feed"] = Answer('{"version": "https://jsonfeed.org/version/1"}')
    assert (await _look(client, site, kind="jsonfeed")).posts == ()
    for body in ('{"error": "x"}', "[1, 2]", "null", "not json", "[" * 100_000):
        site.routes["/feed"] = Answer(body)
        with pytest.raises(SourceError, match="JSON"):
            await _look(client, site, kind="jsonfeed")


async def test_next_url_is_followed_until_a_known_item_pitfall_21(client, site):
    def page(number: int) -> Answer:
        return _feed(
            {"id": f"i{number}", "url": f"https://example.org/{number}"}, next_url=f"/feed?page={number - 1}"
        )

    site.routes |= {"/feed": page(5), "/feed?page=4": page(4), "/feed?page=3": page(3)}
    fetched = await _look(client, site, Memory(known_ids=frozenset({"i3"})), kind="jsonfeed")
    assert _ids(fetched) == ["i5", "i4", "i3"]
    site.asked.clear()
    assert len((await _look(client, site, kind="jsonfeed")).posts) == len(site.asked) == 1


async def test_a_json_feed_also_answers_conditionally(client, site):
    site.routes["/feed"] = Answer(status=304)
    assert (await _look(client, site, Memory(etag='"a"'), kind="jsonfeed")).state is FetchState.UNCHANGED


async def test_an_unknown_kind_names_those_there_are(client, site):
    with pytest.raises(
        SourceError, match="there are: events-calendar, folder, ghost, ical, jsonfeed, rss, wordpress"
    ):
        await _look(client, site, kind="pigeon")
