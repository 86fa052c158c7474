"""What stops an approval, and what is only pointed out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from digest.editions.model import Item, ItemKind, Section
from digest.messages import samples
from digest.messages.model import Severity, SlotName, slot_marker
from digest.messages.preflight import blocking, check
from digest.messages.render import render
from digest.posts.model import Event, Image
from digest.templating import Templates

NONCE = "f00dfeedcafe1234"
USUAL = replace(
    samples.usual("weekly"),
    subject="The river wall holds",
    preheader="Three new footpaths, an open day, and ten more stories",
    items=tuple(item for item in samples.usual("weekly").items if item.kind is not ItemKind.MAYBE),
)
GOOD = render(USUAL, Templates(), nonce=NONCE)
UNSUBSCRIBE = slot_marker(NONCE, SlotName.UNSUBSCRIBE_URL)


def codes(rendered=GOOD, content=USUAL, severity=None):
    return [f.code for f in check(rendered, content) if severity in (None, f.severity)]


def test_a_good_edition_has_nothing_to_find():
    assert codes() == []


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        ({"html": GOOD.html.replace(UNSUBSCRIBE, "https://www.example.org/")}, "unsubscribe-missing", "HTML"),
        ({"text": GOOD.text.replace(UNSUBSCRIBE, "")}, "unsubscribe-missing", "text"),
        ({"html": GOOD.html.replace("1 Example Street", "")}, "postal-address-missing", "HTML"),
        ({"text": GOOD.text.replace("1 Example Street", "")}, "postal-address-missing", "text"),
        ({"html": GOOD.html + "<!--" + "x" * 103_000 + "-->"}, "too-large", "HTML"),
        ({"html": GOOD.html.replace("</body>", f"slot-{NONCE}-name-end</body>")}, "slot-damaged", "HTML"),
        ({"text": GOOD.text + f"slot-{NONCE}-unsubscribe"}, "slot-damaged", "text"),
        (
            {"html": GOOD.html.replace("</head>", "<link href='https://fonts.example/x.css'></head>")},
            "third-party",
            "HTML",
        ),
        (
            {"html": GOOD.html.replace("</body>", "<script src='https://x.example'></script></body>")},
            "third-party",
            "HTML",
        ),
        (
            {
                "html": GOOD.html.replace(
                    "</body>", "<p style='background:url(https://x.example)'></p></body>"
                )
            },
            "third-party",
            "HTML",
        ),
        (
            {"html": GOOD.html.replace("</body>", "<img src='https://t.example/o' alt='' width='1'></body>")},
            "tracking-pixel",
            "HTML",
        ),
        (
            {"html": GOOD.html.replace("</body>", "<a href='javascript:x'>y</a></body>")},
            "link-scheme",
            "HTML",
        ),
        ({"subject": "  "}, "subject-empty", "subject"),
    ],
)
def test_these_stop_an_approval(change, code, place):
    found = blocking(check(replace(GOOD, **change), USUAL))
    assert [(f.code, f.place) for f in found] == [(code, place)]
    assert found[0].message.endswith(".")
    assert found[0].remedy


def test_a_size_just_under_the_cut_is_a_warning():
    large = replace(GOOD, html=GOOD.html + "<!--" + "x" * (95_000 - len(GOOD.html.encode())) + "-->")
    assert codes(large) == ["large"]


def test_an_edition_without_items_cannot_be_approved():
    empty = replace(USUAL, items=())
    rendered = render(empty, Templates(), nonce=NONCE)
    assert codes(rendered, empty, Severity.BLOCKING) == ["no-items"]


def test_an_edition_whose_items_were_all_dropped_cannot_be_approved():
    bad = replace(USUAL, items=(Item(post_id=1, title="Bad", url="javascript:x"),))
    rendered = render(bad, Templates(), nonce=NONCE)
    assert "no-items" in codes(rendered, bad, Severity.BLOCKING)
    assert "item-dropped" in codes(rendered, bad, Severity.WARNING)


def test_a_blocking_finding_can_be_overridden_by_its_name():
    found = check(replace(GOOD, subject=""), USUAL)
    assert blocking(found, overridden=frozenset({"subject-empty"})) == ()
    assert blocking(found, overridden=frozenset({"too-large"}))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            {"html": GOOD.html.replace("</body>", "<img src='https://www.example.org/x.jpg'></body>")},
            "alt-missing",
        ),
        (
            {
                "html": GOOD.html.replace(
                    "https://www.example.org/pictures/1.jpg", "http://www.example.org/1.jpg"
                )
            },
            "picture-not-https",
        ),
        (
            {
                "html": GOOD.html.replace(
                    "</body>",
                    "<a href='https://a.example'>here</a><a href='https://b.example'>Here</a></body>",
                )
            },
            "duplicate-link-text",
        ),
        (
            {"html": GOOD.html.replace("</body>", "<a href='https://a.example'> </a></body>")},
            "link-without-text",
        ),
        ({"subject": "long " * 30}, "subject-long"),
        ({"preheader": ""}, "preheader-empty"),
        ({"dropped": ("One: it has no title",)}, "item-dropped"),
    ],
)
def test_these_are_pointed_out(change, code):
    assert codes(replace(GOOD, **change), severity=Severity.WARNING) == [code]


def test_two_items_of_one_title_are_pointed_out():
    twice = replace(
        USUAL, items=(*USUAL.items, replace(USUAL.items[0], post_id=99, position=99, section=Section.BRIEF))
    )
    assert "duplicate-title" in codes(render(twice, Templates(), nonce=NONCE), twice)


def test_a_past_event_is_pointed_out():
    event = Event(uid="1", title="Fair", starts_at=USUAL.send_at - timedelta(days=1))
    late = Item(
        post_id=99,
        title="Fair",
        url="https://www.example.org/fair",
        kind=ItemKind.EVENT,
        section=Section.EVENTS,
        event=event,
    )
    content = replace(USUAL, items=(*USUAL.items, late))
    assert {"past-event", "item-dropped"} <= set(codes(render(content, Templates(), nonce=NONCE), content))


def test_a_picture_that_mail_cannot_show_is_pointed_out():
    drawn = replace(USUAL.items[5], image=Image(url="https://www.example.org/a.svg", width=9, height=9))
    content = replace(USUAL, items=(*USUAL.items[:5], drawn, *USUAL.items[6:]))
    assert codes(render(content, Templates(), nonce=NONCE), content) == ["picture-format"]


def test_what_is_left_to_the_site_is_a_note():
    posts = tuple(
        Item(post_id=n, title=f"Post {n} " + "word " * 12, url=f"https://www.example.org/{n}", position=n)
        for n in range(600)
    )
    content = replace(USUAL, items=posts)
    assert "left-to-site" in codes(render(content, Templates(), nonce=NONCE), content, Severity.NOTE)


def test_blocking_findings_come_first():
    found = check(replace(GOOD, subject="", preheader="", dropped=("x",)), replace(USUAL, subject=""))
    severities = [f.severity for f in found]
    assert severities == sorted(severities, key=list(Severity).index)
