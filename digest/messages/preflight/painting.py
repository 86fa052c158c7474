"""The words of a page with the colours that a reader sees them in: inherited, seen through, and hidden or not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.messages.preflight import colours
from digest.messages.preflight.css import declarations

_NOT_SHOWN = frozenset({"head", "style", "script", "title", "template", "noscript"})
_BOLD_TAGS = frozenset({"b", "strong", "h1", "h2", "h3", "h4", "h5", "h6", "th"})
_TAG_SIZES = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h5": 0.83, "h6": 0.67, "small": 0.83}
_NAMED_SIZES = {
    "xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0, "xx-large": 32.0,
}  # fmt: skip
_SIZE = re.compile(r"(\d*\.?\d+)(px|pt|em|rem|%)")
_INHERITED = frozenset({"inherit", "currentcolor", "unset"})
_LARGE, _LARGE_BOLD = 24.0, 18.66
_LONGEST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """What a mail program starts from: its own colours of text, page and links."""

    ink: str
    ground: str
    link: str


LIGHT = Canvas(ink="#000000", ground="#ffffff", link="#0000ee")
DARK = Canvas(ink="#ffffff", ground="#121212", link="#9e9eff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted:
    """A piece of text, opaque colours of it and of what it stands on, and whether it counts as large.

    `unknown` is a colour that could not be read, empty where all could.
    """

    words: str
    ink: str
    ground: str
    is_large: bool
    unknown: str = ""

    def turned(self) -> Painted:
        """The same where the lightness of every colour is turned round; links without one get the program's own."""
        ink = DARK.link if self.ink == LIGHT.link else colours.turned(self.ink)
        return replace(self, ink=ink, ground=colours.turned(self.ground))


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What an element hands down to what stands in it."""

    ink: str
    ground: str
    size: float = 16.0
    bold: bool = False
    unknown: str = ""


class _Look(NamedTuple):
    """What decides how an element looks, its surroundings aside."""

    tag: str
    style: str
    bgcolor: str
    is_link: bool


def painted(page: LexborHTMLParser, canvas: Canvas) -> tuple[Painted, ...]:
    """Every piece of text that is shown, and the words that stand for a picture, in the order of the page."""
    said: list[Painted] = []
    states: dict[tuple[_Look, _State], _State | None] = {}
    root = page.css_first("html")
    waiting: list[tuple[LexborNode, _State]] = []
    if root is not None:
        waiting.append((root, _State(ink=canvas.ink, ground=canvas.ground)))
    while waiting:
        node, above = waiting.pop()
        if node.is_text_node:
            _say(said, node.text_content or "", above)
            continue
        if not node.is_element_node or node.tag in _NOT_SHOWN:
            continue
        attributes = node.attributes
        look = _Look(
            str(node.tag),
            attributes.get("style") or "",
            (attributes.get("bgcolor") or "").lower(),
            "href" in attributes,
        )
        # Most elements of a mail look like one before them.
        if (look, above) not in states:
            states[look, above] = _state(look, above, canvas)
        state = states[look, above]
        if state is None:
            continue
        if node.tag == "img":
            _say(said, attributes.get("alt") or "", state)
        waiting.extend((child, state) for child in reversed(list(node.iter(include_text=True))))
    return tuple(said)


def _say(said: list[Painted], text: str, state: _State) -> None:
    words = " ".join(text.split())
    if any(character.isalnum() for character in words):
        large = state.size >= _LARGE or (state.bold and state.size >= _LARGE_BOLD)
        said.append(
            Painted(
                words=words[:_LONGEST],
                ink=state.ink,
                ground=state.ground,
                is_large=large,
                unknown=state.unknown,
            )
        )


def _state(look: _Look, above: _State, canvas: Canvas) -> _State | None:
    """What holds inside an element; None where a reader does not see it."""
    tag, style = look.tag, declarations(look.style)
    if not style and not look.bgcolor and tag not in _BOLD_TAGS and tag not in _TAG_SIZES and tag != "a":
        return above
    size = _size(tag, style, above)
    if _is_hidden(style, size):
        return None
    ground, odd_ground = _ground(look.bgcolor, style, above)
    own = style.get("color", "")
    if not own and tag == "a" and look.is_link:
        own = canvas.link
    ink, odd_ink = above.ink, ""
    if own and own not in _INHERITED:
        known = colours.colour(own)
        ink, odd_ink = (colours.over(known, ground), "") if known else (above.ink, own)
    inherited = above.unknown if not odd_ground and ground == above.ground else ""
    return _State(
        ink=ink,
        ground=ground,
        size=size or above.size,
        bold=_bold(tag, style, above),
        unknown=odd_ink or odd_ground or inherited,
    )


def _ground(bgcolor: str, style: Mapping[str, str], above: _State) -> tuple[str, str]:
    """What text stands on, and a colour in the way that cannot be read; the last declaration wins."""
    ground, odd = above.ground, ""
    asked = [bgcolor]
    asked += [value for name, value in style.items() if name in {"background", "background-color"}]
    chosen = [value for value in asked if value]
    if not chosen or chosen[-1] in _INHERITED:
        return ground, odd
    value = chosen[-1]
    if value in {"none", "initial", "0", "0 0"}:
        return ground, odd
    known = colours.colour(value)
    if known is None and not value.startswith(("linear-", "radial-", "conic-", "var(")):
        # The shorthand: its colour is one word among others.
        known = next((one for one in map(colours.colour, value.split()) if one), None)
    return (colours.over(known, ground), "") if known else (ground, value)


def _is_hidden(style: Mapping[str, str], size: float) -> bool:
    return (
        style.get("display") == "none"
        or style.get("visibility") == "hidden"
        or style.get("opacity") in {"0", "0.0"}
        or (style.get("max-height") in {"0", "0px"} and style.get("overflow") == "hidden")
        or (0 < size <= 1)
    )


def _size(tag: str, style: Mapping[str, str], above: _State) -> float:
    """The size of text in pixels; 0 is a size of MJML's, for the gaps between blocks, and holds no text."""
    words = style.get("font-size", "")
    if not words and "font" in style:
        words = next((part.split("/")[0] for part in style["font"].split() if _SIZE.match(part)), "")
    if words in _NAMED_SIZES:
        return _NAMED_SIZES[words]
    match = _SIZE.fullmatch(words)
    if not match:
        return 0.0 if words in {"0", "0px"} else above.size * _TAG_SIZES.get(tag, 1.0)
    number, unit = float(match[1]), match[2]
    scale = {"px": 1.0, "pt": 4 / 3, "em": above.size, "rem": 16.0, "%": above.size / 100}[unit]
    return number * scale


def _bold(tag: str, style: Mapping[str, str], above: _State) -> bool:
    weight = style.get("font-weight", "")
    if not weight:
        return tag in _BOLD_TAGS or above.bold or "bold" in style.get("font", "").split()
    return weight in {"bold", "bolder"} or (weight.isdigit() and int(weight) >= 700)
