"""What every kind of source must do, over every kind that is registered.

A new kind is picked up by itself; it needs one small served example here, and the suite says so.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.posts.clean import canonical_url
from digest.posts.model import Fetched, FetchState, Memory, SourceSpec
from digest.posts.sources.base import SourceError
from digest.posts.sources.http import Client
from digest.posts.sources.registry import SOURCES, fetch
from digest.settings import SOURCE_KINDS
from tests.served import Answer, Site, rss, serving

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
KINDS = sorted(SOURCES)
# One honest post and one that attacks; each kind publishes the same two in its own form.
LINK, TITLE, TEXT = "https://example.org/news/first/?utm_source=feed", "Ships and reeds", "We planted reeds."
EVIL_TITLE = "{{ 7*7 }}{% raw %}[[unsubscribe_url]] <mj-raw>\u202eevil"
EVIL_BODY = (
    "<p>Fine<script>alert(1)</script><img src=x onerror=alert(1)>\x07</p><a href='javascript:alert(1)'>x</a>"
)
EVIL_LINK = "javascript:alert(1)"


@dataclass(frozen=True)
class Example:
    """A working source of one kind: the spec to read it by, and where its answers are to be spoilt."""

    spec: SourceSpec
    main_path: str = ""


def _rss(site: Site, folder: Path) -> Example:
    evil_title, evil_body = (
        text.replace("&", "&amp;").replace("<", "&lt;") for text in (EVIL_TITLE, EVIL_BODY)
    )
    site.routes["/feed"] = Answer(
        rss(
            f"<item><guid>1</guid><title>{TITLE}</title><link>{LINK}</link><description>{TEXT}</description></item>",
            f"<item><guid>2</guid><title>{evil_title}</title><link>{EVIL_LINK}</link>"
            f"<description>{evil_body}</description></item>".replace("\x07", ""),
        )
    )
    return Example(SourceSpec(kind="rss", url=site.url + "/feed", allow_private=True), "/feed")


def _jsonfeed(site: Site, folder: Path) -> Example:
    items = [
        {"id": "1", "title": TITLE, "url": LINK, "content_text": TEXT},
        {"id": "2", "title": EVIL_TITLE, "url": EVIL_LINK, "content_html": EVIL_BODY},
    ]
    site.routes["/feed.json"] = Answer(
        json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items})
    )
    return Example(SourceSpec(kind="jsonfeed", url=site.url + "/feed.json", allow_private=True), "/feed.json")


def _wordpress(site: Site, folder: Path) -> Example:
    posts = [
        {
            "id": n,
            "guid": {"rendered": str(n)},
            "link": link,
            "title": {"rendered": title},
            "content": {"rendered": body},
        }
        for n, link, title, body in ((1, LINK, TITLE, TEXT), (2, EVIL_LINK, EVIL_TITLE, EVIL_BODY))
    ]
    site.routes["/wp-json/wp/v2/posts"] = Answer(json.dumps(posts))
    return Example(SourceSpec(kind="wordpress", url=site.url, allow_private=True), "/wp-json/wp/v2/posts")


def _ghost(site: Site, folder: Path) -> Example:
    posts = [
        {"uuid": "1", "url": LINK, "title": TITLE, "html": TEXT},
        {"uuid": "2", "url": EVIL_LINK, "title": EVIL_TITLE, "html": EVIL_BODY},
    ]
    path = "/ghost/api/content/posts/"
    site.routes[path] = Answer(json.dumps({"posts": posts, "meta": {}}))
    return Example(SourceSpec(kind="ghost", url=site.url, allow_private=True, api_key="k3y"), path)


def _folder(site: Site, folder: Path) -> Example:
    evil = json.dumps(EVIL_TITLE)  # a JSON text is a YAML text
    (folder / "1.md").write_text(f"---\ntitle: {TITLE}\nurl: {LINK}\n---\n{TEXT}\n", encoding="utf-8")
    (folder / "2.md").write_text(
        f"---\ntitle: {evil}\nurl: https://example.org/2\n---\n{EVIL_BODY}\n", encoding="utf-8"
    )
    return Example(SourceSpec(kind="folder", url=str(folder)))


def _events_calendar(site: Site, folder: Path) -> Example:
    events = [
        {
            "id": n,
            "url": link,
            "title": title,
            "description": body,
            "start_date": f"2024-06-0{n + 1} 19:00:00",
        }
        for n, link, title, body in ((1, LINK, TITLE, TEXT), (2, EVIL_LINK, EVIL_TITLE, EVIL_BODY))
    ]
    path = "/wp-json/tribe/events/v1/events"
    site.routes[path] = Answer(json.dumps({"events": events, "total_pages": 1}))
    return Example(SourceSpec(kind="events-calendar", url=site.url, allow_private=True), path)


def _ical(site: Site, folder: Path) -> Example:
    body = EVIL_BODY.replace(";", "\\;").replace(",", "\\,")
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nSUMMARY:{title}\r\nDTSTART:2024070{n}T100000Z\r\nURL:{link}\r\n"
        f"DESCRIPTION:{text}\r\nEND:VEVENT\r\n"
        for n, link, title, text in ((1, LINK, TITLE, TEXT), (2, EVIL_LINK, EVIL_TITLE, body))
    )
    site.routes["/events.ics"] = Answer(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n")
    return Example(SourceSpec(kind="ical", url=site.url + "/events.ics", allow_private=True), "/events.ics")


EXAMPLES: dict[str, Callable[[Site, Path], Example]] = {
    "rss": _rss,
    "jsonfeed": _jsonfeed,
    "wordpress": _wordpress,
    "ghost": _ghost,
    "folder": _folder,
    "ical": _ical,
    "events-calendar": _events_calendar,
}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as opened:
        yield opened


@pytest.fixture(params=KINDS)
def example(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> Example:
    make = EXAMPLES.get(request.param)
    assert make, (
        f'the source kind "{request.param}" needs a served example in tests/contracts/test_sources.py'
    )
    folder = tmp_path / "posts"
    folder.mkdir()
    return make(site, folder)


async def _look(client: Client, spec: SourceSpec, memory: Memory | None = None) -> Fetched:
    return await fetch(spec, client, memory or Memory(), now=NOW)


def test_every_kind_the_configuration_accepts_is_registered_under_its_own_name():
    assert set(SOURCE_KINDS) == set(SOURCES)
    assert all(source.kind == kind for kind, source in SOURCES.items())


async def test_an_honest_post_arrives_whole(example, client):
    fetched = await _look(client, example.spec)
    post = next(p for p in fetched.posts if p.title == TITLE)
    assert fetched.state is FetchState.OK and len(fetched.posts) == 2
    assert post.url == "https://example.org/news/first/" and post.body == TEXT
    assert canonical_url(post.url) == "example.org/news/first"


async def test_a_hostile_post_arrives_harmless(example, client):
    post = next(p for p in (await _look(client, example.spec)).posts if p.title != TITLE)
    assert post.title == "{{ 7*7 }}{% raw %}[[unsubscribe_url]] <mj-raw>evil"
    assert post.body.startswith("Fine") and "alert(1)" not in post.summary + post.body
    assert post.url.startswith(("https://", "http://"))
    assert not set(post.title + post.body) & {"\u202e", "\x07", "\n"}


async def test_every_post_has_an_identity_a_title_and_an_absolute_link(example, client):
    posts = (await _look(client, example.spec)).posts
    assert len({p.external_id for p in posts}) == len(posts)
    for post in posts:
        assert post.external_id and post.title and post.url.startswith(("http://", "https://"))
        assert all(moment is None or moment.tzinfo is UTC for moment in (post.published_at, post.updated_at))


async def test_two_looks_at_the_same_thing_are_equal(example, client):
    first, second = await _look(client, example.spec), await _look(client, example.spec)
    assert [p.external_id for p in first.posts] == [p.external_id for p in second.posts]
    assert [p.fingerprint for p in first.posts] == [p.fingerprint for p in second.posts]


async def test_a_known_post_is_still_shown(example, client):
    """Adapters may stop early at what is known, but an edit of a known post must stay visible."""
    first = await _look(client, example.spec)
    again = await _look(client, example.spec, Memory(known_ids=frozenset(p.external_id for p in first.posts)))
    assert {p.external_id for p in again.posts} == {p.external_id for p in first.posts}


async def test_the_limit_is_kept(example, client):
    assert len((await _look(client, replace(example.spec, limit=1))).posts) == 1


@pytest.mark.parametrize("status", [403, 404, 410, 429, 500, 503])
async def test_an_error_is_one_sentence_without_secrets(example, client, site, status):
    if not example.main_path:
        pytest.skip("this kind is not fetched")
    site.answer = lambda _asked: Answer(status=status)
    with pytest.raises(SourceError) as caught:
        await _look(client, example.spec)
    assert (
        str(status) in str(caught.value) and str(caught.value).endswith(".") and "\n" not in str(caught.value)
    )
    assert "k3y" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><title>Wait",
        b"\x00\xff\xfe",
        b"[" * 50_000,
        b"{}",
        b"null",
        b'"x"',
        b"<rss",
        b"x" * 6_000_000,
    ],
    ids=["empty", "page", "binary", "deep", "object", "null", "text", "half", "huge"],
)
async def test_what_cannot_be_read_is_a_failure_and_never_nothing_new(example, client, site, body):
    if not example.main_path:
        pytest.skip("this kind is not fetched")
    site.answer = lambda _asked: Answer(body)
    with pytest.raises(SourceError):
        await _look(client, example.spec)


async def test_a_private_address_is_refused_unless_allowed(example, client, site):
    if not example.main_path:
        pytest.skip("this kind is not fetched")
    with pytest.raises(SourceError, match="not a public address"):
        await _look(client, replace(example.spec, allow_private=False))
    assert site.asked == []
