"""Cut plain text to a length: at a word where there are words, never inside what is read as one character."""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
_ENDS = re.compile(r"(?:[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？｡]+[」』”’）]*|[؟۔।]+)")
_TRAILING = " \t\n\r\u00a0,;:–—-·|/&(«“‘[…."
_JOINER = "\u200d"
# A word longer than this share of the length is no word to go back for: text without spaces, or a long address.
_WORTH_GOING_BACK = 0.6


def excerpt(text: str, *, length: int) -> str:
    """`text` on one line, at most `length` characters, ending in one "…" where something was left out."""
    line = _one_line(text)
    if len(line) <= length:
        return _one_ellipsis(line)
    if length < 2:
        return ELLIPSIS[:length]
    room = length - len(ELLIPSIS)
    return _before(line, room).rstrip(_TRAILING) + ELLIPSIS


def first_sentence(text: str) -> str:
    """The first sentence of `text` with its full stop, or all of it when it has no end."""
    line = _one_line(text)
    match = _ENDS.search(line)
    return line[: match.end()] if match else line


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _one_ellipsis(line: str) -> str:
    """Three dots, or several ellipses, become the one that we write ourselves."""
    return re.sub(r"\s*(?:…|\.{3,})[\s.…]*$", ELLIPSIS, line)


def _before(line: str, room: int) -> str:
    """The longest beginning of `line` within `room` characters that ends where a reader would stop."""
    if line[room].isspace():
        return line[:room]
    space = line.rfind(" ", 0, room)
    if space >= room * _WORTH_GOING_BACK:
        return line[:space]
    while room > 0 and _continues(line, room):
        room -= 1
    return line[:room]


def _continues(line: str, index: int) -> bool:
    """Whether the character at `index` is read as part of the one before it."""
    here, before = line[index], line[index - 1]
    if _JOINER in {here, before} or unicodedata.category(here) in {"Mn", "Mc", "Me", "Cf"}:
        return True
    if "\U0001f3fb" <= here <= "\U0001f3ff":  # skin tones
        return True
    if 0xDC00 <= ord(here) <= 0xDFFF:
        return True
    return _is_regional(here) and _regionals_before(line, index) % 2 == 1


def _is_regional(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _regionals_before(line: str, index: int) -> int:
    """How many flag letters stand right before `index`; two of them make a flag."""
    count = 0
    while count < index and _is_regional(line[index - 1 - count]):
        count += 1
    return count
