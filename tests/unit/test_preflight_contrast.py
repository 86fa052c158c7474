"""Contrast: which words are seen in which colours, and when a pair is too close."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from digest.messages import samples
from digest.messages.model import Rendered
from digest.messages.preflight import colours, contrast, css
from digest.messages.preflight.mail import mail_of
from digest.messages.preflight.painting import DARK, LIGHT, painted
from digest.messages.theme import contrast as ratio

CONTENT = samples.usual("weekly")


def mail(body, head=""):
    html = f'<html lang="en" dir="ltr"><head>{head}</head><body>{body}</body></html>'
    return mail_of(
        Rendered(subject="s", preheader="p", html=html, text="t", nonce="n" * 16, personal=("a", "b")),
        CONTENT,
    )


def found(body, head=""):
    return [(f.code, f.message) for f in contrast.findings(mail(body, head))]


def codes(body, head=""):
    return [code for code, _ in found(body, head)]


def seen(body, canvas=LIGHT):
    return [(one.words, one.ink, one.ground) for one in painted(LexborHTMLParser(body), canvas)]


@pytest.mark.parametrize(
    ("body", "ink", "ground"),
    [
        ("<p>x</p>", "#000000", "#ffffff"),
        ('<p style="color:#123456">x</p>', "#123456", "#ffffff"),
        ('<div style="color:#123456"><p><b>x</b></p></div>', "#123456", "#ffffff"),
        ('<div style="background:#eee url(a) no-repeat"><p>x</p></div>', "#000000", "#eeeeee"),
        ('<table bgcolor="#0b5d4e"><tr><td style="color:white">x</td></tr></table>', "#ffffff", "#0b5d4e"),
        ('<td bgcolor="red" style="background-color:blue">x</td>', "#000000", "#ffffff"),  # no table: no cell
        (
            '<table><tr><td bgcolor="red" style="background-color:blue">x</td></tr></table>',
            "#000000",
            "#0000ff",
        ),
        ('<p style="background:#000;background-color:#fff">x</p>', "#000000", "#ffffff"),
        ('<p style="background:#ccc !important;background-color:#fff">x</p>', "#000000", "#cccccc"),
        ('<p style="background:none">x</p>', "#000000", "#ffffff"),
        ('<p style="color:rgba(0,0,0,.5)">x</p>', "#808080", "#ffffff"),
        ('<p style="background:rgb(0 0 0 / 50%)">x</p>', "#000000", "#808080"),
        ('<p style="color:hsl(120, 100%, 25%)">x</p>', "#008000", "#ffffff"),
        ('<p style="color:#f008">x</p>', "#ff7777", "#ffffff"),
        ('<p style="COLOR: RED">x</p>', "#ff0000", "#ffffff"),
        ('<div style="color:red"><p style="color:inherit">x</p></div>', "#ff0000", "#ffffff"),
        ('<div style="color:red"><a href="https://a.example">x</a></div>', "#0000ee", "#ffffff"),
        ('<a name="here">x</a>', "#000000", "#ffffff"),
    ],
)
def test_words_are_seen_in_the_colours_a_browser_gives_them(body, ink, ground):
    assert seen(body) == [("x", ink, ground)]


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "visibility:hidden",
        "opacity:0",
        "font-size:1px",
        "max-height:0;overflow:hidden",
        "display:block;display:none",
    ],
)
def test_what_is_hidden_is_not_judged(style):
    assert seen(f'<div style="{style}"><p style="color:#fff">x</p></div>') == []


def test_neither_styles_nor_fillers_are_words():
    assert seen("<style>p { color: red }</style><title>t</title><p>\u034f\u200c\xa0 · </p>") == []


def test_the_words_that_stand_for_a_picture_are_judged_too():
    body = '<img src="https://a.example/a.jpg" alt="A hill" style="color:#777777;background-color:#888888">'
    assert seen(body) == [("A hill", "#777777", "#888888")]
    assert "contrast" in codes(body)


def test_ten_thousand_nested_elements_are_no_trouble():
    assert len(seen("<div>" * 10_000 + "x")) <= 1


@pytest.mark.parametrize(
    ("body", "faint"),
    [
        ('<p style="color:#767676">grey</p>', False),
        ('<p style="color:#787878">grey</p>', True),
        ('<p style="color:#949494;font-size:24px">large</p>', False),
        ('<p style="color:#949494;font-size:23px">not large</p>', True),
        ('<p style="color:#949494;font-size:18.66px;font-weight:bold">large and bold</p>', False),
        ('<p style="color:#949494;font-size:14pt"><strong>large and bold</strong></p>', False),
        ('<p style="color:#949494;font-size:18px;font-weight:bold">bold</p>', True),
        ('<p style="color:#949494;font:bold 20px/1.2 Georgia">large and bold</p>', False),
        ('<h1 style="color:#949494">large by itself</h1>', False),
        ('<h3 style="color:#949494;font-size:1em">not large</h3>', True),
        ('<div style="font-size:12px"><p style="color:#949494;font-size:200%">large</p></div>', False),
    ],
)
def test_four_and_a_half_to_one_is_wanted_and_three_for_large_text(body, faint):
    assert ("contrast" in codes(body)) is faint


def test_a_finding_names_the_words_the_colours_and_the_ratio():
    ((_, message),) = [one for one in found('<p style="color:#999999">Read more</p>') if one[0] == "contrast"]
    assert message == "“Read more”: #999999 on #ffffff is 2.8:1 in light; 4.5:1 can be read."


def test_each_pair_of_colours_is_told_once():
    body = "".join(f'<p style="color:#999999">Number {n}</p>' for n in range(9))
    (message,) = [m for c, m in found(body) if c == "contrast"]
    assert message.startswith("“Number 0”, “Number 1”, “Number 2” and 6 more: ")


DARK_SHEET = "<style>@media (prefers-color-scheme: dark) { .p { color: #555555 !important; background: #222222 !important } }</style>"


def test_dark_rules_are_judged_where_they_hold():
    body = '<p class="p" style="color:#000;background-color:#fff">x</p>'
    assert codes(body, DARK_SHEET) == ["contrast-dark"]
    assert codes(body) == []


def test_the_stronger_selector_wins_in_the_dark():
    head = (
        "<style>@media (prefers-color-scheme: dark) { body { background: #111 !important } #a { color: #eee "
        "!important } p { color: #222 !important } }</style>"
    )
    assert codes('<p id="a" style="color:#000">x</p>', head) == []
    assert codes('<p id="b" style="color:#000">x</p>', head) == ["contrast-dark"]


def test_a_dark_rule_that_is_not_important_loses_to_the_element_itself():
    head = "<style>@media (prefers-color-scheme: dark) { body { background: #111 !important } p { color: #eee } }</style>"
    assert codes('<p style="color:#111">x</p>', head) == ["contrast-dark"]


def test_what_only_holds_in_the_dark_or_on_wide_screens_says_nothing_of_light():
    head = "<style>@media (min-width: 600px) { p { color: #fff } } p { color: #000 }</style>"
    assert codes("<p>x</p>", head) == []
    assert codes("<p>x</p>", "<style>p { color: #eee }</style>") == ["contrast", "contrast-forced-dark"]


def test_a_media_attribute_counts_like_a_media_rule():
    assert codes("<p>x</p>", '<style media="(prefers-color-scheme: dark)">p { color: #111 }</style>') == [
        "contrast-dark"
    ]


def test_outlooks_own_dark_rules_are_judged():
    head = "<style>[data-ogsc] p { color: #555 !important; background: #333 !important }</style>"
    assert codes("<p>x</p>", head) == ["contrast-dark"]


def test_colours_between_are_unreadable_once_turned_round():
    assert codes('<p style="color:#0000ff">pure blue is as light as before</p>') == ["contrast-forced-dark"]


@pytest.mark.parametrize(
    "value", ["var(--ink)", "color-mix(in srgb, red, blue)", "linear-gradient(red, blue)"]
)
def test_a_colour_that_cannot_be_known_is_said_to_be_so(value):
    assert "contrast-unknown" in codes(f'<p style="background:{value};color:#999">x</p>')
    assert "contrast" not in codes(f'<p style="background:{value};color:#999">x</p>')


def test_a_canvas_is_what_the_program_starts_from():
    assert seen("<p>x</p>", DARK) == [("x", DARK.ink, DARK.ground)]


@given(st.integers(0, 0xFFFFFF))
def test_turning_round_twice_is_nearly_nothing(number):
    shade = f"#{number:06x}"
    again = colours.turned(colours.turned(shade))
    assert all(abs(int(shade[at : at + 2], 16) - int(again[at : at + 2], 16)) <= 3 for at in (1, 3, 5))


@given(st.text(max_size=40))
def test_no_text_makes_the_reading_of_colours_fail(text):
    known = colours.colour(text.lower())
    assert known is None or (len(known.shade) == 7 and 0 <= known.alpha <= 1)


@pytest.mark.parametrize(
    "text", ["rgb(nan, 0, 0)", "rgb(1e400 0 0)", "hsl(inf 1% 1%)", "#12345", "rgb()", "rgb(1,2)"]
)
def test_a_colour_that_is_none_is_none(text):
    assert colours.colour(text) is None or ratio(colours.colour(text).shade, "#ffffff") >= 1


@given(st.text(alphabet="abc:;{}()\"'/*\\@!,. \n#-", max_size=200))
def test_no_text_makes_the_reading_of_styles_fail(text):
    css.sheet(text)
    assert all(isinstance(value, str) for value in css.declarations(text).values())


def test_rules_know_what_they_stand_in():
    sheet = css.sheet(
        "/* a { } */ p { color: red; } @media (x) { @supports (y: z) { b { c: d } } } @import 'x;y';"
    )
    assert [(r.selector, r.body, r.inside) for r in sheet.rules] == [
        ("p", "color: red;", ()),
        ("b", "c: d", ("@media (x)", "@supports (y: z)")),
        ("@import 'x;y'", "", ()),
    ]
    assert sheet.is_whole


@pytest.mark.parametrize(
    "text", ["p { color: red", "p { color: red } }", "@media x { p { a: b }", "p { a { b: c } }"]
)
def test_brackets_without_partners_are_noticed(text):
    assert not css.sheet(text).is_whole


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("color: red; color: blue", {"color": "blue"}),
        ("color: red !important; color: blue", {"color": "red"}),
        ("color: red! IMPORTANT", {"color": "red"}),
        ("background: url(data:a;b); color: X", {"background": "url(data:a;b)", "color": "x"}),
        ("font-family: 'a;b', c", {"font-family": "'a;b', c"}),
        ("/* x: y; */ a: b", {"a": "b"}),
        ("nothing; : x; ;", {}),
    ],
)
def test_declarations_win_as_in_a_browser(body, told):
    assert dict(css.declarations(body)) == told


def test_a_shorthand_and_its_part_count_by_weight_and_order():
    assert list(css.declarations("background: #000 !important; background-color: #fff")) == [
        "background-color",
        "background",
    ]


def test_every_sample_of_our_own_templates_can_be_read_in_every_scheme():
    from digest.messages.render import render
    from digest.templating import Templates

    for content in samples.contents("weekly"):
        looked = mail_of(render(content, Templates(), nonce="f00dfeedcafe1234"), content)
        names = {scheme.name for scheme in contrast.schemes(looked)}
        assert {"in light", "in dark mode", "turned dark by the mail program"} <= names
        assert [f.message for f in contrast.findings(looked)] == []


def test_a_theme_gone_wrong_is_noticed_in_the_mail_that_was_made():
    from digest.messages.render import render
    from digest.templating import Templates

    made = render(CONTENT, Templates(), nonce="f00dfeedcafe1234")
    faded = replace(made, html=made.html.replace("#6a665e", "#b9b6b0"))
    assert {f.code for f in contrast.findings(mail_of(faded, CONTENT))} == {
        "contrast",
        "contrast-forced-dark",
    }
