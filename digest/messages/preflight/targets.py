"""Buttons: which links are ones, and whether a thumb can hit them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from selectolax.lexbor import LexborNode

from digest.messages.model import Finding
from digest.messages.preflight import colours
from digest.messages.preflight.css import declarations
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail, attribute, is_hidden, name_of

# WCAG 2.2, success criterion 2.5.5, and wire.md M7.
SMALLEST = 44
_PIXELS = re.compile(r"(\d+(?:\.\d+)?)(px|pt)?")
_BLOCKS = frozenset({"block", "inline-block", "table-cell", "flex", "inline-flex"})
_FONT_SIZE, _LINE_HEIGHT = 16.0, 1.2


def findings(mail: Mail) -> Iterator[Finding]:
    """Each button that is too low."""
    small = []
    for link in mail.page.css("a[href]"):
        if is_button(link) and not is_hidden(link):
            height = height_of(link)
            if 0 < height < SMALLEST:
                small.append((height, name_of(link)))
    if small:
        height, name = min(small)
        others = f", and {len(small) - 1} more are too low" if len(small) > 1 else ""
        yield finding("target-small", f"The button “{name}” is {height:.0f} pixels high{others}.", "HTML")


def is_button(link: LexborNode) -> bool:
    """Whether a link looks like a button: a box of its own, filled or with a border, that holds nothing else."""
    style = declarations(attribute(link, "style"))
    if attribute(link, "role") == "button":
        return True
    if style.get("display") not in _BLOCKS and not _box(style):
        return False
    if _has_border(style):
        return True
    own, words = _background(link), link.text(strip=True)
    at = link.parent
    while at is not None and at.is_element_node and at.tag not in {"body", "html"}:
        behind = _background(at)
        if at.text(strip=True) != words:
            return bool(own) and (_behind(at) or "#ffffff") != own
        own = own or behind
        if behind and own and behind != own:
            return True
        at = at.parent
    return False


def height_of(link: LexborNode) -> float:
    """The height of a button in pixels: its line, its padding and that of the cell it fills; 0 where unknown."""
    style = declarations(attribute(link, "style"))
    if attribute(link, "role") == "button" and not style:
        return 0
    size = _pixels(style.get("font-size", "")) or _FONT_SIZE
    spoken = style.get("line-height", "")
    line = _pixels(spoken) if spoken.endswith(("px", "pt")) else size * (_number(spoken) or _LINE_HEIGHT)
    height = line + _vertical(style)
    cell = link.parent
    while cell is not None and cell.tag in {"p", "div", "span", "strong", "b"}:
        cell = cell.parent
    if cell is not None and cell.tag == "td" and cell.text(strip=True) == link.text(strip=True):
        inside = declarations(attribute(cell, "style"))
        height = max(height + _vertical(inside), _pixels(inside.get("height", attribute(cell, "height"))))
    return height


def sides(style: Mapping[str, str], name: str) -> tuple[str, str]:
    """The upper and the lower value of `padding` or `margin`, with the shorthand filled in."""
    words = style.get(name, "").split() or ["0"]
    upper, lower = words[0], words[2] if len(words) > 2 else words[0]
    return style.get(f"{name}-top", upper), style.get(f"{name}-bottom", lower)


def _box(style: Mapping[str, str]) -> bool:
    upper, lower = sides(style, "padding")
    return _pixels(upper) + _pixels(lower) >= 8


def _vertical(style: Mapping[str, str]) -> float:
    return sum(_pixels(side) for side in sides(style, "padding"))


def _has_border(style: Mapping[str, str]) -> bool:
    border = style.get("border", "")
    return bool(border) and border.split()[0] not in {"0", "none", "0px"}


def _background(node: LexborNode) -> str:
    """The colour an element sets behind itself, empty where it sets none."""
    style = declarations(attribute(node, "style"))
    named = style.get("background-color") or style.get("background", "") or attribute(node, "bgcolor").lower()
    known = colours.colour(named)
    return known.shade if known and known.alpha else ""


def _behind(node: LexborNode) -> str:
    """The colour an element stands on."""
    at: LexborNode | None = node
    while at is not None and at.is_element_node:
        if behind := _background(at):
            return behind
        at = at.parent
    return ""


def _pixels(text: str) -> float:
    match = _PIXELS.fullmatch(text.strip())
    if not match:
        return 0
    return float(match[1]) * (4 / 3 if match[2] == "pt" else 1)


def _number(text: str) -> float:
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return 0
