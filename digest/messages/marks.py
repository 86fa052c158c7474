"""Marks that templates put around what may be left out of a reader's copy, and how a page is read by them.

They are words made with the render's nonce, so that no post can write one, and are gone from what is approved: only
the places where they stood are kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from markupsafe import Markup

from digest.messages.model import Span
from digest.templating import TemplateFault

STORIES, DATES = "stories", "dates"


class MarksError(TemplateFault):
    """The marks of a template do not stand in pairs, so what it prints cannot be cut; mend the template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A page without its marks: where each item and count (by name) and each part stood, and what was set aside.

    `earlier` is the text between the marks of that name, no longer in `page`; `joint` is where it stood.
    """

    page: str
    leaves: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    parts: tuple[Span, ...] = ()
    earlier: str = ""
    joint: int | None = None


def item_marks(nonce: str, number: int) -> tuple[Markup, Markup]:
    """Around the item of this number, wherever it is printed."""
    return _marks(nonce, "item", str(number))


def count_marks(nonce: str, name: str) -> tuple[Markup, Markup]:
    """Around a line that counts the `STORIES` or the `DATES` left to the site."""
    return _marks(nonce, "count", name)


def part_marks(nonce: str) -> tuple[Markup, Markup]:
    """Around what only makes sense with an item in it, such as a heading and the items below."""
    return _marks(nonce, "part", "any")


def earlier_marks(nonce: str) -> tuple[Markup, Markup]:
    """Around what stands over this edition's items in a later mail."""
    return _marks(nonce, "earlier", "any")


def pattern(nonce: str) -> re.Pattern[str]:
    """What every mark of this render looks like."""
    return re.compile(rf"(item|count|part|earlier)-{re.escape(nonce)}-([a-z0-9]+)-(begin|end)")


def read(marked: str, nonce: str) -> Marked:
    """The page without its marks, and where they stood; raises `MarksError` where they do not match.

    A mark may stand in a comment of its own, which goes with it.
    """
    out: list[str] = []
    aside: list[str] = []
    opened: list[tuple[str, str, int]] = []
    leaves: dict[str, tuple[Span, ...]] = {}
    parts: list[Span] = []
    joint: int | None = None
    length = last = 0
    for mark in re.finditer(f"<!--(?:{pattern(nonce).pattern})-->|{pattern(nonce).pattern}", marked):
        kind, name, edge = (mark[1], mark[2], mark[3]) if mark[1] else (mark[4], mark[5], mark[6])
        text, last = marked[last : mark.start()], mark.end()
        if opened and opened[-1][0] == "earlier":
            aside.append(text)
        else:
            out.append(text)
            length += len(text)
        if edge == "begin":
            if opened and (opened[-1][0] != "part" or kind == "earlier"):
                raise MarksError(f"The marks of {_said(kind)} begin inside {_said(opened[-1][0])}.")
            opened.append((kind, name, length))
            continue
        if not opened or opened[-1][:2] != (kind, name):
            raise MarksError(
                f"The marks of {_said(kind)} do not match; begin and end must stand around the same whole lines."
            )
        start = opened.pop()[2]
        if kind == "earlier":
            joint = length
        elif kind == "part":
            parts.append((start, length))
        else:
            leaves[f"{kind}-{name}"] = (*leaves.get(f"{kind}-{name}", ()), (start, length))
    if opened:
        raise MarksError(f"The marks of {_said(opened[-1][0])} begin and never end.")
    out.append(marked[last:])
    return Marked(page="".join(out), leaves=leaves, parts=tuple(parts), earlier="".join(aside), joint=joint)


def _marks(nonce: str, kind: str, name: str) -> tuple[Markup, Markup]:
    begin, end = (Markup(f"{kind}-{nonce}-{name}-{edge}") for edge in ("begin", "end"))  # noqa: S704  our own words
    return begin, end


def _said(kind: str) -> str:
    return {"item": "an item", "count": "a line that counts", "part": "a part"}.get(kind, "slots.earlier")
