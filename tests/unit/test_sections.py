"""A reader's own copy is cut from what was approved: whole pieces, kept as they are or left out."""

import os
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from digest.editions.model import ItemKind
from digest.messages import marks, samples
from digest.messages.model import SlotName
from digest.messages.render import MOST_BYTES, filled, render, web_copy
from digest.messages.sections import Earlier, assembled
from digest.templating import TemplateFault, Templates
from tests.factories import NOW
from tests.mailing import compile_edition, sender

FOLDER = Path(__file__).parent.parent / "golden"
NONCE, OLD = "golden0golden0golden", "older0older0older000"
LOOKS = ("weekly", "letter", "bulletin")
TEXT_NUMBERS = st.frozensets(st.integers(0, 12), max_size=13)


@cache
def approved(look, nonce=NONCE):
    return render(samples.usual(look), Templates(), nonce=nonce)


def pieces(rendered, part):
    page = getattr(rendered, part)
    return [[page[a:b] for a, b in getattr(p, part)] for p in rendered.sections.pieces]


@pytest.mark.parametrize("look", LOOKS)
def test_somebody_who_chose_everything_gets_what_was_approved_byte_for_byte(look):
    rendered = approved(look)
    everything = frozenset(range(len(rendered.sections.pieces)))
    assert assembled(rendered, everything) is rendered


@pytest.mark.parametrize("look", LOOKS)
def test_every_printed_item_is_a_piece_in_both_parts(look):
    rendered = approved(look)
    assert rendered.sections.uncut == 0
    assert len(rendered.sections.pieces) == len(samples.usual(look).items)
    for piece, html, text in zip(
        rendered.sections.pieces, pieces(rendered, "html"), pieces(rendered, "text"), strict=True
    ):
        item = next(i for i in samples.usual(look).items if i.post_id == piece.post_id)
        assert item.url in "".join(html)
        assert item.url in "".join(text)
        assert (piece.topics, piece.news) == (item.topics, not item.repeat)
        assert piece.event is (item.kind is not ItemKind.POST)


@settings(max_examples=60)
@given(look=st.sampled_from(LOOKS), kept=TEXT_NUMBERS)
def test_a_copy_has_what_is_kept_as_it_was_approved_and_nothing_of_the_rest(look, kept):
    rendered = approved(look)
    copy = assembled(rendered, kept)
    for part in ("html", "text"):
        page = getattr(copy, part)
        for number, fragments in enumerate(pieces(rendered, part)):
            for fragment in fragments:
                assert (fragment in page) is (number in kept), (part, fragment)
    assert (copy.subject, copy.preheader, copy.nonce) == (
        rendered.subject,
        rendered.preheader,
        rendered.nonce,
    )
    for slot in SlotName:
        marker = f"{rendered.nonce}-{slot.value.replace('_', '-')}"
        assert copy.html.count(marker) == rendered.html.count(marker)
        assert copy.text.count(marker) == rendered.text.count(marker)


@settings(max_examples=60)
@given(look=st.sampled_from(LOOKS), kept=TEXT_NUMBERS)
def test_a_heading_goes_with_the_last_item_under_it_and_the_page_stays_whole(look, kept):
    rendered = approved(look)
    copy = assembled(rendered, kept)
    events = {n for n, p in enumerate(rendered.sections.pieces) if p.event}
    assert ("Coming up" in copy.text) is bool(events & kept)
    assert ("Coming up" in copy.html) is bool(events & kept)
    assert ("In brief" in copy.text) is bool({11, 12} & kept)
    assert "\n\n\n" not in copy.text
    # Whatever a parser would have to mend shows as another page when it is written out again.
    assert elements(copy.html) == elements(LexborHTMLParser(copy.html).html)
    assert not LexborHTMLParser(copy.html).css("[role=list]:empty")


@settings(max_examples=60)
@given(look=st.sampled_from(LOOKS), kept=TEXT_NUMBERS, missed=TEXT_NUMBERS)
def test_what_a_reader_missed_stands_under_its_own_heading_as_it_was_approved_then(look, kept, missed):
    rendered, older = approved(look), approved(look, OLD)
    copy = assembled(rendered, kept, [Earlier(rendered=older, kept=missed)])
    assert OLD not in copy.html
    assert OLD not in copy.text
    for part in ("html", "text"):
        page = getattr(copy, part)
        heading = getattr(older.sections, f"earlier_{part}")
        assert page.count(heading) == 1
        ours, theirs = page.split(heading)
        for number, fragments in enumerate(pieces(older, part)):
            for fragment in fragments:
                assert (fragment in theirs) is (number in missed)
                assert (fragment in ours) is (number in kept)
    assert elements(copy.html) == elements(LexborHTMLParser(copy.html).html)
    assert copy.text.index(rendered.sections.earlier_text.strip()) < copy.text.index("No tracking")


@pytest.mark.parametrize("look", LOOKS)
def test_an_approved_edition_shows_no_trace_of_the_marks(look):
    rendered = approved(look)
    for page in (*filled(rendered, dict.fromkeys(SlotName, "x")), web_copy(rendered)):
        assert not marks.pattern(NONCE).search(page)
    assert NONCE not in web_copy(rendered)
    assert len(rendered.html.encode()) < MOST_BYTES


def test_the_fingerprint_covers_how_an_edition_may_be_cut():
    rendered = approved("weekly")
    piece = replace(rendered.sections.pieces[0], topics=("another",))
    other = replace(rendered.sections, pieces=(piece, *rendered.sections.pieces[1:]))
    assert replace(rendered, sections=other).fingerprint != rendered.fingerprint


def test_a_count_of_what_is_on_the_site_is_a_piece_that_is_no_news():
    content = samples.usual("weekly")
    many = [replace(i, post_id=100 + n, position=100 + n) for n in range(60) for i in content.items[-1:]]
    big = [replace(i, title=i.title * 3, url=f"{i.url}?{'x' * 1500}&n={n}") for n, i in enumerate(many)]
    rendered = render(replace(content, items=(*content.items, *big)), Templates(), nonce=NONCE)
    counting = [p for p in rendered.sections.pieces if p.post_id is None]
    assert rendered.more > 0
    assert [(p.news, p.event) for p in counting] == [(False, False)]
    assert f"{rendered.more} more" in rendered.text[slice(*counting[0].text[0])]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<mj-text>{{ lead.begin }}<p>{{ lead.end }}x</p></mj-text>", "cut a <p> in two"),
        ("<mj-text><p>x</p>{{ lead.end }}</mj-text>", "do not match"),
        (
            "<mj-text>{{ lead.begin }}{{ slots.part }}<p>x</p>{{ slots.end_part }}{{ lead.end }}</mj-text>",
            "begin inside",
        ),
    ],
)
def test_marks_that_do_not_stand_around_whole_elements_are_said_to_be_wrong(tmp_path, body, said):
    look = tmp_path / "editions" / "weekly"
    look.mkdir(parents=True)
    (look / "body.mjml").write_text(
        '{% extends "original/editions/weekly/body.mjml" %}\n{% block intro %}\n' + body + "\n{% endblock %}"
    )
    with pytest.raises(TemplateFault, match=said):
        render(samples.usual("weekly"), Templates(tmp_path), nonce=NONCE)


def test_a_mark_that_never_ends_is_said_to_be_wrong():
    begin, end = marks.item_marks(NONCE, 3)
    assert marks.read(f"a{begin}b{end}c", NONCE).leaves == {"item-3": ((1, 2),)}
    with pytest.raises(marks.MarksError, match="begin and never end"):
        marks.read(f"a{begin}b", NONCE)


def test_a_template_without_marks_prints_for_everybody(tmp_path):
    look = tmp_path / "editions" / "weekly"
    look.mkdir(parents=True)
    (look / "body.txt").write_text(
        "{% for item in cards %}\n{{ item.title }}\n{% endfor %}\n{{ slots.unsubscribe_url }}\n"
    )
    rendered = render(samples.usual("weekly"), Templates(tmp_path), nonce=NONCE)
    assert rendered.sections.pieces == ()
    assert rendered.sections.uncut == len(samples.usual("weekly").items)
    assert rendered.sections.joint is None


COPIES = {
    "own-dates-only": (frozenset(range(1, 8)), []),
    "own-catching-up": (frozenset({8, 11}), [frozenset({0, 2}), frozenset()]),
}


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("part", ["html", "txt"])
def test_a_copy_looks_as_it_was_kept(name, part):
    kept, missed = COPIES[name]
    copy = assembled(
        approved("weekly"), kept, [Earlier(rendered=approved("weekly", OLD), kept=one) for one in missed]
    )
    made = re.sub(r">\s*<", ">\n<", copy.html) + "\n" if part == "html" else copy.text
    path = FOLDER / f"{name}.{part}"
    if os.environ.get("DIGEST_GOLDEN") == "write":
        path.write_text(made, encoding="utf-8")
    assert made.split("\n") == path.read_text(encoding="utf-8").split("\n")


def test_a_copy_can_be_mailed():
    copy = assembled(approved("weekly"), frozenset({1}))
    compiled = compile_edition(copy, sender(), edition_key="weekly-1", sent_at=NOW)
    assert any(b"Open day" in piece for piece in compiled.body if isinstance(piece, bytes))


def elements(html):
    """The elements of a page in order, without what a parser adds or writes otherwise."""
    return re.findall(r"</?[a-z0-9]+", re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL))
