"""A page tells its address, picture, title and events; whatever else it does, reading it ends, soon and in facts."""

from __future__ import annotations

import json
import time
from dataclasses import fields, is_dataclass
from datetime import datetime
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.posts.markup import tamed, unmarked
from digest.posts.model import Image, PageFacts
from digest.posts.packing import clean_text
from digest.posts.pagefacts import read

PAGE = "https://www.example.org/news/2026/forum/"
EVENT = {
    "@context": "https://schema.org",
    "@type": "Event",
    "name": "Forum",
    "startDate": "2026-11-24T18:00Z",
}


def head(*elements: str, url: str = PAGE) -> PageFacts:
    return read(f"<!doctype html><html><head>{''.join(elements)}</head><body><p>x</p></body></html>", url=url)


def meta(name: str, content: str, attribute: str = "property") -> str:
    return f'<meta {attribute}="{name}" content="{content}">'


def script(data: object) -> str:
    return (
        f'<script type="application/ld+json">{data if isinstance(data, str) else json.dumps(data)}</script>'
    )


@pytest.mark.parametrize(
    ("elements", "canonical"),
    [
        (f'<link rel="canonical" href="{PAGE}">', PAGE),
        ('<link rel=canonical href="/news/2026/forum/">', PAGE),
        ('<link rel="Canonical nofollow" href="../forum/">', PAGE),
        ('<link rel="canonical" href="//example.org/forum?utm_source=x&amp;id=1#top">', "https://example.org/forum?id=1"),
        ('<link rel="canonical" href="http://example.org/forum">', "http://example.org/forum"),
        ('<link rel="alternate" href="/other">', None),
        (meta("og:url", "https://example.org/forum"), "https://example.org/forum"),
        (meta("og:url", "/a") + '<link rel="canonical" href="/b">', "https://www.example.org/b"),
        ('<link rel="canonical" href="">' + meta("og:url", "/a"), "https://www.example.org/a"),
        ('<link rel="canonical" href="https://www.example.org/">', None),
        ('<link rel="canonical" href="/">' + meta("og:url", PAGE), PAGE),
        ('<link rel="canonical" href="javascript:alert(1)">', None),
        ('<link rel="canonical" href="ftp://example.org/forum">', None),
        ('<link rel="canonical" href="http://[bad">', None),
        ('<base href="https://example.org/base/"><link rel="canonical" href="forum">', "https://example.org/base/forum"),
        ('<base href="javascript:x"><link rel="canonical" href="/forum">', "https://www.example.org/forum"),
        ("", None),
    ],
)  # fmt: skip
def test_the_canonical_address_is_the_one_the_page_names(elements, canonical) -> None:
    found = head(elements)

    assert found.canonical_url == canonical
    assert found.url == PAGE
    assert found.warnings == ()


@pytest.mark.parametrize(
    "other",
    ["https://evil.example/forum", "https://example.org.evil.example/", "https://example.org@evil.example/", "https://shop.example.org/"],
)  # fmt: skip
def test_a_canonical_address_of_another_site_is_not_believed_and_is_told(other) -> None:
    found = head(f'<link rel="canonical" href="{other}">')

    assert found.canonical_url is None
    assert "another site" in found.warnings[0]


def test_the_front_page_may_call_itself_the_front_page() -> None:
    found = head(
        '<link rel="canonical" href="https://example.org/">', url="https://example.org/?utm_source=x"
    )

    assert found.canonical_url == "https://example.org/"


@pytest.mark.parametrize(
    ("elements", "image"),
    [
        (meta("og:image", "/a.jpg"), Image(url="https://www.example.org/a.jpg")),
        (meta("og:image", "/a.jpg", "name"), Image(url="https://www.example.org/a.jpg")),
        (
            meta("og:image", "https://cdn.example/a.jpg")
            + meta("og:image:width", "1200")
            + meta("og:image:height", "630")
            + meta("og:image:alt", "Two people &amp;amp; a table"),
            Image(url="https://cdn.example/a.jpg", width=1200, height=630, alt="Two people & a table"),
        ),
        (
            meta("og:image", "http://cdn.example/a.jpg") + meta("og:image:secure_url", "https://cdn.example/a.jpg"),
            Image(url="https://cdn.example/a.jpg"),
        ),
        (
            meta("og:image", "http://cdn.example/a.jpg") + meta("twitter:image", "https://cdn.example/b.jpg"),
            Image(url="https://cdn.example/b.jpg"),
        ),
        (meta("og:image", "http://cdn.example/a.jpg"), Image(url="http://cdn.example/a.jpg")),
        (
            meta("og:image", "https://cdn.example/a.jpg")
            + meta("og:image", "https://cdn.example/b.jpg")
            + meta("og:image:width", "1200"),
            Image(url="https://cdn.example/a.jpg"),
        ),
        (
            meta("og:image", "https://cdn.example/pixel.gif") + meta("og:image", "https://cdn.example/b.jpg"),
            Image(url="https://cdn.example/b.jpg"),
        ),
        (
            meta("twitter:image:src", "/t.jpg", "name") + meta("twitter:image:alt", "A table", "name"),
            Image(url="https://www.example.org/t.jpg", alt="A table"),
        ),
        (meta("og:image", "/a.jpg") + meta("og:image:width", "40"), None),
        (meta("og:image", "/a.jpg") + meta("og:image:width", "9" * 5000), Image(url="https://www.example.org/a.jpg")),
        (meta("og:image:alt", "No picture"), None),
        (meta("og:image", "data:image/png;base64,xx"), None),
        (meta("og:image", "javascript:alert(1)"), None),
        (meta("og:image", ""), None),
        (meta("og:image", "/a.jpg") + meta("og:image:alt", "a.jpg"), Image(url="https://www.example.org/a.jpg")),
    ],
)  # fmt: skip
def test_the_picture_is_the_first_worth_showing_and_https_where_it_can_be(elements, image) -> None:
    assert head(elements).image == image


@pytest.mark.parametrize(
    ("elements", "title"),
    [
        ("<title>Forum | Us</title>" + meta("og:title", "Forum &amp;amp; talk"), "Forum & talk"),
        ("<title>Forum &amp; talk</title>", "Forum & talk"),
        ("<title>\n  A \u202e long\ttitle </title>", "A long title"),
        (meta("og:title", " ") + "<title>Forum</title>", "Forum"),
        (meta("og:title", "&lt;script&gt;alert(1)&lt;/script&gt;Forum"), "Forum"),
        ("", ""),
    ],
)
def test_the_title_is_the_shared_one_or_the_page_s(elements, title) -> None:
    assert head(elements).title == title


def test_the_title_of_a_drawing_is_not_the_page_s() -> None:
    assert read("<body><svg><title>Logo</title></svg><p>x</p></body>", url=PAGE).title == ""


@pytest.mark.parametrize(
    ("elements", "article"),
    [
        (meta("og:type", "article"), True),
        (meta("og:type", "website"), False),
        (script({"@type": "NewsArticle", "headline": "x"}), True),
        (script({"@graph": [{"@type": "WebPage"}, {"@type": ["BlogPosting"], "headline": "x"}]}), True),
        (script({"@type": "https://schema.org/Report", "name": "x"}), True),
        (script({"@type": "WebPage", "mainEntity": {"@type": "Article", "headline": "x"}}), True),
        (script({"@type": "WebPage", "mainEntity": {"@type": "Article", "@id": "#elsewhere"}}), False),
        (script({"@type": "ItemList", "itemListElement": [{"@type": "Article", "headline": "x"}]}), False),
        (script(EVENT), False),
        ('<div itemscope itemtype="http://schema.org/BlogPosting"></div>', True),
        ('<div itemscope itemtype="http://schema.org/BlogPosting"></div>' * 3, False),
    ],
)  # fmt: skip
def test_an_article_is_what_its_data_calls_one(elements, article) -> None:
    assert read(elements, url=PAGE).is_article is article


@pytest.mark.parametrize(
    "html",
    [
        f"<!-- {script(EVENT)} -->",
        f"<textarea>{script(EVENT)}</textarea>",
        f"<template>{script(EVENT)}</template>",
        f"<div title='{script(EVENT).replace(chr(39), '')}'>x</div>",
        script(EVENT).replace("application/ld+json", "application/json"),
        script(EVENT).replace("application/ld+json", "text/javascript"),
        f"<pre>{script(EVENT).replace('<', '&lt;')}</pre>",
    ],
)
def test_structured_data_counts_only_where_it_is_structured_data(html) -> None:
    assert read(html, url=PAGE).events == ()


@pytest.mark.parametrize(
    "kind",
    ["application/ld+json", "Application/LD+JSON", " application/ld+json; charset=utf-8", "application/ld+json;profile=x"],
)  # fmt: skip
def test_a_script_of_json_ld_is_known_by_its_type(kind) -> None:
    assert len(read(script(EVENT).replace("application/ld+json", kind), url=PAGE).events) == 1


def test_a_script_that_closes_itself_early_hurts_only_itself() -> None:
    broken = script('{"@type":"Event","name":"</script><script>alert(1)</script>","startDate":"2026-11-24"}')

    found = read(broken + script(EVENT), url=PAGE)

    assert [e.title for e in found.events] == ["Forum"]
    assert "not JSON" in found.warnings[0]


def test_markup_in_the_words_of_an_event_is_gone() -> None:
    nasty = {
        **EVENT,
        "name": "<\\/script><img src=x onerror=alert(1)>Forum &lt;script&gt;alert(1)&lt;/script&gt;",
        "location": {"name": "<svg onload=alert(1)>Hall\u202e</svg>Hall", "address": "&#60;i&#62;Geneva"},
        "eventStatus": "EventCancelled<script>",
    }

    (found,) = read(script(nasty), url=PAGE).events

    assert not any(mark in repr(found) for mark in ("<script", "onerror", "<img", "<svg", "onload", "\u202e"))


@pytest.mark.parametrize(
    "url", ["", "javascript:alert(1)", "not a url", "ftp://example.org/", "http://[bad", "/x"]
)
def test_a_page_without_a_web_address_tells_nothing(url) -> None:
    found = read(script(EVENT), url=url)

    assert (found.url, found.events) == (url, ())
    assert found.warnings


FORMATTING = "".join(f"<b a={n}>" for n in range(900))


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 300_000,
        f"<p>{FORMATTING}</p>" + "<p>x" * 300_000,
        "<div " + " ".join(f"a{n}=1" for n in range(200_000)) + ">",
        "<div " + " ".join(f"a{n}='>'" for n in range(200_000)) + ">",
        "<div " + " ".join(f'a{n}="\'>"' for n in range(200_000)) + ">",
        "<path/></p>" * 100_000,
        "<a x><div>" * 100_000,
        "<table><tr><td>" * 50_000,
        "<!--" * 400_000,
        "<script>" * 200_000,
        '<script type="application/ld+json">' * 40_000,
        script("[" * 199_000) * 3,
        '<meta property="og:image" content="x">' * 40_000,
        '<link rel="canonical" href="https://evil.example/">' * 30_000,
        '<i itemscope itemtype="https://schema.org/Event" itemprop="a">' * 20_000,
        "<" * 2_000_000,
        "&" * 2_000_000,
        "&lt;" * 500_000,
        '"' * 2_000_000,
        "\0" * 2_000_000,
        "\ud800" * 100_000,
    ],
    ids=lambda html: html[:40].encode("unicode_escape").decode(),
)
def test_a_page_made_to_exhaust_a_reader_does_not(html) -> None:
    started = time.process_time()

    found = read(html, url=PAGE)

    assert time.process_time() - started < 15
    assert found.events == ()


def test_only_the_beginning_of_a_huge_page_is_read_and_that_is_told() -> None:
    found = read(script(EVENT) + "<p>x</p>" * 12_000 + script({**EVENT, "name": "Late"}), url=PAGE)

    assert [e.title for e in found.events] == ["Forum"]
    assert "too long to be read whole" in found.warnings[0]


def test_a_long_page_loses_nothing() -> None:
    text = "<p>" + "word, \"quoted\" and 'quoted' > here " * 20 + "</p>"
    wide = {**EVENT, "name": "Wide", "description": '<p>It’s "so" long > that.</p>' * 2_000}
    page = (
        f"<head>{meta('og:title', 'Forum')}<title>x</title></head>"
        + text * 300
        + script(wide).replace("</p>", "<\\/p>")
        + "<style>" + "a > b { } " * 3_000 + "</style>"
        + script(json.dumps({**EVENT, "name": "Spaced"}, indent=2) + " " * 30_000)
        + text * 300
        + script(EVENT)
    )  # fmt: skip

    found = read(page, url=PAGE)

    assert [e.title for e in found.events] == ["Wide", "Spaced", "Forum"]
    assert (found.title, found.warnings) == ("Forum", ())


@given(st.text(max_size=300), st.sampled_from(["", "<p>x</p>" * 3_000, 'a="' * 5_000]))
def test_taming_keeps_the_words(text, around) -> None:
    kept = text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")
    if "<" not in kept and " \"'>\"'>" not in kept:
        assert kept in unmarked(tamed(around + text + around))


def walk(value: object):
    """Every value in a model, with the name of the field it stands in."""
    if is_dataclass(value):
        for f in fields(value):
            inside = getattr(value, f.name)
            for one in inside if isinstance(inside, tuple) else (inside,):
                yield f.name, one
                yield from walk(one)


def check(found: PageFacts) -> None:
    assert len(found.events) <= 200
    assert len(found.warnings) <= 20
    for name, value in walk(found):
        if isinstance(value, str):
            assert value == clean_text(value)
            assert value.isprintable() or "\u200c" in value or "\u200d" in value or not value.isascii(), (
                name,
                value,
            )
            assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E for c in value)
            assert len(value) <= 2_100
        if name in {"url", "canonical_url", "register_url"} and value is not None:
            parts = urlsplit(value)
            assert parts.scheme in {"http", "https"}
            assert parts.hostname
        if name == "uid" and value:
            assert urlsplit(value).scheme in {"http", "https"}
        if isinstance(value, datetime):
            assert value.tzinfo is not None
            assert 1989 <= value.year <= 2101


WORDS = st.sampled_from(
    [
        "Event", "https://schema.org/Event", "2026-11-24", "2026-11-24T18:00:00+01:00", "#a", "#b", "_:c", "Online", "Forum",
        "VirtualLocation", "Place", "Offer", "SoldOut", "EventCancelled", "https://zoom.us/j/1", "javascript:alert(1)",
        "http://[x", "\x00\u202e", "\ud800", "<b>x", "&lt;script&gt;", "Europe/Paris", "PT2H", "9" * 400, "", "//x", "data:,",
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    [
        "@type", "@id", "@graph", "@context", "@value", "@list", "name", "startDate", "endDate", "duration", "location",
        "address", "addressLocality", "url", "offers", "availability", "validFrom", "validThrough", "price", "eventStatus",
        "eventAttendanceMode", "timezone", "subEvent", "superEvent", "potentialAction", "target", "mainEntity", "type", "id",
        "eventSchedule", "remainingAttendeeCapacity", "schema:name", "https://schema.org/startDate", "",
    ]
)  # fmt: skip
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(NAMES, inside, max_size=8),
    max_leaves=25,
)


@settings(max_examples=120, deadline=None)
@given(VALUES, st.dictionaries(NAMES, VALUES, max_size=8))
def test_no_structured_data_breaks_the_reading(data, more) -> None:
    check(read(script([data, {**EVENT, **more}]), url=PAGE))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_mutation_of_a_page_breaks_the_reading(data) -> None:
    event = {
        **EVENT,
        "location": {"@type": "Place", "name": "Hall"},
        "offers": {"url": "/r", "validFrom": "2026-01-01"},
    }
    page = (
        f'<html><head><base href="/b/"><link rel="canonical" href="/forum">{meta("og:image", "/a.jpg")}'
        f"<title>Forum</title>{script(event)}</head><body><p>x</p></body></html>"
    )  # fmt: skip
    pieces = st.text(max_size=12) | st.sampled_from(["<", ">", '"', "</script>", "<script>", "<!--", "-->", "\0", "\ud800", "]]>", "{", "}", ",", "&quot;", "\\u0000"])  # fmt: skip
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(page)))
        page = page[:at] + data.draw(pieces) + page[at + data.draw(st.integers(0, 30)) :]

    check(read(page, url=PAGE))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=500))
def test_any_text_is_a_page(text) -> None:
    check(read(text, url=PAGE))
