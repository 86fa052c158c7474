"""What people and files say of themselves, made fit to be kept and shown. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_NAME_LENGTH = 200
_NOTE_LENGTH = 1000


def clean_name(text: str) -> str:
    """A display name without control or invisible characters, on one line, of bounded length."""
    return _one_line(text, _NAME_LENGTH)


def clean_note(text: str) -> str:
    """What somebody wrote to us, as a name is cleaned, of at most 1,000 characters."""
    return _one_line(text, _NOTE_LENGTH)


def clean_word(text: str) -> str:
    """A language tag or frequency, reduced to letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9-]", "", text.strip().replace("_", "-"))[:35]


def clean_topics(topics: Sequence[str]) -> str:
    """Topics as they are stored: each once, lower case, comma between."""
    if not topics:
        return ""
    cleaned = (clean_name(topic.replace(",", " ")).lower() for topic in topics)
    return ",".join(dict.fromkeys(topic for topic in cleaned if topic))


def _one_line(text: str, limit: int) -> str:
    if text.isprintable():
        return " ".join(text[:limit].split())
    kept = "".join(" " if c in "\t\r\n" else c for c in text[: 4 * limit] if c in "\t\r\n" or _visible(c))
    return " ".join(kept.split())[:limit].rstrip()


def _visible(char: str) -> bool:
    # Cf holds the bidirectional overrides, and also the joiner that emoji and some scripts need.
    return char == "\u200d" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
