"""The MJML engine behind its one door."""

import inspect

import mjml as engine
import pytest
from selectolax.lexbor import LexborHTMLParser

from digest.messages.mjml import MjmlError, to_html


def document(body="", head=""):
    return f"<mjml><mj-head>{head}</mj-head><mj-body><mj-section><mj-column>{body}</mj-column></mj-section></mj-body></mjml>"


def test_the_installed_engine_is_the_one_meant():
    assert callable(engine.mjml2html)
    assert "fonts" in str(inspect.signature(engine.mjml2html))


def test_no_web_font_is_loaded():
    html = to_html(
        document("<mj-text>Hello</mj-text><mj-button href='https://www.example.org'>Go</mj-button>")
    )
    assert "fonts.googleapis.com" not in html
    assert "@import" not in html


def test_inline_styles_are_written_onto_the_elements():
    head = '<mj-style inline="inline">.warm { color: #aa0000; } h1 { margin: 0; }</mj-style>'
    html = to_html(document('<mj-text><h1 class="warm">Hi</h1></mj-text>', head))
    style = LexborHTMLParser(html).css_first("h1.warm").attributes["style"]
    assert "color: #aa0000" in style
    assert "margin: 0" in style


def test_media_queries_and_attribute_selectors_stay_in_the_head():
    head = "<mj-style>@media (prefers-color-scheme: dark) { .a > b { color: #fff; } } [data-ogsc] .a { color: #fff; }</mj-style>"
    html = to_html(document("<mj-text>Hi</mj-text>", head))
    assert "@media (prefers-color-scheme: dark)" in html
    assert "[data-ogsc] .a" in html


def test_comments_go_and_conditional_comments_stay():
    raw = "<mj-raw><!-- secret --><!--[if mso]><p>Outlook</p><![endif]--></mj-raw>"
    html = to_html(document(f"{raw}<mj-text><!-- hidden -->Hi</mj-text>"))
    assert "secret" not in html
    assert "hidden" not in html
    assert "<!--[if mso]><p>Outlook</p><![endif]-->" in html


def test_what_shows_everywhere_but_in_outlook_is_kept():
    html = to_html(
        document("<mj-raw><!--[if !mso]><!--><p>Elsewhere</p><!--<![endif]--></mj-raw><mj-text>Hi</mj-text>")
    )
    assert "<p>Elsewhere</p>" in html
    assert "Hi" in html


def test_spaces_between_elements_of_the_head_do_no_harm():
    assert "Hi" in to_html(
        document("<mj-text>Hi</mj-text>", "  <mj-title>T</mj-title>   <mj-style>a{}</mj-style>  ")
    )


def test_escaped_text_stays_escaped():
    html = to_html(document("<mj-text>&lt;script&gt; &amp;lt;</mj-text>"))
    assert "&lt;script&gt;" in html
    assert "<script" not in html


def test_files_cannot_be_included():
    with pytest.raises(MjmlError):
        to_html(document('<mj-include path="/etc/hostname" />'))


@pytest.mark.parametrize(
    "body", ["<mj-text><p>open</mj-text>", "<mj-text>1 < 2</mj-text>", "<mj-text>\x00</mj-text>"]
)
def test_what_is_not_well_formed_is_refused_in_words(body):
    with pytest.raises(MjmlError, match="MJML is not valid"):
        to_html(document(body))


def test_an_address_to_be_filled_in_is_left_as_it_is():
    html = to_html(document('<mj-text><a href="slot-abc-unsubscribe-url-end">x</a></mj-text>'))
    assert 'href="slot-abc-unsubscribe-url-end"' in html
