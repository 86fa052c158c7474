"""Choose what an edition says: which posts, in what order and section, with how much text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from urllib.parse import urlsplit

from digest.editions.excerpt import excerpt, first_sentence
from digest.editions.model import Excluded, Item, ItemKind, Section
from digest.posts.happenings import Judged, judge, without_echo
from digest.posts.model import Event, EventStatus, Post, PostId, StoredPost, Verdict
from digest.posts.timing import as_of, ends, is_over

MOST_ARRIVED = 12
_MAY_LEAD = 4
_WONDERED_ABOUT = timedelta(days=14)
_TITLE_IN_SUBJECT = 90
_PREHEADER = 140
_SUBJECT_NAMES = re.compile(r"\{(first|more|name|number|date)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What an edition would hold, what was left out and why, and what holds it for a person (or "").

    `stale` are candidates that were over for so long that nobody need look at them again.
    """

    items: tuple[Item, ...]
    excluded: tuple[Excluded, ...] = ()
    hold: str = ""
    stale: tuple[PostId, ...] = ()


def choose(
    candidates: Sequence[StoredPost],
    *,
    max_items: int,
    max_new: int,
    excerpt_length: int,
    now: datetime,
    topics: Mapping[str, tuple[str, ...]],
    source_topics: Mapping[PostId, tuple[str, ...]] | None = None,
    first_run: frozenset[PostId] = frozenset(),
    announced: Sequence[StoredPost] = (),
    arrived: Sequence[StoredPost] = (),
    send_at: datetime | None = None,
    timezone: str = "UTC",
    event_categories: Sequence[str] = (),
) -> Chosen:
    """Place every candidate that is still up: a lead, up to `max_items` cards with it, the rest in brief.

    `topics` maps a topic to the categories that belong to it, `source_topics` a post to the topics of its sources.
    `first_run` are the posts a new source brought along, which the flood guard does not count. What is an event, and
    whether it is over, is judged as of `send_at` in `timezone`. `announced` are events of earlier editions that are
    still to come: they stand below the new ones, and alone they make no edition. `arrived` are events that came with
    a new source and were never named, the next first: at most 12 of them are news now, the others later.
    """
    at = max(send_at or now, now)
    categories = frozenset(event_categories)
    by_category = {category.casefold(): topic for topic, names in topics.items() for category in names}
    place = partial(_item, excerpt_length=excerpt_length, now=now, at=at, timezone=timezone)
    items: list[Item] = []
    stale: list[PostId] = []
    excluded = [_excluded(s, "The page is no longer there (404 or 410).") for s in candidates if s.gone_at]
    new = 0
    for stored in sorted((s for s in candidates if s.gone_at is None), key=_newest_first):
        judged = judge(stored, now=at, timezone=timezone, event_categories=categories)
        happening = judged.event if judged.verdict is Verdict.EVENT else None
        if happening and is_over(happening, now=at, timezone=timezone):
            if _lately(happening, at, timezone):
                excluded.append(_excluded(stored, "The event is over when the mail is sent."))
            else:
                stale.append(stored.id)
            continue
        new += stored.id not in first_run
        given = (*(source_topics or {}).get(stored.id, ()), *_mapped(stored.post.categories, by_category))
        items.append(place(stored, judged, topics=given))
    topics_of = source_topics or {}
    dated = partial(_dated, excerpt_length=excerpt_length, now=now, at=at, timezone=timezone)
    near = (dated(s, topics=topics_of.get(s.id, ())) for s in arrived if not s.gone_at)
    items += islice((event for event in near if event), MOST_ARRIVED)
    repeat = partial(_repeat, excerpt_length=excerpt_length, now=now, at=at, timezone=timezone)
    repeats = [repeat(s) for s in announced if not s.gone_at]
    return Chosen(
        items=arrange([*items, *(r for r in repeats if r)], max_items=max_items) if items else (),
        excluded=tuple(excluded),
        hold=f"{new} new posts at once (more than {max_new}): a person must approve."
        if new > max_new
        else "",
        stale=tuple(stale),
    )


def arrange(items: Sequence[Item], *, max_items: int) -> tuple[Item, ...]:
    """`items`, newest first, given their sections: the newest leads, or one nearly as new that has a picture.

    `max_items` stand large. Events stand in a section of their own, the next one first, and behind them those that
    an earlier edition announced.
    """
    events = sorted((item for item in items if item.kind is not ItemKind.POST), key=_starts)
    rest = [item for item in items if item.kind is ItemKind.POST]
    lead = next((index for index, item in enumerate(rest[:_MAY_LEAD]) if item.image is not None), 0)
    ordered = [*rest[lead : lead + 1], *rest[:lead], *rest[lead + 1 :]]
    sections = [Section.LEAD] * len(rest[:1]) + [Section.CARDS] * (max_items - 1)
    stories = [
        (item, sections[index] if index < len(sections) else Section.BRIEF)
        for index, item in enumerate(ordered)
    ]
    placed = [*stories[:1], *((event, Section.EVENTS) for event in events), *stories[1:]]
    return tuple(
        replace(item, section=section, position=position)
        for position, (item, section) in enumerate(placed, start=1)
    )


def news(items: Sequence[Item]) -> tuple[Item, ...]:
    """The items that are new to readers: all but the events announced before."""
    return tuple(item for item in items if not item.repeat)


def subject(items: Sequence[Item], *, pattern: str, fallback: str, name: str, number: int, date: str) -> str:
    """The subject line from staff's pattern; without one, `fallback`, where there are further posts.

    Both may use {first}, {more} (how many new posts there are besides), {name}, {number} and {date}. A pattern that
    counts {more} gives way to the first title alone when there is only one.
    """
    new = news(items) or items
    first = excerpt(new[0].title, length=_TITLE_IN_SUBJECT)
    more = len(new) - 1
    template = pattern or fallback
    if not more and ("{more}" in template or not pattern):
        return first
    values = {"first": first, "more": str(more), "name": name, "number": str(number), "date": date}
    # One pass, so that a title that reads "{name}" stays what it is.
    filled = _SUBJECT_NAMES.sub(lambda match: values[match[1]], template)
    return " ".join(filled.split()) or first


def preheader(items: Sequence[Item]) -> str:
    """The line that inboxes show beside the subject: the titles that the subject left out, or the first excerpt."""
    new = news(items) or items
    titles = [item.title for item in new[1:]]
    return excerpt(" · ".join(titles) if titles else new[0].excerpt, length=_PREHEADER)


def kind_of(judged: Judged) -> ItemKind:
    """What a post is shown as: one that calls something off says so as an event, for nobody is to ask for details."""
    is_off = judged.event is not None and judged.event.status is not EventStatus.SCHEDULED
    return ItemKind.EVENT if is_off else ItemKind(judged.verdict.value)


def effective_date(stored: StoredPost) -> datetime:
    """When a post counts as published: never later than we saw it, so a wrong year cannot put it first."""
    return min(stored.post.published_at or stored.seen_at, stored.seen_at)


def _newest_first(stored: StoredPost) -> tuple[float, int]:
    return (-effective_date(stored).timestamp(), stored.id)


def _item(
    stored: StoredPost,
    judged: Judged,
    *,
    excerpt_length: int,
    now: datetime,
    at: datetime,
    timezone: str,
    topics: Iterable[str],
) -> Item:
    post = stored.post
    # A date that is still to come is not a publication date we can print; the day we saw it is known.
    published = effective_date(stored) if post.published_at and post.published_at > now else post.published_at
    event = as_of(judged.event, now=at, timezone=timezone) if judged.event else None
    return Item(
        post_id=stored.id,
        title=judged.title,
        url=post.url,
        kind=kind_of(judged),
        excerpt=_excerpt(post, judged.title, excerpt_length),
        image=post.image or (stored.page.image if stored.page else None),
        author=post.author,
        source=_source_name(stored.source_key),
        published_at=published,
        language=post.language,
        topics=tuple(dict.fromkeys(topics)),
        event=event,
        suggestions=judged.suggestions,
        post_fingerprint=post.fingerprint,
    )


def _dated(
    stored: StoredPost,
    excerpt_length: int,
    *,
    now: datetime,
    at: datetime,
    timezone: str,
    topics: Iterable[str] = (),
) -> Item | None:
    """The post as an event with a date to come; None where it is none."""
    judged = judge(stored, now=at, timezone=timezone)
    if judged.verdict is not Verdict.EVENT or judged.event is None:
        return None
    if is_over(judged.event, now=at, timezone=timezone):
        return None
    return _item(
        stored, judged, excerpt_length=excerpt_length, now=now, at=at, timezone=timezone, topics=topics
    )


def _source_name(key: str) -> str:
    """Where a post comes from, as readers say it: the site's host, or the folder's name."""
    address = key.partition(" ")[2]
    host = urlsplit(address).hostname
    return host.removeprefix("www.") if host else address.rstrip("/").rpartition("/")[2]


def _repeat(
    stored: StoredPost, excerpt_length: int, *, now: datetime, at: datetime, timezone: str
) -> Item | None:
    """An event that was announced before and is still to come, or was called off since, even without its date."""
    judged = judge(stored, now=at, timezone=timezone)
    if kind_of(judged) is not ItemKind.EVENT or judged.event is None:
        return None
    if is_over(judged.event, now=at, timezone=timezone):
        return None
    item = _item(stored, judged, excerpt_length=excerpt_length, now=now, at=at, timezone=timezone, topics=())
    return replace(item, repeat=True)


def _lately(event: Event, at: datetime, timezone: str) -> bool:
    """Whether staff may still wonder where the event is."""
    ended = ends(event, timezone)
    return ended is None or at - ended < _WONDERED_ABOUT


def _excerpt(post: Post, title: str, length: int) -> str:
    """The author's own summary, else how the text begins; nothing where it would only repeat the title."""
    text = excerpt(without_echo(post.summary or post.body, title=title), length=length)
    if text and text.rstrip("….").casefold() != title.rstrip("….").casefold():
        return text
    rest = post.body.removeprefix(first_sentence(post.body)).strip() if post.body != post.summary else ""
    return excerpt(rest, length=length)


def _mapped(categories: Sequence[str], by_category: Mapping[str, str]) -> list[str]:
    return [by_category[c.casefold()] for c in categories if c.casefold() in by_category]


def _starts(item: Item) -> tuple[bool, bool, float]:
    """New events before those announced, dated before undated, and then by date."""
    at = item.event.starts_at if item.event and item.kind is ItemKind.EVENT else None
    return (item.repeat, at is None, at.timestamp() if at else 0.0)


def _excluded(stored: StoredPost, reason: str) -> Excluded:
    return Excluded(post_id=stored.id, title=stored.post.title, url=stored.post.url, reason=reason)
