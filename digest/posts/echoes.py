"""Excerpts that begin by saying the title, the call or the author's name again lose that, and nothing else."""

from __future__ import annotations

import re

from digest.posts.titles import plain_title

_MOST_ECHOES = 6
_LONGEST_OPENING = 600
_LEAST_LETTERS = 3
_WORDS_OF_A_SENTENCE = 5
_TOKEN = re.compile(r"\w+")
_SEPARATOR = re.compile(r"[\s\"”»'’)\]]{0,3}(?:[:：|｜•·–—»>…!?.]{1,3}|-(?=\s))\s*")
# What asks for nothing but to press a button may go without losing a fact; "RSVP by 3 May" may not.
_BUTTON = re.compile(
    r"[^\w\[\"'“«]{0,20}(?:(?:(?:please )?(?:click here to )?(?:register|rsvp|sign up|book)(?: (?:now|today|here)){1,2}"
    r"|save the date|you(?:[’']re| are) invited|inscrivez[- ]vous(?: (?:dès maintenant|maintenant|ici))?"
    r"|inscr[ií]b(?:ete|ase)(?: (?:ya|ahora|aqu[ií]))?|reg[ií]str(?:ate|ese)(?: (?:ya|ahora|aqu[ií]))?"
    r"|jetzt (?:anmelden|registrieren)|hier anmelden|سج[ّ]?ل(?:وا)? (?:الآن|هنا)"
    r"|(?:за)?реєструйте?сь?(?: зараз| тут)?)\s?(?:[!:：|»>→…–—]{1,3}|-(?=\s)|$)"
    r"|\[\s?(?:register|rsvp|sign up)(?: (?:now|today|here))?\s?\])\s*",
    re.IGNORECASE,
)
_SHOUTED = re.compile(
    r"\s*(?:REGISTER (?:NOW|HERE|TODAY)|SIGN UP (?:NOW|HERE)|RSVP NOW|SAVE THE DATE)\b[!.]?\s*(?=\S)"
)
_ADDRESS = re.compile(r"https?://\S{1,2000}\s*")
_MONTH = r"[^\W\d_]{3,12}\.?"
_DATE = (
    rf"(?:\d{{1,2}}(?:st|nd|rd|th|er|\.|º)?\s(?:de )?{_MONTH},?\s(?:de )?\d{{4}}"
    rf"|{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}}|\d{{4}}-\d\d-\d\d|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}})"
)
_WORD = r"[^\W\d_a-zà-öø-ÿ][^\W\d_]{0,24}(?:[’'-][^\W\d_]{1,24}){0,2}"
_PERSON = (
    rf"(?:(?:Dr|Prof|Mr|Mrs|Ms|Sr|Sra)\.?\s)?{_WORD}(?:\s{_WORD})??(?:\s(?:[^\W\d_]\.|de la|de|del|van der|van den|van|von|al|bin|di|da))"
    rf"{{0,2}}\s{_WORD}"
)
_PEOPLE = rf"{_PERSON}(?:(?:,\s|\s(?:and|&|et|y|und)\s){_PERSON}){{0,3}}"
_BY = r"(?:By|BY|Par|Por|Von)"
_MARK = r"\s?(?:[|｜•·–—]|-(?=\s))\s?"
_BYLINE = re.compile(
    rf"(?:{_BY}:\s?{_PEOPLE}(?:(?:,\s|{_MARK}){_DATE})?(?:{_MARK}|[.:]\s|$|(?=\s[^\W\d_a-z]))"
    rf"|{_BY}\s(?P<name>{_PEOPLE})(?:(?:,\s|{_MARK}|\s){_DATE}(?:{_MARK}|[.:,]\s|\s|$)|{_MARK}|[.:]\s|$)"
    rf"|{_PEOPLE}{_MARK}{_DATE}(?:{_MARK}|[.:]\s|\s|$))\s*"
)
# Without a mark after the name only a word that opens sentences, and is no name, tells where it ends.
_OPENS = (
    r"The|A|An|In|On|At|This|These|That|When|As|For|It|We|Our|Since|After|Before|While|Last|More|To|From|Many|How"
    r"|What|Why|There|With|Today|Yesterday|Every|Following|During|Despite|Although|Le|La|Les|Un|Une|Dans|Depuis"
    r"|El|Los|Las|Una|En|Desde|Der|Die|Das|Ein|Eine|Im|Am|Seit"
)
_RUN_ON = re.compile(rf"{_BY}\s(?P<name>{_PERSON})\s+(?=(?:{_OPENS})\s)")
_NO_NAME = re.compile(
    r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|\b(?:January|February|March|April|June|July|August|September|October"
    r"|November|December|Christmas|Easter|Ramadan|Year|Morning|Evening|Night|Spring|Summer|Autumn|Winter|The|Our|Its"
    r"|Late|Early|Mid|Then|Now|New|Prime|Popular|Royal|All|Any|Law|Far|Day)\b"
)


def without_echo(excerpt: str, *, title: str) -> str:
    """`excerpt` without what it repeats at its beginning: the title, a call such as "REGISTER NOW", a byline.

    A sentence that happens to begin alike stays ("By noon the river was high"). Empty where nothing else is left.
    """
    rest = excerpt.strip()
    titles = {tuple(_words(title)), tuple(_words(plain_title(title)))}
    for _ in range(_MOST_ECHOES):
        length = _echo(rest, titles)
        if not length:
            break
        rest = rest[length:].lstrip(" \t\n\u00a0:：|｜•·–—-…»>")
    if rest == excerpt.strip():
        return excerpt
    if sum(letter.isalpha() for letter in rest[:_LONGEST_OPENING]) < _LEAST_LETTERS:
        return ""
    first = rest.split(" ", 1)[0]
    return rest[:1].upper() + rest[1:] if first.isalpha() and first.islower() else rest


def _echo(text: str, titles: set[tuple[str, ...]]) -> int:
    """How much of the beginning of `text` is an echo; 0 if none of it."""
    head = text[:_LONGEST_OPENING]
    if match := _BUTTON.match(head) or _shouted(head):
        address = _ADDRESS.match(text, match.end())
        return address.end() if address else match.end()
    if match := _BYLINE.match(head) or _RUN_ON.match(head):
        return 0 if _NO_NAME.search(match[0].split("|")[0]) and _has_no_date(match[0]) else match.end()
    return max(_repeated(head, words) for words in titles)


def _shouted(head: str) -> re.Match[str] | None:
    match = _SHOUTED.match(head)
    return match if match and any(letter.islower() for letter in head[match.end() :]) else None


def _has_no_date(byline: str) -> bool:
    return re.search(_DATE, byline) is None


def _repeated(text: str, words: tuple[str, ...]) -> int:
    """How much of `text` says `words` again, as a whole and not as the beginning of a sentence."""
    if len(words) < 2:
        return 0
    found = list(_first_words(text, len(words)))
    if [text[start:end].casefold() for start, end in found] != list(words):
        return 0
    end = found[-1][1]
    if not text[end:].strip(" .!?…\"”»'’)]"):
        return len(text)
    if match := _SEPARATOR.match(text, end):
        return match.end()
    follows = text[end:].lstrip(' \n"“”»’)]')
    # Blocks that lost their line break: the title, then a sentence of its own.
    is_sentence = len(words) >= _WORDS_OF_A_SENTENCE and len(_words(follows)) >= _WORDS_OF_A_SENTENCE
    return end if is_sentence and follows[:1].isupper() else 0


def _first_words(text: str, count: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for match in _TOKEN.finditer(text):
        spans.append(match.span())
        if len(spans) == count:
            break
    return spans


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _TOKEN.findall(text[:_LONGEST_OPENING])]
