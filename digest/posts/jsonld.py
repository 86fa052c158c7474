"""JSON-LD out of a page's script elements, read as leniently as is safe; what is not JSON at all is told, not raised."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence

from digest.posts.schemaorg.thing import Reader, Thing

MOST_BLOCKS = 50
LONGEST_BLOCK = 200_000
_MOST_REPAIRS = 5
_WRAPPING = re.compile(r"^(?:\s|//|/\*|\*/|;|<!--|-->|<!\[CDATA\[|\]\]>|\ufeff|\0)+")
_WRAPPING_END = re.compile(r"(?:\s|//|/\*|\*/|;|<!--|-->|<!\[CDATA\[|\]\]>|\0)+$")


def things(blocks: Sequence[str]) -> tuple[tuple[Thing, ...], tuple[str, ...]]:
    """The outermost things in `blocks`, the texts of script elements, and what could not be read, in words.

    At most 50 blocks of 200,000 characters. Broken JSON is mended by extruct where it is installed.
    """
    reader, found, warnings = Reader(), list[Thing](), list[str]()
    repairs = 0
    if len(blocks) > MOST_BLOCKS:
        warnings.append(
            f"The page has {len(blocks)} blocks of structured data; the first {MOST_BLOCKS} were read."
        )
    for number, block in enumerate(blocks[:MOST_BLOCKS], start=1):
        if len(block) > LONGEST_BLOCK:
            warnings.append(f"Block {number} of structured data is too long and was not read.")
            continue
        text = _bare(block)
        data, fault = _loaded(text)
        if fault and repairs < _MOST_REPAIRS:
            repairs += 1
            mended = _mended(text)
            data, fault = (mended, "") if mended is not None else (data, fault)
        if fault:
            warnings.append(f"Block {number} of structured data {fault}.")
        found += reader.things(data)
    return tuple(found), tuple(warnings)


def _bare(block: str) -> str:
    """The JSON itself: without the comments and CDATA marks around it, and without entities where all is escaped."""
    text = _unwrapped(block)
    if "&quot;" in text and '"' not in text:
        text = _unwrapped(html.unescape(text))
    return text


def _unwrapped(text: str) -> str:
    head = text[:1000]
    start = _WRAPPING.match(head)
    text = text[start.end() :] if start else text
    tail = text[-1000:]
    end = _WRAPPING_END.search(tail)
    return text[: len(text) - len(tail) + end.start()] if end else text


def _loaded(text: str) -> tuple[object, str]:
    """The values in `text`; else None and what is wrong with it. Numbers stay as they are written."""
    if not text:
        return None, ""
    try:
        return json.loads(
            text, strict=False, parse_int=str, parse_float=str, parse_constant=lambda _: None
        ), ""
    except RecursionError:
        return None, "is nested too deep"
    except ValueError as broken:
        where = f" (line {broken.lineno})" if isinstance(broken, json.JSONDecodeError) else ""
        return None, f"is not JSON{where}"


def _mended(text: str) -> object | None:
    """The values in broken JSON, with comments and superfluous commas taken out; None without extruct, or if in vain."""
    try:
        from extruct.jsonld import JsonLdExtractor
    except ImportError:
        return None
    safe = text.replace("</", "<\\/").replace("<!--", "<\\u0021--")
    try:
        found = JsonLdExtractor().extract(f'<script type="application/ld+json">{safe}</script>')
    except Exception:  # noqa: BLE001 - two more parsers, of which neither lists how it fails
        return None
    return list(found) or None
