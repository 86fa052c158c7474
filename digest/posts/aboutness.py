"""Which of the events that a page describes it is about: one listed beside an article does not make it an event."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from digest.posts.hosts import is_home
from digest.posts.links import canonical_url
from digest.posts.model import Event, EventStatus, Occurrence, PageFacts, StoredPost
from digest.posts.signs import past_in_title
from digest.posts.titles import plain_title

_ALIKE = 0.7
_MOST_DATES = 400
_LONGEST_TEXT = 20_000
_WORD = re.compile(r"\w+")
_AFTER_NAME = re.compile(r"\s[|–—·»-]\s")
_UNSHARED: dict[str, object] = {
    "place": "",
    "online": False,
    "register_url": None,
    "cta": None,
    "opens_at": None,
    "closes_at": None,
    "full": False,
    "status": EventStatus.SCHEDULED,
}


def events_about(stored: StoredPost, page: PageFacts) -> list[Event]:
    """The events among those of a page that it is about: its own by address, by title, or the only one there is."""
    titled = [event for event in page.events if _titles_agree(event.title, stored.post.title)]
    addresses = {
        canonical_url(url)
        for url in (stored.post.url, page.url, page.canonical_url)
        if url and not is_home(url)
    }
    own = [event for event in page.events if event.uid and canonical_url(event.uid) in addresses]
    if own:
        return own if _one_title(own) else [event for event in own if event in titled]
    if past_in_title(stored.post.title):
        return []
    if titled:
        return titled if _one_title(titled) else []
    if page.is_article or not _one_title(page.events):
        return []
    # A lone event that gives no page of its own may still be a widget's: something must tie it to the post.
    return [event for event in page.events if not event.uid and _is_tied(event, stored)]


def as_series(events: Sequence[Event]) -> Event:
    """Several events of one title as the dates of one; a fact that is not the same for all is none of the series'."""
    if len(events) == 1:
        return events[0]
    held = [event for event in events if event.status is EventStatus.SCHEDULED] or list(events)
    dated = sorted((e for e in held if e.starts_at is not None), key=_start)
    if not dated:
        return held[0]
    first = dated[0]
    alike = [e for e in dated if (e.all_day, e.floating) == (first.all_day, first.floating)]
    own = [Occurrence(starts_at=e.starts_at, ends_at=e.ends_at) for e in alike if e.starts_at]
    dates = {one.starts_at: one for event in alike for one in event.dates} | {
        one.starts_at: one for one in own
    }
    further = [dates[start] for start in sorted(dates) if start != first.starts_at]
    shared = {
        name: getattr(first, name) if len({getattr(e, name) for e in alike}) == 1 else empty
        for name, empty in _UNSHARED.items()
    }
    return replace(first, dates=tuple(further[:_MOST_DATES]), **shared)  # type: ignore[arg-type]


def _one_title(events: Sequence[Event]) -> bool:
    return len({tuple(_words(event.title)) for event in events}) == 1


def _titles_agree(one: str, other: str) -> bool:
    """Whether two titles name the same event: nearly the same words, and no two different numbers."""
    if not one or not other:
        return False
    return any(_alike(_words(a), _words(b)) for a in _names(one) for b in _names(other))


def _names(title: str) -> set[str]:
    """A title as it may stand elsewhere: without its call, and without the site's name behind it."""
    plain = plain_title(title)
    return {plain, *_AFTER_NAME.split(plain)[:1]}


def _alike(one: list[str], other: list[str]) -> bool:
    numbers = [{word for word in words if word.isdigit()} for words in (one, other)]
    if numbers[0] and numbers[1] and numbers[0] != numbers[1]:
        return False
    a, b = set(one) - numbers[0], set(other) - numbers[1]
    if not a or not b:
        return bool(one) and one == other
    return a == b or (len(a & b) >= 2 and len(a & b) / len(a | b) >= _ALIKE)


def _is_tied(event: Event, stored: StoredPost) -> bool:
    """Whether a post's title names the event, or shares more than one longer word with its name."""
    named, title = _words(event.title), _words(stored.post.title)
    if len(named) >= 2 and f" {' '.join(named)} " in f" {' '.join(title)} ":
        return True
    return len({word for word in named if len(word) >= 4} & set(title)) >= 2


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text[:_LONGEST_TEXT])]


def _start(event: Event) -> datetime:
    assert event.starts_at is not None
    return event.starts_at
