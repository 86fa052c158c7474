"""HTML from a stranger, made safe to give to a parser: bounded in size, in nesting, in attributes and in formatting.

An HTML5 parser needs time that grows with the square of the nesting and of an element's attributes, and memory that
grows with the product of the formatting left open and the blocks after it: 16 kB of markup can fill a gigabyte.
"""

from __future__ import annotations

import re

LONGEST_PAGE = 2_000_000
MOST_TAGS = 20_000
_LONGEST_TAG = 10_000
# Elements that HTML opens again in every block until they are closed; as a span each is opened once.
_FORMATTING = re.compile(
    r"<(/?)(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE
)
# Ends a tag from every state that a tokeniser can be in inside one; between tags it is a few characters of text.
_TAG_END = " \"'>\"'>"


def tamed(html: str) -> str:
    """`html` with the structure and the words that it has, fit for a parser of HTML; only its beginning if it is huge.

    Formatting elements are spans, and marks that end any tag stand about every ten thousand characters; what is read
    of the parsed page is to be freed from them by `unmarked`.
    """
    text = html[:LONGEST_PAGE].encode("utf-8", "ignore").decode("utf-8").replace("\0", "")
    if text.count("<") > MOST_TAGS:
        text = "<".join(text.split("<", MOST_TAGS + 1)[: MOST_TAGS + 1])
    text = _FORMATTING.sub(r"<\1span", text)
    if len(text) <= _LONGEST_TAG:
        return text
    pieces, at = [], 0
    while len(text) - at > _LONGEST_TAG:
        # Before a tag the mark can hardly hurt; where there is none it must stand all the same.
        tag = text.find("<", at + _LONGEST_TAG // 2, at + _LONGEST_TAG)
        end = tag if tag > at else at + _LONGEST_TAG
        pieces += [text[at:end], _TAG_END]
        at = end
    return "".join([*pieces, text[at:]])


def is_cut(html: str) -> bool:
    """Whether `tamed` keeps only the beginning of `html`."""
    return len(html) > LONGEST_PAGE or html.count("<", 0, LONGEST_PAGE) > MOST_TAGS


def unmarked(text: str) -> str:
    """`text` as the page had it, without the marks of `tamed`."""
    return text.replace(_TAG_END, "")
