"""WordPress and Ghost through their interfaces, folders of Markdown, and the look at a whole site."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from digest.posts.model import Fetched, Memory, SourceSpec
from digest.posts.sources.base import SourceError
from digest.posts.sources.discover import discover
from digest.posts.sources.http import Client
from digest.posts.sources.registry import fetch
from tests.served import Answer, Asked, Site, item, rss, serving

NOW = datetime(2024, 6, 1, tzinfo=UTC)
POSTS = "/wp-json/wp/v2/posts"


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as opened:
        yield opened


async def _look(
    client: Client, url: str, memory: Memory | None = None, *, kind: str = "wordpress", limit: int = 100
) -> Fetched:
    spec = SourceSpec(
        kind=kind, url=url, allow_private=True, limit=limit, api_key="k3y" if kind == "ghost" else ""
    )
    return await fetch(spec, client, memory or Memory(), now=NOW)


def _wp(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "guid": {"rendered": f"https://example.org/?post_type=post&#038;p={number}"},
        "link": f"https://example.org/{number}/",
        "title": {"rendered": f"Post &#8211; {number}"},
        "excerpt": {"rendered": "<p>Short and [&hellip;]</p>", "protected": False},
        "content": {"rendered": "<p>Long body</p>", "protected": False},
        "date": "2024-01-01T23:00:00",
        "date_gmt": "2024-01-02T04:00:00",
        "modified_gmt": "2024-01-03T04:00:00",
        **more,
    }


def _pages(total: int, size: int = 20):
    def answer(asked: Asked) -> Answer:
        page = int(parse_qs(urlsplit(asked.path).query)["page"][0])
        numbers = range(total - (page - 1) * size, max(total - page * size, 0), -1)
        if not numbers:
            return Answer('{"code":"rest_post_invalid_page_number"}', status=400)
        pages = str(-(-total // size))
        return Answer(json.dumps([_wp(n) for n in numbers]), headers={"X-WP-TotalPages": pages})

    return answer


# --- WordPress ---


async def test_a_wordpress_post_carries_everything_the_interface_says(client, site):
    embedded = {
        "author": [{"name": "Ada L"}],
        "wp:featuredmedia": [
            {
                "media_type": "image",
                "source_url": "https://example.org/full.jpg",
                "alt_text": "A boat",
                "media_details": {
                    "width": 3000,
                    "sizes": {
                        "thumbnail": {"width": 150, "height": 150, "source_url": "https://example.org/t.jpg"},
                        "medium": {"width": 768, "height": 400, "source_url": "https://example.org/m.jpg"},
                        "large": {"width": 1024, "height": 500, "source_url": "https://example.org/l.jpg"},
                    },
                },
            }
        ],
        "wp:term": [
            [{"taxonomy": "category", "name": "Q&amp;A"}, {"taxonomy": "category", "name": "Uncategorized"}],
            [{"taxonomy": "post_tag", "name": "rivers"}, {"taxonomy": "series", "name": "hidden"}],
        ],
    }
    site.routes[POSTS] = Answer(json.dumps([_wp(1, _embedded=embedded)]))
    post = (await _look(client, site.url + "/")).posts[0]
    assert post.external_id == "https://example.org/?post_type=post&p=1"
    assert (post.title, post.summary, post.body) == ("Post – 1", "Short and…", "Long body")
    assert post.published_at == datetime(2024, 1, 2, 4, tzinfo=UTC)
    assert post.updated_at == datetime(2024, 1, 3, 4, tzinfo=UTC)
    assert (post.author, post.categories) == ("Ada L", ("Q&A", "rivers"))
    assert post.image is not None
    assert (post.image.url, post.image.alt, post.image.width) == ("https://example.org/m.jpg", "A boat", 768)
    assert "_embed=author,wp:featuredmedia,wp:term" in site.paths[0]


async def test_a_featured_film_is_no_picture(client, site):
    film = {"media_type": "file", "source_url": "https://example.org/film.mp4"}
    site.routes[POSTS] = Answer(json.dumps([_wp(1, _embedded={"wp:featuredmedia": [film]})]))
    assert (await _look(client, site.url)).posts[0].image is None


async def test_wordpress_is_paged_to_the_end_the_first_time_within_the_limit(client, site):
    site.routes[POSTS] = _pages(45)
    fetched = await _look(client, site.url)
    assert len(fetched.posts) == 45 and len(site.asked) == 3
    site.asked.clear()
    assert len((await _look(client, site.url, limit=30)).posts) == 30 and len(site.asked) == 2


async def test_wordpress_is_paged_only_to_the_first_known_post_afterwards_pitfall_21(client, site):
    site.routes[POSTS] = _pages(100)
    known = frozenset({"https://example.org/?post_type=post&p=75"})
    fetched = await _look(client, site.url, Memory(known_ids=known))
    assert len(fetched.posts) == 40 and len(site.asked) == 2


async def test_a_page_past_the_end_is_the_end(client, site):
    def answer(asked: Asked) -> Answer:
        if "page=1" in asked.path.split("&"):
            return Answer(json.dumps([_wp(n) for n in range(20)]))
        return Answer('{"code":"rest_post_invalid_page_number"}', status=400)

    site.routes[POSTS] = answer
    assert len((await _look(client, site.url)).posts) == 20 and len(site.asked) == 2


async def test_a_post_behind_a_password_is_left_out_and_told(client, site):
    secret = _wp(2, title={"rendered": "Protected: plans"}, content={"rendered": "", "protected": True})
    site.routes[POSTS] = Answer(json.dumps([_wp(1), secret]))
    fetched = await _look(client, site.url)
    assert len(fetched.posts) == 1 and "protected by a password" in fetched.warnings[0]


async def test_plain_permalinks_are_asked_through_rest_route(client, site):
    site.routes["/"] = lambda asked: (
        Answer(json.dumps([_wp(1)])) if "rest_route=" in asked.path else Answer(status=404)
    )
    assert len((await _look(client, site.url)).posts) == 1


@pytest.mark.parametrize(
    "closed",
    [
        Answer(status=401), Answer(status=403), Answer(status=404), Answer("<!doctype html><p>no"),
        Answer('{"code":"rest_disabled"}'), Answer("not json"),
    ],
)  # fmt: skip
async def test_a_closed_interface_leads_to_the_feed_under_the_same_identity(client, site, closed):
    guid = "https://example.org/?post_type=post&amp;#038;p=1"
    site.routes[POSTS] = Answer(json.dumps([_wp(1)]))
    by_rest = (await _look(client, site.url)).posts[0]
    site.routes = {
        POSTS: closed,
        "/": closed,
        "/feed/": Answer(
            rss(item(1, guid=guid.replace("&amp;#038;", "&#038;"), link="https://example.org/1/"))
        ),
    }
    fetched = await _look(client, site.url)
    assert [p.external_id for p in fetched.posts] == [by_rest.external_id]
    assert [p.url for p in fetched.posts] == [by_rest.url]
    assert "REST interface closed" in fetched.warnings[0]


async def test_a_site_in_trouble_is_a_failure_and_no_reason_to_read_the_feed(client, site):
    site.routes[POSTS] = Answer(status=503, headers={"Retry-After": "60"})
    site.routes["/feed/"] = Answer(rss(item(1)))
    with pytest.raises(SourceError) as caught:
        await _look(client, site.url)
    assert caught.value.wait_seconds == 60 and len(site.asked) == 1


async def test_a_site_that_moved_is_remembered_by_its_own_address(client, site):
    with serving() as new:
        site.routes[POSTS] = lambda asked: Answer(status=301, headers={"Location": new.url + asked.path})
        new.routes[POSTS] = Answer(json.dumps([_wp(1)]))
        assert (await _look(client, site.url + "/")).permanent_url == new.url


@pytest.mark.parametrize(
    "odd", [None, 3, "x", [], {}, {"title": 4, "guid": None, "_embedded": {"wp:term": "x", "author": 1}}]
)
async def test_a_post_of_any_shape_harms_no_other(client, site, odd):
    site.routes[POSTS] = Answer(json.dumps([odd, _wp(1)]))
    assert (await _look(client, site.url)).posts[-1].title == "Post – 1"


# --- Ghost ---


def _ghost(*numbers: int, following: int | None = None) -> Answer:
    posts = [
        {
            "id": f"id{n}",
            "uuid": f"uuid-{n}",
            "url": f"https://example.org/{n}/",
            "title": f"Post {n}",
            "html": "<p>Body</p>",
            "custom_excerpt": "Short.",
            "feature_image": "https://example.org/f.jpg",
            "feature_image_alt": "A boat",
            "published_at": "2024-01-02T03:04:05.000+00:00",
            "authors": [{"name": "Ada"}],
            "tags": [{"name": "News"}, {"name": "#internal"}],
        }
        for n in numbers
    ]
    return Answer(json.dumps({"posts": posts, "meta": {"pagination": {"next": following}}}))


async def test_a_ghost_site_is_read_page_by_page_with_its_key(client, site):
    site.routes["/ghost/api/content/posts/"] = lambda asked: (
        _ghost(1) if "page=2" in asked.path else _ghost(3, 2, following=2)
    )
    fetched = await _look(client, site.url, kind="ghost")
    assert [p.external_id for p in fetched.posts] == ["uuid-3", "uuid-2", "uuid-1"]
    post = fetched.posts[0]
    assert (post.summary, post.body, post.author, post.categories) == ("Short.", "Body", "Ada", ("News",))
    assert post.image is not None and post.image.alt == "A boat"
    assert "key=k3y" in site.paths[0]
    site.asked.clear()
    await _look(client, site.url, Memory(known_ids=frozenset({"uuid-2"})), kind="ghost")
    assert len(site.asked) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_the_key_of_a_ghost_site_is_in_no_message_and_no_log(client, site, status, caplog):
    caplog.set_level(logging.DEBUG)
    site.routes["/ghost/api/content/posts/"] = Answer(status=status)
    with pytest.raises(SourceError) as caught:
        await _look(client, site.url, kind="ghost")
    assert "k3y" not in str(caught.value) + repr(caught.value.__cause__) + caplog.text
    assert str(status) in str(caught.value)


async def test_a_ghost_site_that_moved_is_remembered_without_its_key(client, site):
    path = "/ghost/api/content/posts/"
    with serving() as new:
        site.routes[path] = lambda asked: Answer(status=301, headers={"Location": new.url + asked.path})
        new.routes[path] = _ghost(1)
        assert (await _look(client, site.url, kind="ghost")).permanent_url == new.url


# --- folders ---


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


async def test_a_folder_of_markdown_is_read_with_yaml_and_toml(client, tmp_path):
    _write(
        tmp_path,
        "a.md",
        "---\ntitle: 'Ships & <reeds>'\nurl: https://example.org/a\ndate: 2024-01-02 03:04:05\nimage: /p.jpg\nalt: A boat\n"
        "tags: [News, Rivers]\nlanguage: en-gb\nexcerpt: Short.\nauthor: Ada\n---\n# Head\n\nBody *text*.\n",
    )
    _write(
        tmp_path,
        "deep/b.markdown",
        '+++\ntitle = "B"\nlink = "https://example.org/b"\ndate = 2024-01-01T00:00:00+02:00\nid = "own"\n+++\nHi\n',
    )
    fetched = await _look(client, str(tmp_path), kind="folder")
    a, b = fetched.posts
    assert (a.external_id, a.url, a.title) == ("a.md", "https://example.org/a", "Ships & <reeds>")
    assert (a.summary, a.body, a.author, a.language) == ("Short.", "Head Body text.", "Ada", "en-GB")
    assert a.published_at == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC) and a.categories == ("News", "Rivers")
    assert a.image is not None and (a.image.url, a.image.alt) == ("https://example.org/p.jpg", "A boat")
    assert b.external_id == "own" and b.published_at == datetime(2023, 12, 31, 22, tzinfo=UTC)
    assert fetched.warnings == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no front matter", "has no front matter"),
        ("---\ntitle: x\n", "without an end"),
        ("---\ntitle: [\n---\n", "cannot be read"),
        ("+++\ntitle = \n+++\n", "cannot be read"),
        ("---\n- a\n---\n", "not a list of names"),
        ("---\ntitle: x\n---\n", "needs url"),
        ("---\ntitle: x\nurl: /relative\n---\n", "needs url"),
        ("---\ntitle: x\nurl: javascript:alert(1)\n---\n", "needs url"),
        ("---\ntitle: x\nurl: https://example.org/x\ndate: 2024-07-01\n---\n", "waits until then"),
        ("---\nx: !!python/object/apply:os.system ['true']\n---\n", "cannot be read"),
        ("---\nx: " + "[" * 5000 + "\n---\n", "brackets"),
        ("---\n" + "- " * 5000 + "\n---\n", "cannot be read"),
        ("---\ntitle: x\n---\n" + "x" * 1_000_001, "larger than"),
    ],
)
async def test_a_bad_file_is_told_and_the_others_go_on(client, tmp_path, text, reason):
    _write(tmp_path, "bad.md", text)
    _write(tmp_path, "good.md", "---\ntitle: Good\nurl: https://example.org/good\n---\n")
    fetched = await _look(client, str(tmp_path), kind="folder")
    assert [p.title for p in fetched.posts] == ["Good"]
    assert fetched.warnings[0].startswith("bad.md: ") and reason in fetched.warnings[0]


async def test_a_file_that_is_not_text_is_told(client, tmp_path):
    (tmp_path / "bad.md").write_bytes(b"---\ntitle: \xff\xfe\n---\n")
    assert "bad.md: cannot be read" in (await _look(client, str(tmp_path), kind="folder")).warnings[0]


async def test_drafts_hidden_files_and_other_files_are_no_posts(client, tmp_path):
    matter = "title: x\nurl: https://example.org/x\n"
    _write(tmp_path, "draft.md", f"---\n{matter}draft: true\n---\n")
    _write(tmp_path, "unpublished.md", f"---\n{matter}published: false\n---\n")
    _write(tmp_path, ".hidden.md", f"---\n{matter}---\n")
    _write(tmp_path, ".git/x.md", f"---\n{matter}---\n")
    _write(tmp_path, "notes.txt", f"---\n{matter}---\n")
    fetched = await _look(client, str(tmp_path), kind="folder")
    assert fetched.posts == () and fetched.warnings == ()


async def test_links_that_lead_out_of_the_folder_are_not_followed(client, tmp_path):
    _write(tmp_path, "outside/secret.md", "---\ntitle: Secret\nurl: https://example.org/s\n---\n")
    inside = tmp_path / "inside"
    _write(inside, "ok.md", "---\ntitle: Ok\nurl: https://example.org/ok\n---\n")
    (inside / "file.md").symlink_to(tmp_path / "outside" / "secret.md")
    (inside / "folder").symlink_to(tmp_path / "outside")
    (inside / "loop").symlink_to(inside)
    assert [p.title for p in (await _look(client, str(inside), kind="folder")).posts] == ["Ok"]


async def test_a_folder_that_is_not_there_is_a_sentence(client, tmp_path):
    with pytest.raises(SourceError, match="is not a directory that can be read"):
        await _look(client, str(tmp_path / "nowhere"), kind="folder")


# --- discovery ---

PAGE = (
    '<!doctype html><html lang="fr-CA"><head><title>Accueil – La Rivière &amp; Cie</title>'
    '<meta name="description" content="Nouvelles de l’eau."><meta name="theme-color" content="#0a5">{links}</head></html>'
)
FEED_LINK = '<link rel="alternate" type="application/rss+xml" title="Feed" href="/feed/">'
COMMENTS_LINK = '<link rel="alternate" type="application/rss+xml" href="/comments/feed/">'


async def test_a_site_says_its_name_language_description_and_colour(client, site):
    site.routes["/"] = Answer(PAGE.format(links=FEED_LINK + COMMENTS_LINK))
    site.routes["/feed/"] = Answer(rss(item(1), item(2)))
    found = await discover(site.url, client, allow_private=True)
    assert (found.title, found.language, found.description, found.color) == (
        "La Rivière & Cie", "fr-CA", "Nouvelles de l’eau.", "#0a5",
    )  # fmt: skip
    assert [(s.kind, s.url) for s in found.sources] == [
        ("rss", site.url + "/feed/")
    ] and found.post_count == 2
    assert found.sources[0].allow_private


async def test_wordpress_goes_before_the_feed_it_also_has(client, site):
    rest = f'<link rel="https://api.w.org/" href="{site.url}/wp-json/">'
    site.routes["/"] = Answer(PAGE.format(links=FEED_LINK + rest))
    site.routes["/news/"] = Answer(PAGE.format(links=FEED_LINK + rest))
    site.routes["/feed/"] = Answer(rss(item(1)))
    site.routes[POSTS] = Answer(json.dumps([_wp(1), _wp(2), _wp(3)]))
    found = await discover(site.url + "/news/", client, allow_private=True)
    assert [(s.kind, s.url) for s in found.sources] == [("wordpress", site.url), ("rss", site.url + "/feed/")]
    assert found.post_count == 3


async def test_wordpress_is_known_by_its_link_header_too(client, site):
    site.routes["/"] = Answer(
        PAGE.format(links=""), headers={"Link": f'<{site.url}/wp-json/>; rel="https://api.w.org/"'}
    )
    site.routes[POSTS] = Answer(json.dumps([_wp(1)]))
    assert (await discover(site.url, client, allow_private=True)).sources[0].kind == "wordpress"


async def test_a_ghost_site_is_read_by_its_feed_for_there_is_no_key(client, site):
    site.routes["/"] = Answer(PAGE.format(links='<meta name="generator" content="Ghost 5.80">' + FEED_LINK))
    site.routes["/feed/"] = Answer(rss(item(1)))
    assert [s.kind for s in (await discover(site.url, client, allow_private=True)).sources] == ["rss"]


async def test_a_source_that_does_not_answer_is_not_offered(client, site):
    site.routes["/"] = Answer(
        PAGE.format(links='<link rel="alternate" type="application/feed+json" href="/f.json">' + FEED_LINK)
    )
    site.routes["/f.json"] = Answer('{"version": "https://jsonfeed.org/version/1.1", "items": []}')
    assert [s.kind for s in (await discover(site.url, client, allow_private=True)).sources] == ["jsonfeed"]


async def test_a_feed_may_be_given_itself_and_a_page_may_name_none(client, site):
    site.routes["/feed.xml"] = Answer(rss(item(1), channel="<language>de</language>"))
    found = await discover(site.url + "/feed.xml", client, allow_private=True)
    assert (found.title, found.language, found.sources[0].url) == ("Site", "de", site.url + "/feed.xml")
    site.routes["/"] = Answer(PAGE.format(links=""))
    assert (await discover(site.url, client, allow_private=True)).sources[0].url == site.url + "/feed.xml"


async def test_a_site_without_posts_and_a_site_that_is_not_there(client, site):
    site.routes["/"] = Answer("<html><body>nothing</body></html>")
    assert (await discover(site.url, client, allow_private=True)).sources == ()
    with pytest.raises(SourceError):
        await discover(site.url + "/missing", client, allow_private=True)
    with pytest.raises(SourceError, match="not a public address"):
        await discover(site.url, client)


async def test_a_relative_folder_is_found_beside_the_configuration_wherever_it_is_read(client, tmp_path):
    _write(tmp_path, "posts/one.md", "---\ntitle: One\nurl: https://www.example.org/1\n---\nHello.\n")
    spec = SourceSpec(kind="folder", url="posts", home=str(tmp_path))
    fetched = await fetch(spec, client, Memory(), now=NOW)
    assert [post.title for post in fetched.posts] == ["One"]
