"""Just enough of CSS to judge a mail: the rules of a style sheet with what they depend on, and their declarations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

_TOKEN = re.compile(r"/\*.*?(?:\*/|\Z)|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\\.|[{};()]", re.DOTALL)
_IMPORTANT = re.compile(r"\s*!\s*important\s*$", re.IGNORECASE)
_MOST_RULES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: its selector, its declarations as written, and the at-rules it stands in, outermost first.

    An at-rule without a block (@import) or with declarations only (@font-face) has its own words as selector.
    """

    selector: str
    body: str
    inside: tuple[str, ...] = ()

    @property
    def is_dark(self) -> bool:
        """Whether it only holds where the reader's device is set to dark."""
        return any("prefers-color-scheme" in one and "dark" in one for one in self.inside)

    @property
    def is_plain(self) -> bool:
        """Whether it holds everywhere that styles are read at all."""
        return not any(one.startswith("@media") for one in self.inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The text of one style element, its rules, and whether every bracket in it has its partner."""

    text: str
    rules: tuple[Rule, ...]
    is_whole: bool


@lru_cache(maxsize=64)
def sheet(text: str, media: str = "") -> Sheet:
    """A style sheet read as browsers read it; `media` is the style element's own attribute."""
    rules: list[Rule] = []
    inside: list[str] = [f"@media {media.lower()}"] if media else []
    floor, whole, parens = len(inside), True, 0
    words: list[str] = []
    at, selector, is_open = 0, "", False
    for token in _TOKEN.finditer(text):
        words.append(text[at : token.start()])
        at, mark = token.end(), token[0]
        if mark.startswith("/*"):
            continue
        parens = max(0, parens + {"(": 1, ")": -1}.get(mark, 0))
        if parens or mark not in "{};" or len(mark) > 1:
            words.append(mark)
            continue
        said = " ".join("".join(words).split())
        if mark == ";" and (is_open or not said.startswith("@")):
            words.append(mark)
            continue
        words = []
        if mark == ";":
            rules.append(Rule(selector=said, body="", inside=tuple(inside)))
        elif mark == "{":
            whole = whole and not is_open
            selector, is_open = _opened(said, inside)
        elif is_open:
            rules.append(Rule(selector=selector, body=said, inside=tuple(inside)))
            is_open = False
        elif len(inside) > floor:
            inside.pop()
        else:
            whole = False
        if len(rules) >= _MOST_RULES:
            break
    return Sheet(text=text, rules=tuple(rules), is_whole=whole and not is_open and len(inside) == floor)


@lru_cache(maxsize=4_096)
def declarations(body: str) -> Mapping[str, str]:
    """The declarations that win in a style attribute or a rule's body: names and values in small letters.

    One marked !important beats a later one that is not; the mark itself is taken off.
    """
    won: dict[str, tuple[bool, str]] = {}
    for one in _split(body):
        name, colon, value = one.partition(":")
        name = name.strip().lower()
        if not colon or not name:
            continue
        plain = _IMPORTANT.sub("", value)
        important = plain != value
        if name in won and won[name][0] and not important:
            continue
        won.pop(name, None)  # a later declaration stands later, which matters beside its shorthand
        won[name] = (important, plain.strip().lower())
    ordered = sorted(won.items(), key=lambda entry: entry[1][0])
    return MappingProxyType({name: value for name, (_, value) in ordered})


def selectors(rule: Rule) -> list[str]:
    """The single selectors of a rule."""
    return [one.strip() for one in re.split(r",(?![^(\[]*[)\]])", rule.selector) if one.strip()]


def _opened(said: str, inside: list[str]) -> tuple[str, bool]:
    """What an opening bracket begins: an at-rule that holds rules, noted in `inside`, or a rule of its own."""
    name = said.split(" ", 1)[0].split("(", 1)[0].lower()
    if name in {"@media", "@supports", "@layer", "@container", "@document", "@-moz-document", "@keyframes"}:
        inside.append(said.lower())
        return "", False
    return said, True


def _split(body: str) -> list[str]:
    """A body cut at its semicolons, but not inside strings, brackets or comments."""
    if "(" not in body and '"' not in body and "'" not in body and "/*" not in body:
        return body.split(";")
    parts, words, at, parens = [], [], 0, 0
    for token in _TOKEN.finditer(body):
        words.append(body[at : token.start()])
        at, mark = token.end(), token[0]
        parens = max(0, parens + {"(": 1, ")": -1}.get(mark, 0))
        if mark == ";" and not parens:
            parts.append("".join(words))
            words = []
        elif not mark.startswith("/*"):
            words.append(mark)
    return [*parts, "".join(words) + body[at:]]
