"""An approved edition cut into its pieces, and a reader's own copy put together from those they chose.

A copy only keeps or leaves out whole pieces; what is kept is byte for byte what was approved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser

from digest.editions.model import Item, ItemKind
from digest.messages import marks
from digest.messages.model import Piece, Rendered, Sections, Span
from digest.messages.placing import Plan

_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "meta", "wbr"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What a copy takes in from an edition that its reader missed: of `rendered` the pieces `kept`, by number.

    With none kept only its heading stands there, which leads to the edition in the archive.
    """

    rendered: Rendered
    kept: frozenset[int] = frozenset()


def sections_of(html: marks.Marked, text: marks.Marked, chosen: Plan, *, template: str) -> Sections:
    """How the two parts of a mail, printed from `chosen`, may be cut; raises `MarksError` where they may not.

    An item that stands in one part without marks is in every copy, so it is no piece.
    """
    pieces = [
        _piece(item, html.leaves.get(name), text.leaves.get(name))
        for number, item in enumerate(chosen.items)
        if (name := f"item-{number}") in html.leaves and name in text.leaves
    ]
    uncut = len(chosen.items) - len(pieces)
    for count, event in ((marks.STORIES, False), (marks.DATES, True)):
        spans = html.leaves.get(f"count-{count}", ()), text.leaves.get(f"count-{count}", ())
        if any(spans):
            pieces.append(Piece(html=spans[0], text=spans[1], event=event, news=False))
    for start, end in (*html.parts, *(span for spans in html.leaves.values() for span in spans)):
        _require_whole(html.page[start:end])
    _require_whole(html.earlier)
    both = html.joint is not None and text.joint is not None
    return Sections(
        pieces=tuple(pieces),
        html_parts=html.parts,
        text_parts=text.parts,
        earlier_html=html.earlier if both else "",
        earlier_text=text.earlier if both else "",
        joint=(html.joint or 0, text.joint or 0) if both else None,
        template=template,
        uncut=uncut,
    )


def assembled(rendered: Rendered, kept: frozenset[int], earlier: Sequence[Earlier] = ()) -> Rendered:
    """A copy of `rendered` with the pieces `kept`, by number, and what it takes in from `earlier` editions.

    A part goes with the last piece in it. The whole edition, with nothing earlier, comes back as it was approved.
    """
    sections = rendered.sections
    if not earlier and len(kept) == len(sections.pieces):
        return rendered
    html = _cut(rendered.html, _without(rendered, kept, html=True))
    text = _cut(rendered.text, _without(rendered, kept, html=False))
    if earlier and sections.joint is not None:
        html = _joined(rendered, html, earlier, at=sections.joint[0], kept=kept, html=True)
        text = _joined(rendered, text, earlier, at=sections.joint[1], kept=kept, html=False)
    return replace(rendered, html=html, text=text, sections=Sections())


def _piece(item: Item, html: tuple[Span, ...] | None, text: tuple[Span, ...] | None) -> Piece:
    return Piece(
        html=html or (),
        text=text or (),
        post_id=item.post_id,
        topics=item.topics,
        event=item.kind is not ItemKind.POST,
        news=not item.repeat,
    )


def _without(rendered: Rendered, kept: frozenset[int], *, html: bool) -> list[Span]:
    """The stretches that a copy with these pieces leaves out."""
    pieces = rendered.sections.pieces
    spans = [p.html if html else p.text for p in pieces]
    stay = [span for number in kept for span in spans[number]]
    gone = [span for number, its in enumerate(spans) if number not in kept for span in its]
    parts = rendered.sections.html_parts if html else rendered.sections.text_parts
    gone += [part for part in parts if _holds(part, gone) and not _holds(part, stay)]
    return gone


def _holds(part: Span, spans: Iterable[Span]) -> bool:
    return any(part[0] <= start and end <= part[1] for start, end in spans)


def _cut(page: str, gone: Iterable[Span], *, start: int = 0, end: int | None = None) -> str:
    """The page from `start` to `end` without the stretches that are gone."""
    end = len(page) if end is None else end
    out, at = [], start
    for first, last in sorted(gone):
        if last <= at or first >= end:
            continue
        out.append(page[at : max(first, at)])
        at = last
    out.append(page[at:end] if at < end else "")
    return "".join(out)


def _joined(
    rendered: Rendered, cut: str, earlier: Sequence[Earlier], *, at: int, kept: frozenset[int], html: bool
) -> str:
    """The cut page with what it takes in put in its place."""
    page = rendered.html if html else rendered.text
    head = len(_cut(page, _without(rendered, kept, html=html), end=at))
    return cut[:head] + "".join(_brought(rendered, one, html=html) for one in earlier) + cut[head:]


def _brought(rendered: Rendered, one: Earlier, *, html: bool) -> str:
    """One earlier edition's heading and the outermost stretches that hold its kept pieces, with our own slots."""
    sections = one.rendered.sections
    page = one.rendered.html if html else one.rendered.text
    told = sections.earlier_html if html else sections.earlier_text
    gone = _without(one.rendered, one.kept, html=html)
    stay = [span for n in one.kept for span in (sections.pieces[n].html if html else sections.pieces[n].text)]
    parts = [p for p in (sections.html_parts if html else sections.text_parts) if _holds(p, stay)]
    whole = sorted({*stay, *parts})
    outermost = [a for a in whole if not any(b != a and b[0] <= a[0] and a[1] <= b[1] for b in whole)]
    brought = told + "".join(_cut(page, gone, start=start, end=end) for start, end in outermost)
    return brought.replace(one.rendered.nonce, rendered.nonce)


def _require_whole(fragment: str) -> None:
    """Raise `MarksError` unless every element that begins in the fragment ends in it, and the other way round."""
    reader = _Balance()
    reader.feed(fragment)
    reader.close()
    if reader.torn or reader.open:
        name = reader.torn or reader.open[-1]
        raise marks.MarksError(
            f"The marks of a template cut a <{name}> in two; begin and end must stand around whole elements."
        )


class _Balance(HTMLParser):
    """Which elements are open at the end, and the first that was closed without being opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.torn = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        if not self.open or self.open[-1] != tag:
            self.torn = self.torn or tag
        else:
            self.open.pop()
