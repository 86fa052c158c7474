"""The letter and the bulletin: kept as files under tests/golden, and what each of them promises.

`DIGEST_GOLDEN=write pytest tests/unit/test_letter_and_bulletin.py` writes the files anew.
"""

import os
import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from digest.editions.model import Content, Item, ItemKind, Section
from digest.messages import samples
from digest.messages.model import Severity
from digest.messages.preflight import check
from digest.messages.render import MOST_BYTES, render, web_copy
from digest.messages.showcase import showcase
from digest.posts.model import Event, Image
from digest.templating import Templates

FOLDER = Path(__file__).parent.parent / "golden"
NONCE = "golden0golden0golden"
TEMPLATES = Templates()
LOOKS = ("letter", "bulletin")
HOSTILE = "</mj-text><mj-button href='https://evil.example'>{{ slots.unsubscribe_url }}</mj-button><script>x</script> I <3 & \x00\u202e"
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3


def hostile(look: str) -> Content:
    usual = samples.usual(look)
    fields: dict[str, Any] = {"title": HOSTILE, "excerpt": HOSTILE, "author": HOSTILE, "topics": (HOSTILE,)}
    event = Event(
        uid="1",
        key="one",
        title=HOSTILE,
        place=LONG,
        starts_at=usual.send_at + timedelta(days=1),
        timezone="Europe/London",
        register_url="https://www.example.org/r?a=<b>",
    )
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
        Item(
            post_id=6, url="https://www.example.org/6", kind=ItemKind.MAYBE, section=Section.EVENTS, **fields
        ),
    )
    return replace(
        usual,
        items=items,
        intro=HOSTILE,
        tagline=HOSTILE,
        publication_name=HOSTILE,
        sender_name=LONG,
        postal_address=f"1 {HOSTILE}",
    )


def kept(look: str) -> dict[str, Content]:
    states = {sample.name: sample.content for sample in showcase(look)}
    return {
        f"{look}-usual": states["usual"],
        f"{look}-event-only": states["event-only"],
        f"{look}-right-to-left": states["right-to-left"],
        f"{look}-hostile": hostile(look),
    }


KEPT = {name: content for look in LOOKS for name, content in kept(look).items()}
STATES = [(look, sample.name) for look in LOOKS for sample in showcase(look)]


def content_of(look: str, state: str) -> Content:
    return next(sample.content for sample in showcase(look) if sample.name == state)


def made(content: Content):
    rendered = render(content, TEMPLATES, nonce=NONCE)
    return rendered, LexborHTMLParser(rendered.html)


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("part", ["html", "txt"])
def test_an_edition_looks_as_it_was_kept(name, part):
    rendered = render(KEPT[name], TEMPLATES, nonce=NONCE)
    text = f"{rendered.subject}\n{rendered.preheader}\n\n{rendered.text}"
    now = re.sub(r">\s*<", ">\n<", rendered.html) + "\n" if part == "html" else text
    path = FOLDER / f"{name}.{part}"
    if os.environ.get("DIGEST_GOLDEN") == "write":
        path.write_text(now, encoding="utf-8")
    before = path.read_text(encoding="utf-8")
    assert now.split("\n") == before.split("\n"), "if this is meant, run with DIGEST_GOLDEN=write"


@pytest.mark.parametrize("name", KEPT)
def test_nothing_from_outside_becomes_markup_or_a_load(name):
    rendered, page = made(KEPT[name])
    assert len(rendered.html.encode()) <= MOST_BYTES
    assert not page.css("script, link, iframe, form, object, mj-button")
    assert all(table.attributes.get("role") == "presentation" for table in page.css("table"))
    assert all(image.attributes.get("width") for image in page.css("img"))
    hosts = set(re.findall(r'(?:src|href)="https?://([^/"]+)', rendered.html))
    assert hosts <= {"www.example.org", "news.example.org", "calendar.google.com", "outlook.live.com"}


@pytest.mark.parametrize(("look", "state"), STATES)
def test_preflight_has_nothing_to_say_of_the_look(look, state):
    content = content_of(look, state)
    rendered = render(content, TEMPLATES, nonce=NONCE)
    of_the_content = {"preheader-empty", "event-undated", "undated-event", "event-without-date"}
    found = [f for f in check(rendered, content) if f.severity is not Severity.NOTE]
    assert [f"{f.code}: {f.message}" for f in found if f.code not in of_the_content] == []
    assert rendered.dropped == ()


@pytest.mark.parametrize(("look", "state"), STATES)
def test_headings_make_an_outline(look, state):
    _, page = made(content_of(look, state))
    levels = [int(node.tag[1]) for node in page.css("h1, h2, h3, h4, h5, h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))


@pytest.mark.parametrize(("look", "state"), STATES)
def test_the_text_part_has_every_link_a_reader_may_want(look, state):
    rendered, page = made(content_of(look, state))
    links = {node.attributes.get("href") or "" for node in page.css("a")}
    elsewhere = ("https://calendar.google.com/", "https://outlook.live.com/")
    missing = [url for url in links if not url.startswith(elsewhere) and url not in rendered.text]
    assert missing == []


NOTES = {
    "Repair café": "Today",
    "First aid for cyclists": "Register by 6 March",
    "Spring concert of the valley orchestra": "Last days for tickets",
    "Pottery for beginners": "Registration opens on 11 March",
    "Bread baking": "Fully booked",
    "Debate: who owns the water?": "Registration is closed",
    "Night walk": "Postponed",
    "Puppet theatre": "Sold out",
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(("title", "note"), NOTES.items())
def test_the_state_of_an_event_is_said_in_both_parts(look, title, note):
    rendered, page = made(content_of(look, "event-only"))
    link = next(a for a in page.css("a") if a.text().strip() == title)
    near = link.parent.parent if link.parent and link.parent.tag in {"h3", "p"} else link.parent
    assert near is not None
    assert note in near.text()
    place = rendered.text.index(f"\n{title}\n")
    assert note in rendered.text[place : place + len(title) + len(note) + 4]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    "title", ["Bread baking", "Debate: who owns the water?", "Night walk", "Puppet theatre"]
)
def test_an_event_that_cannot_be_attended_has_nothing_to_press(look, title):
    _, page = made(content_of(look, "event-only"))
    assert [a.text() for a in page.css("a") if (a.attributes.get("aria-label") or "").endswith(title)] == []


@pytest.mark.parametrize("look", LOOKS)
def test_an_event_that_can_be_attended_has_one_button_and_three_calendars(look):
    _, page = made(content_of(look, "event-only"))
    named = [
        a.attributes.get("aria-label") or "" for a in page.css("a") if "Repair café" in str(a.attributes)
    ]
    assert len([name for name in named if name.startswith("Register: ")]) == 1
    assert len([name for name in named if "calendar" in name.lower() or "Outlook" in name]) == 3


def test_a_bulletin_begins_with_its_dates_and_a_letter_ends_with_them():
    bulletin, letter = (made(content_of(look, "usual"))[0].text for look in ("bulletin", "letter"))
    assert bulletin.index("Open day at the water works") < bulletin.index("The river wall holds")
    assert letter.index("Open day at the water works") > letter.index("The library’s new hours")


def test_a_bulletin_shows_no_picture_and_a_letter_at_most_a_small_one():
    assert made(content_of("bulletin", "busy"))[1].css("img") == []
    (picture,) = made(content_of("letter", "busy"))[1].css("img")
    assert int(picture.attributes["width"] or 0) <= 320


def test_a_bulletin_gives_each_of_forty_stories_a_line_of_its_own():
    rendered, page = made(content_of("bulletin", "busy"))
    assert rendered.more == 0
    assert len(page.css("div[role=listitem]")) == 39 + 7  # the first story leads


def test_a_letter_without_an_introduction_greets_and_is_signed():
    rendered, page = made(content_of("letter", "bare"))
    assert page.body is not None
    for part in (page.body.text(separator="\n"), rendered.text):
        assert re.search(r"Hello,\s+Here is what.*With best wishes,\s+Example Organisation", part, re.DOTALL)


def test_an_introduction_takes_the_place_of_the_greeting():
    rendered, _ = made(content_of("letter", "usual"))
    assert "Hello," not in rendered.html
    assert "spring is here" in rendered.html


def test_a_sender_who_is_the_publication_is_named_once():
    content = replace(content_of("letter", "bare"), sender_name="The Weekly Brief")
    _, page = made(content)
    top = page.css_first("h1")
    assert top is not None
    assert top.parent is not None
    assert top.parent.text().count("The Weekly Brief") == 1


@pytest.mark.parametrize("look", LOOKS)
def test_a_proof_says_so_above_everything(look):
    rendered, page = made(content_of(look, "proof"))
    assert page.body is not None
    assert rendered.text.startswith("Proof for staff.")
    words = page.body.text(separator=" ")
    assert words.index("Proof for staff.") < words.index(content_of(look, "proof").sender_name)


@pytest.mark.parametrize("look", LOOKS)
def test_the_web_copy_has_no_readers_links(look):
    rendered, _ = made(content_of(look, "usual"))
    assert NONCE not in web_copy(rendered)


@pytest.mark.parametrize("look", LOOKS)
def test_an_edition_from_right_to_left_is_mirrored(look):
    _, page = made(content_of(look, "right-to-left"))
    html = page.css_first("html")
    assert html is not None
    assert (html.attributes["lang"], html.attributes["dir"]) == ("ar", "rtl")
    texts = [node for node in page.css("div") if "font-size:1" in (node.attributes.get("style") or "")]
    assert texts
    assert not [node for node in texts if "text-align:left" in (node.attributes["style"] or "")]
    french = [node for node in page.css("[lang=fr]") if node.attributes.get("dir") == "ltr"]
    assert french


@pytest.mark.parametrize("look", LOOKS)
def test_what_did_not_fit_is_counted_and_linked(look):
    story = samples.usual(look).items[0]
    many = tuple(
        replace(
            story, post_id=n, title=f"{n} {story.title * 3}", url=f"{story.url}-{n}", section=Section.CARDS
        )
        for n in range(400)
    )
    rendered, page = made(replace(samples.usual(look), items=many))
    assert len(rendered.html.encode()) <= MOST_BYTES
    assert rendered.more > 0
    assert f"{rendered.more} more on the site" in " ".join(a.text() for a in page.css("a"))
    assert f"{rendered.more} more on the site" in rendered.text


def test_dates_that_did_not_fit_are_counted_and_linked():
    for look in LOOKS:
        rendered, page = made(content_of(look, "event-only"))
        link = next(a for a in page.css("a") if "more dates on the site" in a.text())
        assert link.attributes["href"] == samples.SITE
        assert link.text().strip() in rendered.text


@pytest.mark.parametrize("look", LOOKS)
def test_pictures_may_fail_to_load_without_a_phone_scrolling_sideways(look):
    _, page = made(content_of(look, "usual"))
    for image in page.css("img"):
        assert "width:100%" in (image.attributes["style"] or "").replace(": ", ":")


def test_an_operator_can_sign_letters_in_another_way(tmp_path):
    body = tmp_path / "editions" / "letter" / "body.mjml"
    body.parent.mkdir(parents=True)
    body.write_text(
        '{% extends "original/editions/letter/body.mjml" %}\n'
        "{% block signature %}<mj-text><p>Yours, Ada</p></mj-text>{% endblock %}\n"
    )
    rendered = render(content_of("letter", "usual"), Templates(tmp_path), nonce=NONCE)
    assert "Yours, Ada" in rendered.html
    assert "With best wishes" not in rendered.html
    assert "Good morning" in rendered.html


def test_an_operator_can_replace_one_partial(tmp_path):
    rows = tmp_path / "partials" / "bulletin_rows.mjml"
    rows.parent.mkdir(parents=True)
    rows.write_text(
        '<mj-text>{% for item in items %}<p>* <a href="{{ item.url }}">{{ item.title }}</a></p>{% endfor %}</mj-text>'
    )
    rendered = render(content_of("bulletin", "usual"), Templates(tmp_path), nonce=NONCE)
    assert ">* <a" in rendered.html
    assert "Open day at the water works" in rendered.html
