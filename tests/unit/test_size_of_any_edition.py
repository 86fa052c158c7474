"""No content whatever makes a mail that mailbox providers clip: its HTML stays under 90,000 bytes, whole and with its way out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import cycle

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from digest.editions.model import Content, Item, ItemKind, Section
from digest.messages import samples
from digest.messages.check import edition_names
from digest.messages.model import SlotName
from digest.messages.render import MOST_BYTES, filled, render
from digest.posts.model import CallToAction, Event, Image, Occurrence
from digest.templating import Templates

TEMPLATES = Templates()
LOOKS = edition_names(TEMPLATES)
SITE = "https://www.example.org/"
LONGEST = 250  # letters of a title, a place, an excerpt; hardly an honest one has more
VALUES = {
    SlotName.UNSUBSCRIBE_URL: "https://news.example.org/u/" + "a" * 200,
    SlotName.PREFERENCES_URL: "https://news.example.org/p/" + "a" * 200,
    SlotName.SIGNED_UP: "Donnerstag, 31. September 2026",
}
# What costs most in bytes: letters of three and four of them, what HTML writes out, a word without an end.
COSTLY = (
    "水路の日曜日 ",
    "👩‍👩‍👧‍👦 ",
    "<&>\"' ",
    "ü",
    "سور النهر يصمد ",
    "word ",
    "&amp;lt; ",
    "\u0301\u200d",
)


def content(
    look: str,
    *,
    posts: int,
    events: int,
    words: tuple[str, ...],
    note: str,
    repeat: bool = False,
    path: int = 60,
) -> Content:
    """An edition of so many posts and events with addresses of `path` letters; its texts are `words`, each in its turn."""
    usual = samples.usual(look)
    turn = cycle(words)
    items = [
        Item(
            post_id=n,
            title=f"{n} {next(turn)}",
            url=f"{SITE}{n}/{'p' * path}",
            section=Section.LEAD if n == 1 else Section.CARDS if n % 4 else Section.BRIEF,
            position=n,
            excerpt=next(turn),
            author=next(turn),
            source=next(turn),
            topics=(next(turn),),
            image=Image(url=f"{SITE}{n}.jpg", alt=next(turn), width=1200, height=640),
            language="ja" if n % 2 else None,
        )
        for n in range(1, posts + 1)
    ]
    items += [
        event(n, next(turn), usual, repeat=repeat and n > 1003, path=path) for n in range(1000, 1000 + events)
    ]
    return replace(
        usual,
        items=tuple(items),
        intro=note,
        tagline=next(turn),
        subject=next(turn),
        preheader=next(turn),
        publication_name=next(turn),
        sender_name=next(turn),
        postal_address=next(turn),
    )


def event(number: int, words: str, usual: Content, *, repeat: bool, path: int) -> Item:
    starts = usual.send_at + timedelta(days=number % 300 + 1)
    told = Event(
        uid=f"{number}",
        title=words,
        starts_at=starts,
        ends_at=starts + timedelta(hours=2),
        timezone="America/Argentina/Buenos_Aires",
        place=words,
        online=True,
        cta=CallToAction(label=words, url=f"{SITE}{'r' * path}/{number}"),
        dates=tuple(Occurrence(starts_at=starts + timedelta(weeks=n)) for n in range(1, 12)),
        closes_at=starts - timedelta(hours=1),
        key=f"key{number}" + "k" * 40,
    )
    return Item(
        post_id=number,
        title=f"{number} {words}",
        url=f"{SITE}{number}/{'p' * path}",
        kind=ItemKind.EVENT,
        section=Section.EVENTS,
        position=number,
        event=told,
        repeat=repeat,
    )


def assert_whole(made: Content) -> None:
    rendered = render(made, TEMPLATES, nonce="nonce0nonce0nonce0")
    html, text = filled(rendered, VALUES)
    assert len(html.encode()) <= MOST_BYTES
    page = LexborHTMLParser(html)
    assert page.css("a[href^='https://news.example.org/u/']")
    assert VALUES[SlotName.UNSUBSCRIBE_URL] in text
    assert rendered.html.rstrip().endswith("</html>")
    assert rendered.subject
    assert len(page.css("h1")) == 1


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    "words", COSTLY[:3], ids=["three bytes a letter", "four and joined", "written out by HTML"]
)
def test_the_largest_edition_there_can_be_is_not_clipped(look, words):
    long = (words * 2000)[:9000]
    assert_whole(content(look, posts=8, events=8, words=(long,), note=long, path=1500))


texts = st.builds(
    lambda of, times: (of * times)[:LONGEST],
    st.sampled_from(COSTLY) | st.text(min_size=1, max_size=9),
    st.integers(1, LONGEST),
)


@pytest.mark.parametrize("look", LOOKS)
@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink what takes seconds takes minutes
)
@given(
    posts=st.integers(0, 200),
    events=st.integers(1, 60),
    words=st.lists(texts, min_size=1, max_size=5).map(tuple),
    repeat=st.booleans(),
    note=texts,
)
@example(posts=200, events=60, words=((COSTLY[2] * LONGEST)[:LONGEST],), repeat=False, note="word " * 100)
def test_no_edition_is_clipped(look, posts, events, words, repeat, note):
    assert_whole(content(look, posts=posts, events=events, words=words, repeat=repeat, note=note))
