"""Links: which are asked, what their answers mean, which are buttons, and which deserve a second look."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from digest.editions.linkcheck import LinkCheck, LinkState
from digest.messages import samples
from digest.messages.model import Rendered, Severity, SlotName, slot_marker
from digest.messages.preflight import CheckedLink, addresses, hosts, link_findings, links, targets
from digest.messages.preflight.mail import mail_of
from digest.messages.render import render
from digest.templating import Templates
from tests.factories import NOW

NONCE = "f00dfeedcafe1234"
CONTENT = samples.usual("weekly")
MADE = render(CONTENT, Templates(), nonce=NONCE)


def rendered(body):
    html = f'<html lang="en" dir="ltr"><body>{body}</body></html>'
    return Rendered(subject="s", preheader="p", html=html, text="t", nonce=NONCE, personal=("a", "b"))


def answer(state, *, url="https://www.example.org/x", detail="", status=None):
    return LinkCheck(url=url, state=state, detail=detail, status=status, checked_at=NOW)


def meaning(state, *, is_item=False, is_picture=False, **told):
    link = CheckedLink(url="https://www.example.org/x", name="X", is_item=is_item, is_picture=is_picture)
    return [(f.code, f.severity) for f in link_findings({link: answer(state, **told)}, CONTENT)]


def doubts(url):
    body = f'<a href="{url}">x</a>'
    return [f.code for f in addresses.findings(mail_of(rendered(body), CONTENT))]


def test_every_item_and_button_of_an_edition_is_asked_once():
    asked = links(MADE, CONTENT)
    urls = [link.url for link in asked]
    assert len(urls) == len(set(urls))
    assert {item.url for item in CONTENT.items if item.post_id != 4} <= set(urls)
    by_url = {link.url: link for link in asked}
    assert by_url["https://www.example.org/posts/1"].is_item
    assert not by_url["https://www.example.org/events"].is_item
    register = by_url["https://www.example.org/register/2"]
    assert (register.is_button, register.is_item, register.is_picture) == (True, False, False)
    assert by_url["https://www.example.org/pictures/1.jpg"].is_picture


def test_our_own_pages_and_readers_links_are_not_asked():
    assert not any("news.example.org" in link.url or NONCE in link.url for link in links(MADE, CONTENT))


@pytest.mark.parametrize(
    "url",
    [
        slot_marker(NONCE, SlotName.UNSUBSCRIBE_URL),
        "https://news.example.org/a/sample/42",
        "https://news.example.org/e/abc.ics",
        "mailto:a@example.org",
        "tel:+44",
        "https://calendar.google.com/calendar/render?action=TEMPLATE",
        "https://outlook.live.com/calendar/0/deeplink/compose?subject=x",
        "",
        "#top",
    ],
)
def test_what_tells_nothing_is_not_asked(url):
    assert links(rendered(f'<a href="{url}">x</a>'), CONTENT) == ()


def test_two_places_of_one_page_are_asked_once():
    body = '<a href="https://a.example/x#1">One</a><a href="https://a.example/x#2">Two</a>'
    (link,) = links(rendered(body), CONTENT)
    assert (link.url, link.name) == ("https://a.example/x", "One")


@pytest.mark.parametrize(
    ("state", "told", "expected"),
    [
        (LinkState.ANSWERS, {}, []),
        (LinkState.DEAD, {"status": 404}, [("link-dead", Severity.BLOCKING)]),
        (LinkState.DEAD, {"status": 410, "is_item": True}, [("link-dead", Severity.WARNING)]),
        (LinkState.DEAD, {"is_picture": True}, [("picture-dead", Severity.WARNING)]),
        (LinkState.FAILING, {"status": 500}, [("link-failing", Severity.WARNING)]),
        (LinkState.REFUSED, {"detail": "It redirects in a circle."}, [("link-refused", Severity.WARNING)]),
        (LinkState.UNCHECKED, {"status": 403}, [("link-unchecked", Severity.NOTE)]),
        (LinkState.LARGE, {"detail": "2.4 MB", "is_picture": True}, [("picture-large", Severity.WARNING)]),
        (LinkState.ANSWERS, {"detail": "https://www.example.org/x"}, [("link-http", Severity.NOTE)]),
    ],
)
def test_an_answer_means(state, told, expected):
    assert meaning(state, **told) == expected


def test_walls_are_one_note_that_names_them():
    results = {
        CheckedLink(url=f"https://{n}.example/"): answer(LinkState.UNCHECKED, status=403) for n in range(5)
    }
    (note,) = link_findings(results, CONTENT)
    assert note.message == (
        "5 addresses do not let themselves be checked by a program: https://0.example/, https://1.example/, "
        "https://2.example/ and 2 more."
    )


def test_what_was_not_asked_is_said():
    (note,) = link_findings({CheckedLink(url="https://a.example/"): None}, CONTENT)
    assert (note.code, note.severity) == ("links-unchecked", Severity.NOTE)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://www.example.org/", None),
        ("https://user:pass@example.org/", "link-userinfo"),
        ("https://www.example.org@evil.example/", "link-userinfo"),
        ("https://192.0.2.7/x", "link-ip"),
        ("https://[2001:db8::1]/x", "link-ip"),
        ("https://3221225991/", "link-ip"),
        ("https://0x7f.1/", "link-ip"),
        ("https://bit.ly/x", "link-shortener"),
        ("https://www.tinyurl.com/x", "link-shortener"),
        ("https://xn--80ak6aa92e.com/", "link-lookalike"),  # an apple in Cyrillic letters
        ("https://xn--pple-43d.com/", "link-lookalike"),  # one Cyrillic letter among Latin ones
        ("https://аррӏе.com/", "link-lookalike"),
        ("https://xn--mnchen-3ya.de/", None),  # münchen
        ("https://xn--e1afmkfd.xn--p1ai/", None),  # пример.рф
        ("https://xn--mgbh0fb.example/", None),  # مثال
        ("https://xn--fsqu00a.example/", None),  # 例子
        ("https://xn--99999999.example/", None),
        ("mailto:a@b.example", None),
        ("https://[broken/", None),
    ],
)
def test_a_host_that_deserves_a_second_look(url, code):
    doubt = hosts.doubt(url)
    assert (doubt[0] if doubt else None) == code


@given(st.text(max_size=80))
def test_no_text_makes_the_look_at_a_host_fail(text):
    hosts.doubt(f"https://{text}/")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.example.org/", []),
        ("javascript:x", ["link-scheme"]),
        ("data:text/html,x", ["link-scheme"]),
        ("#", ["link-scheme"]),
        ("#nowhere", ["link-scheme"]),
        ("/relative", ["link-scheme"]),
        ("https://[broken", ["link-scheme"]),
        ("mailto:a@example.org", []),
        ("https://bit.ly/x", ["link-shortener"]),
    ],
)
def test_an_address_by_itself(url, expected):
    assert doubts(url) == expected


def test_a_host_is_doubted_once_and_our_own_never():
    body = '<a href="https://bit.ly/1">A</a><a href="https://bit.ly/2">B</a><a href="https://192.0.2.7/e/1.ics">C</a>'
    ours = replace(CONTENT, archive_url="https://192.0.2.7/a/sample/42")
    assert [f.code for f in addresses.findings(mail_of(rendered(body), ours))] == ["link-shortener"]


def test_a_link_to_a_place_in_the_mail_is_none_of_that():
    body = '<a href="#events">x</a><h2 id="events">y</h2>'
    assert list(addresses.findings(mail_of(rendered(body), CONTENT))) == []


def button(style, *, cell="", around=""):
    page = LexborHTMLParser(
        f'<body><div style="background:#ffffff">{around}<table><tr><td style="{cell}"><a href="https://a.example" '
        f'style="{style}">Register</a></td></tr></table><p>More</p></div></body>'
    )
    return page.css_first("a")


@pytest.mark.parametrize(
    ("style", "cell", "is_button"),
    [
        ("display:block;background-color:#0b5d4e;padding:13px 24px", "background-color:#0b5d4e", True),
        ("display:inline-block;padding:12px", "background-color:#0b5d4e", True),
        ("display:block;border:2px solid #0b5d4e;padding:12px", "", True),
        ("padding:12px 24px;background:#0b5d4e", "", True),
        ("display:block;background-color:#ffffff;padding:12px 0", "", False),
        ("display:inline-block;padding:12px 0", "", False),
        ("color:#0b5d4e;background-color:#ffffff", "", False),
        ("display:block;border:0", "", False),
    ],
)
def test_a_button_is_a_box_that_holds_nothing_but_a_link(style, cell, is_button):
    assert targets.is_button(button(style, cell=cell)) is is_button


@pytest.mark.parametrize(
    ("style", "cell", "height"),
    [
        ("display:block;line-height:20px;padding:13px 24px", "", 46),
        ("display:block;font-size:16px;line-height:1.5;padding:10px", "", 44),
        ("display:block;line-height:20px;padding-top:5px;padding-bottom:5px", "", 30),
        ("display:block;line-height:20px;padding:0", "padding:12px 24px", 44),
        ("display:block;line-height:20px;padding:0", "height:44px", 44),
        ("display:block;font-size:12pt;line-height:100%;padding:1px 2px 3px 4px", "", 20),
    ],
)
def test_the_height_of_a_button_is_its_line_and_its_padding(style, cell, height):
    assert targets.height_of(button(style, cell=cell)) == height


def test_the_buttons_of_an_edition_are_high_enough_and_a_lower_one_is_told():
    assert list(targets.findings(mail_of(MADE, CONTENT))) == []
    low = replace(MADE, html=MADE.html.replace("padding: 13px 24px", "padding: 3px 24px"))
    (found,) = targets.findings(mail_of(low, CONTENT))
    assert found.code == "target-small"
    assert "is 26 pixels high" in found.message
