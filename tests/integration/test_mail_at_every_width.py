"""Every template in every state at the widths of phones and desks, in a real browser: nothing scrolls sideways, is clipped or too small.

Each is looked at as it is, without its `<style>` blocks as some mail programs show it, and with pictures that do not load.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from selectolax.lexbor import LexborHTMLParser

from digest.editions.model import Content
from digest.messages import samples
from digest.messages.check import edition_names
from digest.messages.model import SlotName
from digest.messages.render import filled, render
from digest.messages.showcase import showcase
from digest.posts.model import CallToAction, Event
from digest.templating import Templates
from tests.browser import nothing, pictures

TEMPLATES = Templates()
LOOKS = edition_names(TEMPLATES)
WIDTHS = (320, 360, 600, 1280)
VALUES = {
    SlotName.UNSUBSCRIBE_URL: "https://news.example.org/u/" + "a" * 60,
    SlotName.PREFERENCES_URL: "https://news.example.org/p/" + "a" * 60,
    SlotName.SIGNED_UP: "3 March 2026",
}
WAYS = ("as it is", "without styles", "without pictures")
MEASURE = """(() => {
  const smallestText = 13, smallestButton = 44;
  const wide = document.documentElement.clientWidth, found = [], root = document.documentElement;
  const seen = e => e.checkVisibility({visibilityProperty: true, opacityProperty: true});
  const name = e => `<${e.tagName.toLowerCase()}${e.className ? ` class="${e.className}"` : ""}> ` +
    `"${(e.innerText || e.alt || "").trim().slice(0, 40)}"`;
  const tell = (what, e) => found.push(`${what}: ${name(e)}`);
  if (root.scrollWidth > wide || document.body.scrollWidth > wide)
    found.push(`scrolls sideways: ${Math.max(root.scrollWidth, document.body.scrollWidth)} px`);
  for (const e of document.body.querySelectorAll("*")) {
    if (!seen(e)) continue;
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (box.width > 0 && box.height > 0 && (box.right > wide + 0.5 || box.left < -0.5))
      tell(`reaches from ${box.left} to ${box.right}`, e);
    const clips = style.overflowX !== "visible" && style.maxHeight !== "0px";
    if (clips && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)) tell("is clipped", e);
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, size = parseFloat(getComputedStyle(e).fontSize);
    if (!walker.currentNode.data.trim() || !seen(e)) continue;
    if (size > 1 && size < smallestText) tell(`has letters of ${size} px`, e);
  }
  const ground = e => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor; if (c !== "rgba(0, 0, 0, 0)") return c; } return "none"; };
  const alone = a => a.closest("td").innerText.trim() === a.innerText.trim() && a.innerText.trim();
  let buttons = 0;
  for (const a of document.querySelectorAll("a[href]")) {
    if (!seen(a)) continue;
    const boxes = [...a.getClientRects()], td = a.closest("td");
    if (!boxes.some(b => b.width >= 8 && b.height >= 8)) tell("has no size", a);
    const cell = td && td.getBoundingClientRect();
    if (!td || !alone(a) || getComputedStyle(a).display === "inline") continue;
    const edged = parseFloat(getComputedStyle(td).borderTopWidth) > 0;
    if (!edged && ground(td) === ground(td.closest("table").parentElement)) continue;
    buttons += 1;
    const height = a.getBoundingClientRect().height;
    if (height < smallestButton || cell.width < smallestButton) tell(`is a button of ${cell.width} by ${height}`, a);
  }
  return {found, buttons, text: document.body.innerText.length};
})()"""


WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
ADDRESS = "https://www.example.org/" + "a-very-long-way-without-a-break" * 4


def states(look: str) -> dict[str, Content]:
    """Every state of a template, and one of words that no narrow column has room for."""
    usual = samples.usual(look)
    items = tuple(
        replace(
            item,
            title=f"{WORD} {ADDRESS}",
            excerpt=f"{ADDRESS} {WORD}",
            event=strained(item.event),
            topics=(WORD,),
        )
        for item in usual.items
    )
    words = replace(
        usual,
        items=items,
        publication_name=WORD,
        intro=f"{WORD} <{ADDRESS}>",
        postal_address=f"1 {WORD}",
        tagline=WORD,
    )
    return {sample.name: sample.content for sample in showcase(look)} | {"long words": words}


def strained(event: Event | None) -> Event | None:
    if event is None:
        return None
    label = CallToAction(label=WORD, url=f"{ADDRESS}/register")
    return replace(event, title=WORD, place=f"{WORD} {ADDRESS}", cta=label)


def without_styles(html: str) -> str:
    page = LexborHTMLParser(html)
    assert page.css("style")
    page.strip_tags(["style"])
    return page.html or ""


def shown(page, html: str, way: str) -> None:
    changed = without_styles(html) if way == "without styles" else html
    page.show(changed, answer=nothing if way == "without pictures" else pictures, width=WIDTHS[0])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("look", LOOKS)
def test_nothing_scrolls_sideways_is_clipped_or_too_small(page, look, way):
    wrong = []
    for state, content in states(look).items():
        html, _ = filled(render(content, TEMPLATES, nonce="nonce0nonce0nonce0"), VALUES)
        shown(page, html, way)
        for width in WIDTHS:
            page.resize(width)
            told = page.run(MEASURE)
            assert told["text"] > 200
            wrong += [f"{state}, {width} px wide: {what}" for what in told["found"]]
    assert wrong == []


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ('<p style="width:700px">wide</p>', "scrolls sideways"),
        ('<p style="margin-left:-20px">left</p>', "reaches from"),
        (
            '<p style="overflow:hidden;width:60px;white-space:nowrap">much more than there is room for</p>',
            "is clipped",
        ),
        ('<p style="font-size:12px">small</p>', "letters of 12 px"),
        ('<p>x <a href="/x"></a></p>', "has no size"),
        (
            '<table style="background:#fff"><tr><td style="background:#060"><a style="display:block" href="/x">go</a></td></tr></table>',
            "is a button of",
        ),
    ],
)
def test_the_measure_finds_what_is_wrong(page, markup, said):
    page.show(f'<!doctype html><html lang="en"><body>{markup}</body></html>', width=600)
    assert any(said in what for what in page.run(MEASURE)["found"])


def test_the_measure_knows_a_button(page):
    html, _ = filled(render(samples.usual("weekly"), TEMPLATES, nonce="nonce0nonce0nonce0"), VALUES)
    for way in WAYS:
        shown(page, html, way)
        assert page.run(MEASURE)["buttons"] == 3, "Register, Join online, and Details and registration"


def test_the_measure_lets_a_good_page_be(page):
    page.show(
        '<!doctype html><html lang="en"><body><p>Well <a href="/x">and good</a></p></body></html>', width=320
    )
    assert page.run(MEASURE)["found"] == []
