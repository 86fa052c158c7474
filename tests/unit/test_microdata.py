"""Events in microdata count where extruct is installed, and pages lose nothing else where it is not."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.posts import microdata
from digest.posts.model import CtaKind, Event, EventStatus, Origin
from digest.posts.pagefacts import read

PAGE = "https://example.org/events/forum/"
FORUM = """
<article itemscope itemtype="https://schema.org/EducationEvent">
  <h1 itemprop="name">Peace &amp; <b>Law</b> Forum</h1>
  <time itemprop="startDate" datetime="2026-11-24T18:00:00+01:00">Tuesday, six o'clock</time>
  <meta itemprop="endDate" content="2026-11-24T20:00:00+01:00">
  <link itemprop="eventStatus" href="https://schema.org/EventPostponed">
  <div itemprop="location" itemscope itemtype="https://schema.org/Place">
    <span itemprop="name">Town Hall</span>
    <div itemprop="address" itemscope itemtype="https://schema.org/PostalAddress">
      <span itemprop="streetAddress">1 Main St</span> <span itemprop="addressLocality">Geneva</span>
    </div>
  </div>
  <div itemprop="offers" itemscope itemtype="https://schema.org/Offer">
    <a itemprop="url" href="/register?utm_source=x">Go</a> <meta itemprop="price" content="15">
  </div>
  <a itemprop="url" href="/events/forum/">More</a>
</article>
"""


def events(html: str) -> tuple[Event, ...]:
    pytest.importorskip("extruct")
    return read(html, url=PAGE).events


def test_an_event_in_microdata_is_read_with_its_facts() -> None:
    (found,) = events(FORUM)

    assert (found.title, found.place, found.uid) == ("Peace & Law Forum", "Town Hall, Geneva", PAGE)
    assert found.starts_at == datetime(2026, 11, 24, 17, tzinfo=UTC)
    assert found.ends_at == datetime(2026, 11, 24, 19, tzinfo=UTC)
    assert found.status is EventStatus.POSTPONED
    assert (found.register_url, found.cta.kind) == ("https://example.org/register", CtaKind.TICKETS)
    assert {e.origin for e in found.evidence} == {Origin.MICRODATA}
    assert {e.fact: e.quote for e in found.evidence}["starts_at"] == "2026-11-24T18:00:00+01:00"


def test_json_ld_is_heard_before_microdata_on_the_same_event() -> None:
    told = """<script type="application/ld+json">{"@type": "Event", "name": "Peace & Law Forum",
    "startDate": "2026-11-24T18:00:00+01:00", "location": "Church"}</script>"""
    other = FORUM.replace("Peace &amp; <b>Law</b> Forum", "Another evening").replace(
        'href="/events/forum/"', 'href="/events/other/"'
    )

    assert [e.place for e in events(told + FORUM)] == ["Church"]
    assert [e.title for e in events(told + FORUM + other)] == ["Peace & Law Forum", "Another evening"]


def test_relative_addresses_in_microdata_follow_the_base_of_the_page() -> None:
    based = '<base href="https://example.org/deep/er/">' + FORUM.replace("/events/forum/", "forum")

    assert [e.uid for e in events(based)] == ["https://example.org/deep/er/forum"]


def test_an_event_inside_an_event_is_found_once() -> None:
    inner = '<div itemprop="subEvent" itemscope itemtype="http://schema.org/Event"><i itemprop="name">In</i></div>'

    found = events(FORUM.replace("</article>", f"{inner}</article>"))

    assert [e.title for e in found] == ["Peace & Law Forum", "In"]


@pytest.mark.parametrize(
    "html",
    [
        FORUM.replace("schema.org/EducationEvent", "schema.org/Article"),
        FORUM.replace("https://schema.org/EducationEvent", "https://other.example/Event"),
        FORUM.replace("schema.org/EducationEvent", "schema.org/BroadcastEvent"),
        FORUM.replace("itemscope itemtype", "data-a data-b"),
        f"<!-- {FORUM} -->",
        f"<template>{FORUM}</template>",
    ],
)
def test_other_items_are_no_events(html) -> None:
    assert events(html) == ()


def test_without_extruct_only_microdata_is_missing(monkeypatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "extruct"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "extruct", None)
    told = '<script type="application/ld+json">{"@type": "Event", "name": "Told"}</script>'
    article = '<div itemscope itemtype="https://schema.org/BlogPosting"><p itemprop="headline">x</p></div>'

    found = read(told + FORUM + article, url=PAGE)

    assert [e.title for e in found.events] == ["Told"]
    assert found.is_article
    assert found.warnings == ()


def test_pages_without_events_never_load_extruct(monkeypatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "extruct"]:
        monkeypatch.delitem(sys.modules, name)

    read('<p itemscope itemtype="https://schema.org/Person"><b itemprop="name">x</b></p>', url=PAGE)

    assert "extruct" not in sys.modules


def test_what_is_read_of_microdata_is_bounded() -> None:
    long = FORUM.replace("Town Hall", "x" * microdata.LONGEST_ITEM)
    wide = FORUM.replace("</article>", '<i itemprop="a">x</i>' * 300 + "</article>")
    many = "".join(FORUM.replace("Peace", f"No {n}").replace("/events/forum/", f"/e/{n}") for n in range(40))
    pytest.importorskip("extruct")

    for html in (long, wide):
        found = read(html, url=PAGE)
        assert found.events == ()
        assert "too long" in found.warnings[0]
    assert len(events(many)) == microdata.MOST_ITEMS


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_mangled_microdata_breaks_nothing(data) -> None:
    at = data.draw(st.integers(0, len(FORUM)))
    junk = data.draw(
        st.text(max_size=20) | st.sampled_from(["<", "</article>", '"', "itemscope ", "\0", "<!--"])
    )
    pytest.importorskip("extruct")

    found = read(FORUM[:at] + junk + FORUM[at + data.draw(st.integers(0, 40)) :], url=PAGE)

    assert len(found.events) <= 3
    words = "".join(e.title + e.place for e in found.events)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E for c in words)
