"""What MJML and the HTML inside it consist of: elements, their attributes, and where each may stand."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_PADDING = "padding padding-top padding-bottom padding-left padding-right"
_FONT = "font-family font-size font-style font-weight letter-spacing line-height text-decoration text-transform color"
_BOX = "border border-top border-bottom border-left border-right border-radius"
_BACKGROUND = "background-color background-url background-size background-repeat background-position"
_POSITIONS = "background-position-x background-position-y"


def _words(*parts: str) -> frozenset[str]:
    return frozenset(" ".join(parts).split())


EVERYWHERE = _words("css-class mj-class")
ATTRIBUTES: dict[str, frozenset[str]] = {
    "mjml": _words("lang dir owa"),
    "mj-head": _words(""),
    "mj-body": _words("width background-color"),
    "mj-title": _words(""),
    "mj-preview": _words(""),
    "mj-style": _words("inline"),
    "mj-raw": _words("position"),
    "mj-font": _words("name href"),
    "mj-breakpoint": _words("width"),
    "mj-attributes": _words(""),
    "mj-all": _words(""),
    "mj-class": _words("name"),
    "mj-wrapper": _words(
        _PADDING, _BOX, _BACKGROUND, _POSITIONS, "full-width text-align direction text-padding"
    ),
    "mj-section": _words(
        _PADDING, _BOX, _BACKGROUND, _POSITIONS, "full-width text-align direction text-padding"
    ),
    "mj-group": _words("background-color direction vertical-align width"),
    "mj-column": _words(
        _PADDING,
        _BOX,
        "background-color direction inner-background-color inner-border inner-border-top inner-border-bottom",
        "inner-border-left inner-border-right inner-border-radius vertical-align width",
    ),
    "mj-text": _words(_PADDING, _FONT, "align container-background-color height vertical-align"),
    "mj-image": _words(
        _PADDING,
        _BOX,
        "align alt container-background-color fluid-on-mobile font-size full-width height href max-height name rel",
        "src srcset sizes target title usemap width",
    ),
    "mj-button": _words(
        _PADDING,
        _BOX,
        _FONT,
        "align background-color container-background-color height href inner-padding name rel target text-align title",
        "vertical-align width",
    ),
    "mj-divider": _words(
        _PADDING, "align border-color border-style border-width container-background-color width"
    ),
    "mj-spacer": _words(_PADDING, "container-background-color height"),
    "mj-table": _words(
        _PADDING,
        _FONT,
        "align border cellpadding cellspacing container-background-color role table-layout width",
    ),
    "mj-social": _words(
        _PADDING,
        _FONT,
        "align border-radius container-background-color icon-height icon-padding icon-size inner-padding mode",
        "table-layout text-padding vertical-align",
    ),
    "mj-social-element": _words(
        _PADDING,
        _FONT,
        "align alt background-color border-radius href icon-height icon-padding icon-position icon-size name rel src",
        "srcset sizes target text-padding title vertical-align",
    ),
    "mj-hero": _words(
        _PADDING,
        _BACKGROUND,
        _POSITIONS,
        "background-height background-width border-radius container-background-color height inner-background-color",
        "inner-padding mode vertical-align width",
    ),
}
ANY: frozenset[str] = frozenset().union(*ATTRIBUTES.values())
_LEAVES = ("mj-text", "mj-image", "mj-button", "mj-divider", "mj-spacer", "mj-table", "mj-social")
_IN_BODY = frozenset({"mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-hero"})
PARENTS: dict[str, frozenset[str]] = {
    "mjml": frozenset({""}),
    "mj-head": frozenset({"mjml"}),
    "mj-body": frozenset({"mjml"}),
    **dict.fromkeys(
        ("mj-title", "mj-preview", "mj-style", "mj-font", "mj-breakpoint", "mj-attributes"),
        frozenset({"mj-head"}),
    ),
    "mj-raw": _IN_BODY | {"mj-head"},
    "mj-all": frozenset({"mj-attributes"}),
    "mj-class": frozenset({"mj-attributes"}),
    "mj-wrapper": frozenset({"mj-body", "mj-attributes"}),
    "mj-section": frozenset({"mj-body", "mj-wrapper", "mj-attributes"}),
    "mj-hero": frozenset({"mj-body", "mj-wrapper", "mj-attributes"}),
    "mj-group": frozenset({"mj-section", "mj-attributes"}),
    "mj-column": frozenset({"mj-section", "mj-group", "mj-attributes"}),
    **dict.fromkeys(_LEAVES, frozenset({"mj-column", "mj-hero", "mj-attributes"})),
    "mj-social-element": frozenset({"mj-social", "mj-attributes"}),
}
TEXTUAL = frozenset({"mj-text", "mj-raw", "mj-table", "mj-button", "mj-title", "mj-preview", "mj-style"})
REFUSED = {
    "mj-include": "<mj-include> reads files past the templates folders; use {% include %} instead.",
    "mj-accordion": "<mj-accordion> needs styles that most mail programs remove; write out what it holds.",
    "mj-carousel": "<mj-carousel> needs styles that most mail programs remove; write out what it holds.",
    "mj-navbar": "<mj-navbar> needs styles that most mail programs remove; put links in <mj-text>.",
    "mj-html-attributes": "<mj-html-attributes> is not read; write attributes on the elements.",
}
VOID = frozenset({"area", "br", "col", "hr", "img", "meta", "wbr"})
HTML = VOID | _words(
    "a abbr address b bdi bdo blockquote caption center cite code colgroup dd del dfn div dl dt em figcaption figure",
    "h1 h2 h3 h4 h5 h6 i ins kbd li mark ol p pre q s samp small span strong style sub sup table tbody td tfoot th",
    "thead time title tr u ul var",
)


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that refuses `name`: a suggestion when a known one is close."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else "."
