"""Hostile HTML in, safe plain text out: whatever a site published becomes words, bounded in length and in time."""

from __future__ import annotations

import html
import re
from collections import Counter

import nh3

from digest.posts.links import canonical_url, safe_link
from digest.posts.markup import tamed, unmarked
from digest.posts.shortcodes import without_shortcodes

__all__ = [
    "canonical_url",
    "excerpt_text",
    "html_to_text",
    "is_too_deep",
    "safe_link",
    "strip_controls",
    "title_text",
]

LONGEST_HTML = 500_000
LONGEST_TITLE = 300
LONGEST_SUMMARY = 2_000
# Both HTML parsers need time that grows with the square of the nesting; no honest post comes near this.
DEEPEST_NESTING = 1_000

_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "caption",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_SILENT = frozenset(
    [
        "script",
        "style",
        "template",
        "noscript",
        "iframe",
        "object",
        "embed",
        "applet",
        "svg",
        "math",
        "head",
        "title",
        "textarea",
        "select",
        "audio",
        "video",
        "canvas",
        "noembed",
        "noframes",
    ]
)
_CLOSES_ITSELF = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "dd",
        "dt",
        "option",
        "tr",
        "td",
        "th",
    ]
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*>")
_KNOWN_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|cite|code|del|div|em|figure|font|h[1-6]|hr|i|iframe|img|ins|li|mark|ol|p|q|s|"
    r"script|small|span|strike|strong|style|sub|sup|svg|table|td|tr|tt|u|ul|wbr)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"<(a|b|em|i|mark|p|small|span|strong|sub|sup|u)(?:\s[^<>]*)?>([^<>]*)</\1>", re.IGNORECASE
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_NOT_PRINTABLE = re.compile(
    # Controls, and what reorders or hides text: bidi marks and overrides, zero-width space, byte order mark, tags.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_BREAKS = re.compile("[\n\r\t\x0b\x0c\x85\u2028\u2029]")
_SPACES = re.compile(r"\s+")
_ELLIPSIS = r"(?:\[\s*(?:…|\.{3}|&hellip;|&#8230;)\s*\]|\(\s*(?:…|\.{3})\s*\)|…|\.{3})"
_APPEARED = re.compile(
    r"\s*\b(?:The (?:post|article|entry) .{1,400}? (?:first appeared|appeared first) on|"
    r"Der Beitrag .{1,400}? erschien zuerst auf|L[’']article .{1,400}? est apparu en premier sur|"
    r"La entrada .{1,400}? (?:se publicó primero en|aparece primero en)|L[’']articolo .{1,400}? proviene da|"
    r"Het bericht .{1,400}? verscheen eerst op|O post .{1,400}? apareceu primeiro em)\b.{0,200}$"
)
_MORE_WORDS = (
    r"(?:Continue [Rr]eading|CONTINUE READING|Read [Mm]ore|READ MORE|Read the (?:rest|full)|Keep [Rr]eading|"
    r"Learn [Mm]ore|Weiterlesen|Mehr lesen|Lire la suite|Leer más|Seguir leyendo|Leggi tutto|Continua a leggere|"
    r"Lees (?:meer|verder)|Leia mais|Continuar lendo)"
)
# Only what stands apart from the sentence before it is a link's label; "You can read more about it here." is text.
_MORE = re.compile(
    rf"(?:^|(?<=[.!?…»”\"’)\]:;])\s*|(?<=\s))(?:{_ELLIPSIS}\s*{_MORE_WORDS}\b.{{0,200}}"
    rf"|(?<![a-z,] ){_MORE_WORDS}(?:\s*[→»›>:.…]*|\s*[“\"«].{{1,200}}|\s.{{1,200}}[→»›])|\(more\s*(?:…|\.{{3}})?\))\s*$"
)
_SHARE = re.compile(
    r"\s*(?:Share this:|Like this:|Like Loading\.{3}|Share on (?:Facebook|Twitter|X)\b).{0,200}$"
)
_CUT_OFF = re.compile(rf"\s*(?:{_ELLIPSIS}\s*)+$")
_TAIL = 700


def html_to_text(html: str, *, limit: int) -> str:
    """The words of `html` on one line, at most `limit` characters; block elements separate words.

    Scripts, styles, shortcodes, editor comments, control characters and invisible marks are gone; entities are
    unescaped once, or twice where markup was escaped as a whole. The result is text: escape it where it is printed.
    """
    text = _words(html[:LONGEST_HTML])
    if _looks_escaped(text):
        text = _words(text)
    text = _SPACES.sub(" ", without_shortcodes(text))
    return _bounded(_SPACES.sub(" ", strip_controls(text)).strip(), limit)


def excerpt_text(raw_html: str) -> str:
    """A summary as its author meant it: the text without the tails that blog engines append.

    "[…]", "Continue reading …", "The post X appeared first on Y." go; a summary cut off by the engine ends in one
    ellipsis.
    """
    text = html_to_text(raw_html, limit=LONGEST_SUMMARY * 2)
    cut_off, before = False, ""
    while text != before:
        before = text
        for ending in (_APPEARED, _SHARE, _MORE, _CUT_OFF):
            head, tail = text[:-_TAIL], text[-_TAIL:]
            found = ending.search(tail)
            if found:
                cut_off = cut_off or re.match(rf"\s*{_ELLIPSIS}", found[0]) is not None
                text = (head + tail[: found.start()]).rstrip()
    text = _bounded(text, LONGEST_SUMMARY)
    if cut_off and text and text[-1] not in '.!?…。！？:”"»':
        return text.rstrip(" ,;–—-") + "…"
    return text


def title_text(raw: str) -> str:
    """A title as one line of text: markup out, entities unescaped, twice only where they were escaped twice.

    An unknown "tag" such as `<T>` is text and stays. At most 300 characters; may be empty.
    """
    text = raw[: LONGEST_TITLE * 20]
    text = _words(text) if _KNOWN_TAG.search(text) or "<!--" in text else html.unescape(text)
    for _ in range(2):
        while _PAIR.search(text):
            text = _PAIR.sub(r"\2", text)
        if _ENTITY.search(text):
            text = html.unescape(text)
    return _bounded(_SPACES.sub(" ", strip_controls(text)).strip(), LONGEST_TITLE)


def strip_controls(text: str) -> str:
    """`text` without control characters, bidi overrides, zero-width spaces and lone surrogates; breaks become spaces.

    Joiners stay: Persian words and many emoji need them.
    """
    return text if text.isprintable() else _NOT_PRINTABLE.sub("", _BREAKS.sub(" ", text))


def is_too_deep(markup: str) -> bool:
    """Whether `markup` nests elements so deeply that parsing it would take unbounded time."""
    if markup.count("<") <= DEEPEST_NESTING:
        return False
    opened: Counter[str] = Counter()
    depth = 0
    for closing, name in _TAG.findall(markup):
        tag = name.lower()
        if tag in _CLOSES_ITSELF:
            continue
        if not closing:
            opened[tag] += 1
            depth += 1
        elif opened[tag]:
            opened[tag] -= 1
            depth -= 1
        if depth > DEEPEST_NESTING:
            return True
    return False


def _words(markup: str) -> str:
    """The text of `markup` with a space for every block; entities unescaped once."""
    markup = markup.encode("utf-8", "ignore").decode(
        "utf-8"
    )  # neither an encoder nor Rust takes a lone surrogate
    if "<" not in markup:
        return html.unescape(markup)
    if is_too_deep(markup):
        return html.unescape(re.sub(r"<[^<>]*>", " ", markup))
    kept = nh3.clean(
        tamed(markup),
        tags=set(_BLOCKS),
        clean_content_tags=set(_SILENT),
        attributes={},
        link_rel=None,
        strip_comments=True,
    )
    return unmarked(html.unescape(re.sub(r"<[^<>]*>", " ", kept)))


def _looks_escaped(text: str) -> bool:
    """Whether what should be words is markup: a known tag that is closed, or many of them."""
    tags = _KNOWN_TAG.findall(text[:20_000])
    return len(tags) >= 2 and any(
        tag.startswith("</") or tag.lower().startswith(("<br", "<img")) for tag in tags
    )


def _bounded(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    at = cut.rfind(" ")
    return (cut[:at] if at > limit // 2 else cut).rstrip() + "…"
