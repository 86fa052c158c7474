"""Every template in every state, in a real browser: nothing that the rules of axe-core call serious stands in a reader's way."""

from __future__ import annotations

import re

import pytest
from selectolax.lexbor import LexborHTMLParser

from digest.messages.check import edition_names
from digest.messages.model import Rendered, SlotName
from digest.messages.placing import plan
from digest.messages.render import PROOF_PREFIX, filled, render
from digest.messages.showcase import Sample, showcase
from digest.templating import Templates
from tests.axe import barriers
from tests.browser import pictures

TEMPLATES = Templates()
LOOKS = edition_names(TEMPLATES)
STATES = [(look, sample.name) for look in LOOKS for sample in showcase(look)]
VALUES = {
    SlotName.UNSUBSCRIBE_URL: "https://news.example.org/u/abc",
    SlotName.PREFERENCES_URL: "https://news.example.org/p/abc",
    SlotName.SIGNED_UP: "3 March 2026",
}
# Moderate findings that we live with, and why.
ACCEPTED = {
    "landmark-one-main": "A mail is shown inside a page of the mail program, which has that landmark; ours would be a second.",
    "region": "The same: mail programs drop or ignore landmarks of a mail. It is one article, and headings lead through it.",
}


def sample_of(look: str, state: str) -> Sample:
    return next(sample for sample in showcase(look) if sample.name == state)


def rendered_of(look: str, state: str) -> Rendered:
    return render(sample_of(look, state).content, TEMPLATES, nonce="nonce0nonce0nonce0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("look", LOOKS)
def test_nothing_stands_in_the_way_of_any_reader(page, look, scheme):
    found = []
    for sample in showcase(look):
        html, _ = filled(rendered_of(look, sample.name), VALUES)
        width = 680 if scheme == "light" else 360
        page.show(html, answer=pictures, dark=scheme == "dark", width=width)
        assert page.run("matchMedia('(prefers-color-scheme: dark)').matches") is (scheme == "dark")
        found += [(sample.name, one) for one in barriers(page) if one.rule not in ACCEPTED]
    assert found == [], "what is minor or moderate may be accepted above, with a reason"


def test_the_rules_really_judge(page):
    page.show(
        '<!doctype html><html><title>x</title><body style="background:#fff"><h1>Faint</h1>'
        '<img src="https://www.example.org/x.png"><p style="color:#ccc">Hardly to be seen</p><a href="/x"></a>'
    )
    found = barriers(page)
    assert {one.rule for one in found if one.impact in {"serious", "critical"}} >= {
        "color-contrast",
        "html-has-lang",
        "image-alt",
        "link-name",
    }
    page.show('<!doctype html><html lang="en"><title>x</title><body><main><h1>Well</h1><p>Here.</p></main>')
    assert barriers(page) == []


@pytest.mark.parametrize(("look", "state"), STATES)
def test_a_mail_is_named_after_its_subject(look, state):
    rendered = rendered_of(look, state)
    page = LexborHTMLParser(rendered.html)
    (article,) = page.css("[role=article]")
    subject = rendered.subject.removeprefix(f"{PROOF_PREFIX} ")
    assert page.css_first("title").text() == subject
    assert article.attributes["aria-label"] == subject
    assert article.attributes["aria-roledescription"] == "email"


@pytest.mark.parametrize(("look", "state"), STATES)
def test_both_parts_tell_in_the_same_order(look, state):
    rendered = rendered_of(look, state)
    page = LexborHTMLParser(rendered.html)
    told = [" ".join(node.text().split()) for node in page.css("h2, h3, a")]
    titles = {item.title for item in plan(sample_of(look, state).content).items}
    on_page = list(dict.fromkeys(title for title in told if title in titles))
    text = " ".join(rendered.text.split())
    places = [text.find(" ".join(title.split())) for title in on_page]
    assert on_page
    assert -1 not in places
    assert places == sorted(places)


SHAPES = """(() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), told = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    told.push({text: text.slice(0, 60), length: text.length, size: parseFloat(style.fontSize),
      line: parseFloat(style.lineHeight) / parseFloat(style.fontSize), align: style.textAlign,
      start: getComputedStyle(document.body).direction});
  }
  return told;
})()"""
LINKS = """(() => [...document.querySelectorAll("a[href]")].filter(a => a.checkVisibility() && a.innerText.trim()).map(a => {
  const ruled = s => parseFloat(s.borderBottomWidth) > 0 && s.borderBottomStyle !== "none";
  const ground = e => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor; if (c !== "rgba(0, 0, 0, 0)") return c; } return "none"; };
  const lined = [a, ...a.querySelectorAll("*")].map(e => getComputedStyle(e))
    .some(s => s.textDecorationLine.includes("underline") || ruled(s));
  const box = a.closest("td"), around = box.closest("table").parentElement;
  const alone = box.innerText.trim() === a.innerText.trim();
  return {text: a.innerText.trim(), url: a.href,
    known: lined || (alone && (ruled(getComputedStyle(box)) || ground(box) !== ground(around)))};
}))()"""


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_read_is_set_to_be_read(page, look):
    for sample in showcase(look):
        page.show(rendered_of(look, sample.name).html, answer=pictures, width=360)
        shapes = page.run(SHAPES)
        running = [shape for shape in shapes if shape["length"] > 80]
        assert shapes
        assert [s for s in running if s["size"] < 14 or not s["line"] >= 1.4] == []
        assert [s for s in shapes if s["align"] == "justify"] == []


@pytest.mark.parametrize("look", LOOKS)
def test_a_link_is_known_by_more_than_its_colour(page, look):
    for sample in showcase(look):
        page.show(rendered_of(look, sample.name).html, answer=pictures, width=680)
        links = page.run(LINKS)
        known = {link["url"] for link in links if link["known"]}
        assert known
        # A title may look like one where another link to its page follows.
        assert [link["text"] for link in links if link["url"] not in known] == []


def test_every_accepted_finding_has_a_reason_and_still_occurs(page):
    page.show(rendered_of(LOOKS[0], "usual").html, answer=pictures)
    assert {one.rule for one in barriers(page)} == set(ACCEPTED)
    assert all(re.fullmatch(r"[A-Z].{30,}\.", reason) for reason in ACCEPTED.values())
