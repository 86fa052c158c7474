"""Whatever stands in any text or address that comes from outside, it stays words: in page, text, headers, calendar and archive."""

from __future__ import annotations

import email
import email.policy
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from urllib.parse import urlsplit

import httpx2
import pytest
import vobject
from icalendar import Calendar

from digest.editions import store as editions
from digest.editions.model import Content, EditionState, Item, ItemKind
from digest.editions.select import choose
from digest.messages import samples
from digest.messages.calendar import calendar_file
from digest.messages.check import edition_names
from digest.messages.model import Rendered, SlotName, slot_marker
from digest.messages.personalise import compile_edition
from digest.messages.render import render
from digest.posts.model import (
    CallToAction,
    Event,
    Image,
    KnownEvent,
    PageFacts,
    StaffFacts,
    StoredPost,
    Suggestion,
    Verdict,
)
from digest.posts.sources.base import RawPost, clean_post
from digest.templating import Templates
from digest.workflows.parts import Parts
from tests import factories, hostile, web
from tests.browser import ORIGIN, host, pictures
from tests.factories import NOW
from tests.hostile import (
    ADDRESSES,
    NONCE,
    WORDS,
    Inventory,
    Named,
    beyond,
    faults,
    inventory,
    with_address,
    with_text,
)
from tests.mailing import reader, sender

TEMPLATES = Templates()
LOOKS = edition_names(TEMPLATES)
# Told by the configuration, which refuses what is none of these: a folder's name, a slug, a language and a zone.
CONFIGURED: frozenset[Named] = frozenset(
    (Content, name) for name in ("template", "publication", "language", "timezone")
)
# Made a tag when the post arrives, or nothing: what comes of a post's own language is tried below.
CONFIGURED |= {(Item, "language")}
# Staff write it, in Markdown: its own test follows.
NOTE: frozenset[Named] = frozenset({(Content, "intro")})
STAFF_WRITE = {"p", "br", "strong", "em", "a", "ul", "ol", "li", "blockquote"}


def full(look: str) -> Content:
    """An edition with something in every part and field of it."""
    usual = samples.usual(look)
    items = tuple(replace(item, suggestions=(Suggestion(phrase="x", sentence="x"),)) for item in usual.items)
    return replace(usual, items=items, preheader="A line", subject="A subject")


def short(look: str) -> Content:
    """The same with one item of each kind."""
    some = full(look)
    kinds = {
        (item.section, item.kind, bool(item.event and item.event.cta)): item for item in reversed(some.items)
    }
    return replace(some, items=tuple(kinds.values()))


def made(content: Content) -> Rendered:
    return render(content, TEMPLATES, nonce=NONCE)


@cache
def as_given(look: str) -> tuple[Rendered, Inventory]:
    """The short edition as nobody touched it."""
    rendered = made(short(look))
    return rendered, inventory(rendered.html)


HARMLESS = {
    look: inventory(made(with_text(full(look), "A word", but=CONFIGURED | NOTE)).html) for look in LOOKS
}


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
@pytest.mark.parametrize("look", LOOKS)
def test_words_stay_words_in_page_and_text(look, words):
    content = with_text(full(look), f"Heron {words} harbour", but=CONFIGURED | NOTE)
    rendered = made(content)
    assert rendered.dropped == ()
    assert faults(rendered.html, rendered.text) == []
    seen = inventory(rendered.html)
    assert beyond(seen, HARMLESS[look]) == {}
    assert seen.hosts <= HARMLESS[look].hosts
    assert seen.loads <= HARMLESS[look].loads
    assert markers(rendered) == markers(as_given(look)[0])


ADDRESSED = sorted(
    {(owner.__name__, name) for look in LOOKS for owner, name in hostile.address_fields(full(look))}
)


@pytest.mark.parametrize(("owner", "name"), ADDRESSED)
@pytest.mark.parametrize("look", LOOKS)
def test_an_address_is_a_web_address_or_nothing(look, owner, name):
    kind = {"Content": Content, "Item": Item, "Event": Event, "Image": Image, "CallToAction": CallToAction}[
        owner
    ]
    given, harmless = as_given(look)
    for address in ADDRESSES:
        rendered = made(with_address(short(look), kind, name, address))
        assert [f for f in faults(rendered.html, rendered.text) if not is_ours(f, owner, name)] == [], address
        assert beyond(inventory(rendered.html), harmless) == {}, address
        assert "javascript:" not in rendered.text, address
        assert owner == "Content" or markers(rendered) == markers(given), address


def is_ours(fault: str, owner: str, name: str) -> bool:
    """Whether this is an address that the configuration gives, which stands as it was given."""
    return (
        owner == "Content"
        and name in {"site_url", "archive_url"}
        and fault.startswith('address "https://www.')
    )


def markers(rendered: Rendered) -> list[int]:
    """How often each gap for a reader's own value stands in the page and in the text."""
    return [
        part.count(slot_marker(NONCE, name)) for name in SlotName for part in (rendered.html, rendered.text)
    ]


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
def test_the_note_by_staff_brings_no_more_than_the_tags_of_a_note(words):
    for look in LOOKS:
        rendered = made(replace(short(look), intro=words))
        bare, more = as_given(look)[1], inventory(rendered.html)
        assert faults(rendered.html, rendered.text) == []
        assert {tag for tag, _ in more.elements - bare.elements} <= STAFF_WRITE
        assert more.loads <= bare.loads
        assert more.styles == bare.styles


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
def test_a_post_brings_nothing_but_words_from_its_source_to_the_mail(words):
    said = f"Heron {words} harbour"
    event = factories.event(
        opens_at=NOW, closes_at=NOW + timedelta(days=3), cta=CallToAction(url="https://www.example.org/r")
    )
    picture = Image(url="https://www.example.org/p.png")
    raw = RawPost(url="https://www.example.org/a", image=picture)
    facts = PageFacts(url="https://www.example.org/d", image=picture, events=(event,))
    told = StaffFacts(verdict=Verdict.EVENT, by="", at=NOW, starts_at=NOW + timedelta(days=2))
    stored = [
        arrived(1, with_text(raw, said)),
        arrived(2, with_text(replace(raw, url="https://www.example.org/b", event=event), said)),
        arrived(3, with_text(replace(raw, url="https://www.example.org/c"), f"REGISTER NOW: {said}")),
        arrived(
            4, with_text(replace(raw, url="https://www.example.org/d"), said), page=with_text(facts, said)
        ),
        arrived(
            5, with_text(replace(raw, url="https://www.example.org/e"), said), staff=with_text(told, said)
        ),
    ]
    chosen = choose(
        stored,
        max_items=10,
        max_new=30,
        excerpt_length=200,
        now=NOW,
        topics={said: (said,)},
        timezone="Europe/London",
    )
    assert {item.kind for item in chosen.items} == {ItemKind.POST, ItemKind.EVENT, ItemKind.MAYBE}
    for look in LOOKS:
        rendered = made(
            factories.content(items=chosen.items, template=look, calendar_url="https://news.example.org/e/")
        )
        assert rendered.dropped == ()
        assert faults(rendered.html, rendered.text) == []
        hosts = {host.removesuffix(".example.org") for host in inventory(rendered.html).hosts}
        assert hosts <= {"", "www", "news", "calendar.google.com", "outlook.live.com"}


def arrived(number: int, raw: RawPost, **known) -> StoredPost:
    post = clean_post(raw, home="https://www.example.org/", now=NOW)
    assert post
    return StoredPost(id=number, post=post, source_key=f"rss {raw.title}", seen_at=NOW, **known)


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
def test_no_word_becomes_a_header_or_a_part(words):
    content = with_text(short(LOOKS[0]), words, but=CONFIGURED)
    said = replace(sender(), from_name=words, list_name=words)
    parsed, fine = (
        email.message_from_bytes(wire(made(one), who), policy=email.policy.default)
        for one, who in ((content, said), (short(LOOKS[0]), sender()))
    )
    assert sorted(parsed.keys()) == sorted(fine.keys())
    assert [part.get_content_type() for part in parsed.walk()] == [
        part.get_content_type() for part in fine.walk()
    ]
    assert not parsed.defects
    assert parsed["To"].addresses[0].addr_spec == reader().address
    assert parsed["From"].addresses[0].addr_spec == sender().from_email
    assert len(parsed["From"].addresses) == 1
    assert parsed["List-Unsubscribe"] == f"<{reader().unsubscribe_url}>"
    shown = f"{parsed['Subject']} {parsed['From']} {parsed['List-Id']}"
    assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]", shown)


def wire(rendered: Rendered, who) -> bytes:
    compiled = compile_edition(rendered, who, edition_key="weekly-1", sent_at=NOW)
    return compiled.addressed(reader(), position_key="1").data


def known(event: Event) -> KnownEvent:
    return KnownEvent(
        post_id=1, title="A word", url="https://www.example.org/1", event=event, changed_at=NOW, text="A word"
    )


EVENT = factories.event(key="one", cta=CallToAction(url="https://www.example.org/r"))


def lines(file: bytes) -> Counter[str]:
    """How often each property stands in a calendar file."""
    assert b"\r" not in file.replace(b"\r\n", b"")
    assert b"\n" not in file.replace(b"\r\n", b"")
    unfolded = file.decode().replace("\r\n ", "").removesuffix("\r\n").split("\r\n")
    return Counter(re.split("[:;]", line)[0] for line in unfolded)


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
def test_no_word_becomes_a_line_of_a_calendar(words):
    event = with_text(known(EVENT), words, but=frozenset({(Event, "key")}))
    file = calendar_file([event], name=words, domain="news.example.org")
    assert not lines(file) - lines(calendar_file([known(EVENT)], name="A word", domain="news.example.org"))
    read = Calendar.from_ical(file)
    (entry,) = read.walk("VEVENT")
    assert entry["UID"] == "one@news.example.org"
    assert not entry.subcomponents
    assert {"ATTENDEE", "ORGANIZER", "ATTACH"} & set(entry) == set()
    assert len(list(vobject.readOne(file.decode()).vevent_list)) == 1
    nameless = calendar_file([with_text(known(EVENT), words)], name=words, domain="news.example.org")
    assert not Calendar.from_ical(nameless).walk("VEVENT"), "what has no key of ours is not in a calendar"


@pytest.mark.parametrize(
    ("owner", "name"), sorted((o.__name__, n) for o, n in hostile.address_fields(known(EVENT)))
)
def test_an_address_in_a_calendar_is_a_web_address_or_nothing(owner, name):
    kind = {"KnownEvent": KnownEvent, "Event": Event, "CallToAction": CallToAction}[owner]
    fine = lines(calendar_file([known(EVENT)], name="", domain="news.example.org"))
    for address in ADDRESSES:
        file = calendar_file(
            [with_address(known(EVENT), kind, name, address)], name="", domain="news.example.org"
        )
        assert not lines(file) - fine, address
        (entry,) = Calendar.from_ical(file).walk("VEVENT")
        assert urlsplit(str(entry.get("URL", "https:"))).scheme in {"http", "https"}, address
        told = str(entry.get("DESCRIPTION", "")).split()
        assert [
            word for word in told if ":" in word and not word.startswith(("http://", "https://"))
        ] == [], address


@pytest.fixture
def parts(database) -> Parts:
    return web.parts(database)


@pytest.fixture
def client(parts: Parts) -> Iterator[httpx2.Client]:
    with web.browsing(parts) as client:
        yield client


def mailed(parts: Parts, rendered: Rendered) -> None:
    with parts.database.transaction() as session:
        editions.ensure_publication(session, "weekly", now=NOW)
        editions.lock_publication(session, "weekly")
        edition = editions.create(
            session,
            publication="weekly",
            state=EditionState.SENT,
            cut_at=NOW,
            send_at=NOW,
            slot=None,
            subject=rendered.subject,
            items=(),
        )
        editions.save_snapshot(session, edition.id, rendered)
        editions.save(session, replace(edition, launched_at=NOW, fingerprint=rendered.fingerprint))


OWN = ("<link>", "address '/a/weekly/", "address '/static/")  # what the page itself is made of


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_archive_shows_words_as_words(client, parts):
    fine = made(with_text(short("weekly"), "A word", but=CONFIGURED | NOTE))
    for _ in range(3):
        mailed(parts, fine)
    # The second has one before and one after it, as nearly all of the others have.
    listed, copy = (inventory(client.get(f"/a/weekly/{number}").text) for number in ("", "2"))
    rows = len(WORDS) + 3
    for words in WORDS:
        mailed(parts, made(with_text(short("weekly"), f"Heron {words} harbour", but=CONFIGURED | NOTE)))
    answer = client.get("/a/weekly/").text
    seen = inventory(answer)
    assert [fault for fault in faults(answer, "") if not fault.startswith(OWN)] == []
    in_a_row = {each for each, n in listed.elements.items() if n == 3 and each[0] in {"li", "time", "a"}}
    assert seen.elements == Counter(
        {each: rows if each in in_a_row else n for each, n in listed.elements.items()}
    )
    for number in range(4, rows + 1):
        answer = client.get(f"/a/weekly/{number}").text
        assert [fault for fault in faults(answer, "") if not fault.startswith(OWN)] == []
        assert beyond(inventory(answer), copy) == {}
        assert NONCE not in answer


POKE = """(() => { const all = [...document.querySelectorAll("*")];
  for (const one of all) for (const name of ["load", "error", "focus", "mouseover", "click", "toggle", "animationend"])
    one.dispatchEvent(new Event(name, {bubbles: false, cancelable: true}));
  return all.length; })()"""


def test_a_real_browser_runs_nothing_and_asks_nobody(page):
    for look in LOOKS:
        usual = full(look)
        stories = [item for item in usual.items if item.kind is ItemKind.POST and item.image]
        events = [item for item in usual.items if item.kind is ItemKind.EVENT]
        every = [
            with_text(one, f"Heron {words}", but=CONFIGURED)
            for words in WORDS
            for one in (stories[0], events[0])
        ]
        bad = [with_address(stories[0], Image, "url", address) for address in ADDRESSES]
        for words in (WORDS[0], WORDS[9], WORDS[18]):
            content = with_text(replace(usual, items=()), words, but=CONFIGURED)
            rendered = made(replace(content, items=(*every, *bad)))
            page.show(rendered.html, answer=pictures)
            assert page.run(POKE) > 200
            page.run("new Promise(done => setTimeout(done, 50))")
            assert page.said == []
            assert {url for url in page.asked if host(url) not in {"www.example.org", host(ORIGIN)}} == set()


def test_the_browser_would_notice(page):
    page.show("<!doctype html><img src='https://evil.example/x' onerror='alert(1)'><script>alert(2)</script>")
    page.run("new Promise(done => setTimeout(done, 50))")
    assert sorted(page.said) == ["alert: 1", "alert: 2"]
    assert "https://evil.example/x" in page.asked


@pytest.mark.parametrize(
    "markup",
    [
        "<script>1</script>",
        "<p onclick='x'>y</p>",
        "<a href='javascript:x'>y</a>",
        "<a href='/x'>y</a>",
        "<p>4011</p>",
        "<p lang='a b'>x</p>",
        "<p>\u202ex</p>",
    ],
)
def test_the_search_for_faults_finds_them(markup):
    assert faults(f"<html><body>{markup}</body></html>", "")
