"""Whole editions kept as files under tests/golden: a change of the look shows as a change of these.

`DIGEST_GOLDEN=write pytest tests/unit/test_render_golden.py` writes them anew.
"""

import os
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from digest.editions.model import Item, ItemKind, Section
from digest.messages import samples
from digest.messages.preflight import check
from digest.messages.render import MOST_BYTES, render
from digest.posts.model import Event, Image
from digest.templating import Templates

FOLDER = Path(__file__).parent.parent / "golden"
NONCE = "golden0golden0golden"
USUAL = samples.usual("weekly")
HOSTILE = "</mj-text><mj-button href='https://evil.example'>{{ slots.unsubscribe_url }}</mj-button><script>x</script> I <3 & \x00\u202e"


def quiet():
    return replace(
        USUAL, items=(replace(USUAL.items[0], image=None),), intro="", tagline="", cadence_words=""
    )


def busy():
    picture = Image(url="https://www.example.org/p.jpg", alt="", width=800, height=450)
    posts = tuple(
        Item(
            post_id=n,
            title=f"Report {n}: what the river carried past the village this spring",
            url=f"https://www.example.org/reports/{n}",
            section=Section.CARDS if n else Section.LEAD,
            position=n,
            excerpt="Two sentences, no more. They say what happened and why a reader may want to know… " * 4,
            image=picture,
        )
        for n in range(40)
    )
    dates = tuple(
        replace(item, position=item.position + 100) for item in samples.dates("weekly").items if item.event
    )
    return replace(USUAL, items=(*posts, *dates))


def hostile():
    event = Event(
        uid="1",
        title=HOSTILE,
        starts_at=USUAL.send_at + timedelta(days=1),
        place=HOSTILE,
        timezone="Europe/London",
    )
    fields: dict[str, Any] = {"title": HOSTILE, "excerpt": HOSTILE, "author": HOSTILE, "topics": (HOSTILE,)}
    items = (
        Item(
            post_id=1,
            url="https://www.example.org/1",
            section=Section.LEAD,
            image=Image(url="https://www.example.org/1.jpg", alt=HOSTILE),
            **fields,
        ),
        Item(
            post_id=2,
            url="https://www.example.org/2",
            section=Section.EVENTS,
            kind=ItemKind.EVENT,
            event=event,
            **fields,
        ),
        Item(post_id=3, url='https://www.example.org/3?"><script>', **fields),
        Item(post_id=4, url="javascript:alert(1)", **fields),
        Item(post_id=5, url="https://www.example.org/5", section=Section.BRIEF, **fields),
    )
    return replace(
        USUAL,
        items=items,
        intro=HOSTILE,
        tagline=HOSTILE,
        publication_name=HOSTILE,
        postal_address=f"1 {HOSTILE}",
    )


EDITIONS = {
    "quiet": quiet(),
    "usual": USUAL,
    "busy": busy(),
    "hostile": hostile(),
    "arabic": samples.arabic("weekly"),
    "dates": samples.dates("weekly"),
}


@pytest.mark.parametrize("name", EDITIONS)
@pytest.mark.parametrize("part", ["html", "txt"])
def test_an_edition_looks_as_it_was_kept(name, part):
    rendered = render(EDITIONS[name], Templates(), nonce=NONCE)
    made = (
        readable(rendered.html)
        if part == "html"
        else f"{rendered.subject}\n{rendered.preheader}\n\n{rendered.text}"
    )
    path = FOLDER / f"{name}.{part}"
    if os.environ.get("DIGEST_GOLDEN") == "write":
        path.write_text(made, encoding="utf-8")
    kept = path.read_text(encoding="utf-8")
    assert made.split("\n") == kept.split("\n"), "if this is meant, run with DIGEST_GOLDEN=write"


@pytest.mark.parametrize("name", EDITIONS)
def test_every_kept_edition_holds_what_a_mail_must(name):
    content = EDITIONS[name]
    rendered = render(content, Templates(), nonce=NONCE)
    page = LexborHTMLParser(rendered.html)
    assert len(rendered.html.encode()) <= MOST_BYTES
    assert not page.css("script, link, iframe, form, object, mj-button")
    assert all("alt" in image.attributes for image in page.css("img"))
    assert all(table.attributes.get("role") == "presentation" for table in page.css("table"))
    assert set(re.findall(r'src="https?://([^/"]+)', rendered.html)) <= {"www.example.org"}
    assert set(re.findall(r'href="https?://([^/"]+)', rendered.html)) <= {
        "www.example.org",
        "news.example.org",
        "calendar.google.com",
        "outlook.live.com",
    }
    assert [f.code for f in check(rendered, content) if f.severity == "blocking"] == []


@pytest.mark.parametrize("name", [n for n in EDITIONS if n != "hostile"])
def test_no_brackets_of_the_template_language_are_left(name):
    rendered = render(EDITIONS[name], Templates(), nonce=NONCE)
    for part in (rendered.html, rendered.text, rendered.subject):
        assert "{{" not in part
        assert "{%" not in part


def readable(html):
    """One tag a line, so that a difference can be read."""
    return re.sub(r">\s*<", ">\n<", html) + "\n"
