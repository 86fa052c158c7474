"""Words in a text that may tell when something is: for staff to read and confirm, never to be printed as a date."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from babel.dates import get_day_names, get_month_names

from digest.locales import Locale, UnknownLocaleError
from digest.posts.model import Suggestion

MOST_SUGGESTIONS = 5
LONGEST_SENTENCE = 240
LONGEST_PHRASE = 80
_LONGEST_TEXT = 20_000
_MOST_MATCHES = 40
_REACH = 120

_NUMBER = r"(?<![\d.,:/-])\d{1,2}"
_NTH = r"(?:st|nd|rd|th|er|º|ª|\.)?"
_RANGE = rf"(?:\s?(?:[-–—]|to|au|al|bis)\s?\d{{1,2}}{_NTH})?"
_YEAR = r"(?:,?\s(?:de |del )?\d{4}(?!\d))?"
_CLOCK = r"(?:\d{1,2}[:.]\d\d(?:\s?[ap]\.?m\b\.?)?|\d{1,2}\s?(?:[ap]\.?m\b\.?|h(?:\d\d)?\b|Uhr\b)|\b(?:noon|midnight|midi|mediodía)\b)"
_ZONE = (
    r"(?:UTC|GMT|BST|IST|CES?T|MES?Z|EES?T|WES?T|E[SD]?T|C[SD]T|M[SD]T|P[SD]?T|AES?[DT]T?|SAST|EAT|WAT|CAT|MSK"
    r"|local time|Eastern|Central|Pacific|(?:UTC|GMT)\s?[+\-−]\s?\d{1,2}(?::\d\d)?|uhr)"
)
_TIMES = rf"{_CLOCK}(?:\s?(?:[-–—]|to|until|bis|à|a)\s?{_CLOCK})?"
_FIXED = (
    r"(?<![\d/.-])\d{4}-\d\d-\d\d(?![\d-])|(?<![\d/.-])\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d\d)(?!\d|[./]\d)"
    r"|\d{4}\s?年\s?\d{1,2}\s?月\s?\d{1,2}\s?日"
    rf"|(?:{_CLOCK}\s?(?:[-–—]|to)\s?)?{_CLOCK}\s?\(?{_ZONE}\b|{_CLOCK}\s?[-–—]\s?\d{{1,2}}\s?\(?{_ZONE}\b"
)
# In English a month is also a verb and a name is also a month: only its capital tells.
_ALSO_A_VERB = {
    "may": "(?-i:May|MAY)",
    "mar": "(?-i:Mar|MAR)",
    "march": "(?-i:March|MARCH)",
    "dec": "(?-i:Dec|DEC)",
}
_STOP = re.compile(r"[.!?…。！？؟]+[\"”’»)\]]*(?:\s+|$)|\n+|[。！？]")
_ABBREVIATED = re.compile(
    r"(?:^|[\s(])(?:[^\W\d_]\.|\d{1,2}\.|(?:Dr|Mr|Mrs|Ms|Prof|St|Sr|Jr|No|vs|approx|ca|tel|Mon|Tues?|Wed|Thurs?|Fri|Sat|Sun"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|janv|févr|avr|juil|déc)\.|[ap]\.m\.)[\"”’»)\]]*\s*$",
    re.IGNORECASE,
)


def suggestions(texts: Iterable[str], *, language: str | None) -> tuple[Suggestion, ...]:
    """What may tell a date in `texts`, each with the sentence it stands in; at most five, none of them parsed.

    A date needs a day and a month, or a weekday and a clock time, or a clock time and a zone: a bare weekday, "now",
    "today" and "may" tell nothing. Months and weekdays are those of `language` (a BCP 47 tag) and of English.
    """
    pattern = _pattern(language or "en")
    found: dict[str, Suggestion] = {}
    for text in texts:
        bounded = text[:_LONGEST_TEXT]
        for number, match in enumerate(pattern.finditer(bounded)):
            phrase = " ".join(match[0].split()).strip(" ,;(")[:LONGEST_PHRASE]
            phrase = phrase if phrase.lower().endswith(".m.") else phrase.rstrip(".")
            if len(found) == MOST_SUGGESTIONS or number == _MOST_MATCHES:
                break
            found.setdefault(
                phrase.casefold(), Suggestion(phrase=phrase, sentence=_sentence(bounded, *match.span()))
            )
    return tuple(found.values())


def _sentence(text: str, start: int, end: int) -> str:
    """The sentence around text[start:end], or the words of it that are nearest."""
    before, after = text[max(0, start - _REACH) : start], text[end : end + _REACH]
    first, whole_start = _left(before, cut=start > _REACH)
    last, whole_end = _right(text[start:end], after, cut=end + _REACH < len(text))
    head = before[first:].lstrip()
    words = " ".join((head + text[start:end] + after[:last]).split())
    room = LONGEST_SENTENCE - 2
    if len(words) > room:
        words, whole_end = words[:room].rpartition(" ")[0] or words[:room], False
    return ("" if whole_start else "…") + words + ("" if whole_end else "…")


def _left(before: str, *, cut: bool) -> tuple[int, bool]:
    """Where in `before` the sentence begins, and whether it does."""
    stops = [match.end() for match in _STOP.finditer(before) if _ends_there(before, match)]
    if stops:
        return stops[-1], True
    return (before.find(" ") + 1, False) if cut else (0, True)


def _right(phrase: str, after: str, *, cut: bool) -> tuple[int, bool]:
    """Where in `after` the sentence ends, and whether it does."""
    for match in _STOP.finditer(after):
        if _ends_there(phrase + after, match, offset=len(phrase)):
            return match.end(), True
    if not cut:
        return len(after), True
    space = after.rfind(" ")
    return (space if space > 0 else len(after)), False


def _ends_there(text: str, stop: re.Match[str], *, offset: int = 0) -> bool:
    if "\n" in stop[0]:
        return True
    upto = text[: offset + stop.end()]
    return _ABBREVIATED.search(upto[-24:]) is None


@lru_cache(maxsize=32)
def _pattern(language: str) -> re.Pattern[str]:
    months, days = _names(language)
    day_month = rf"{_NUMBER}{_NTH}{_RANGE}\s(?:de |d[’'])?(?:{months})\b\.?{_YEAR}"
    month_day = rf"\b(?:{months})\b\.?\s\d{{1,2}}{_NTH}{_RANGE}(?![\d:])\b{_YEAR}"
    then = rf"(?:,?\s(?:\w{{1,3}}\s(?:las\s)?|@\s?|[|–-]\s)?{_TIMES}(?:\s?\(?{_ZONE}\b)?)?"
    weekday = rf"\b(?:{days})\b\.?"
    return re.compile(
        rf"(?:{weekday},?\s(?:the\s|den\s|le\s)?)?(?:{day_month}|{month_day}){then}"
        rf"|{weekday}[^.!?\d\n]{{0,25}}{_TIMES}(?:\s?\(?{_ZONE}\b)?|{_FIXED}",
        re.IGNORECASE,
    )


def _names(language: str) -> tuple[str, str]:
    """The names of months and of weekdays in `language` and in English, as alternatives of a pattern."""
    months: set[str] = set()
    days: set[str] = set()
    for tag in {language, language.partition("-")[0], "en"}:
        try:
            locale = Locale.of(tag)
        except (UnknownLocaleError, ValueError, TypeError):
            continue
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                months.update(get_month_names(width, context, locale).values())
                days.update(get_day_names(width, context, locale).values())
    return _alternatives(months), _alternatives(days)


def _alternatives(names: set[str]) -> str:
    usable = {name.rstrip(".").casefold() for name in names if sum(letter.isalpha() for letter in name) >= 2}
    ordered = sorted(usable, key=lambda name: (-len(name), name))
    return "|".join(_ALSO_A_VERB.get(name, re.escape(name)) for name in ordered)
