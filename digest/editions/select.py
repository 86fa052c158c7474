"""Choose what an edition says: which posts, in what order and section, with how much text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from digest.editions.excerpt import excerpt, first_sentence
from digest.editions.model import Excluded, Item, ItemKind, Section
from digest.posts.model import Post, PostId, StoredPost

_MAY_LEAD = 4
_TITLE_IN_SUBJECT = 90
_PREHEADER = 140
_SUBJECT_NAMES = re.compile(r"\{(first|more|name|number|date)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What an edition would hold, what was left out and why, and what holds it for a person (or "")."""

    items: tuple[Item, ...]
    excluded: tuple[Excluded, ...] = ()
    hold: str = ""


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
) -> Chosen:
    """Place every candidate that is still up: a lead, up to `max_items` cards with it, the rest in brief.

    `topics` maps a topic to the categories that belong to it, `source_topics` a post to the topics of its sources.
    `first_run` are the posts a new source brought along, which the flood guard does not count.
    """
    gone = [stored for stored in candidates if stored.gone_at is not None]
    there = sorted((s for s in candidates if s.gone_at is None), key=_newest_first)
    by_category = {category.casefold(): topic for topic, names in topics.items() for category in names}
    items = [
        _item(
            stored,
            excerpt_length=excerpt_length,
            now=now,
            topics=(*(source_topics or {}).get(stored.id, ()), *_mapped(stored.post.categories, by_category)),
        )
        for stored in there
    ]
    new = sum(stored.id not in first_run for stored in there)
    return Chosen(
        items=arrange(items, max_items=max_items),
        excluded=tuple(_excluded(s, "The page is no longer there (404 or 410).") for s in gone),
        hold=f"{new} new posts at once (more than {max_new}): a person must approve."
        if new > max_new
        else "",
    )


def arrange(items: Sequence[Item], *, max_items: int) -> tuple[Item, ...]:
    """`items`, newest first, given their sections: the newest leads, or one nearly as new that has a picture.

    `max_items` stand large.

    Events stand in a section of their own, the next one first.
    """
    events = sorted((item for item in items if item.event), key=_starts)
    rest = [item for item in items if not item.event]
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


def subject(items: Sequence[Item], *, pattern: str, fallback: str, name: str, number: int, date: str) -> str:
    """The subject line from staff's pattern; without one, `fallback`, where there are further posts.

    Both may use {first}, {more} (how many posts there are besides), {name}, {number} and {date}. A pattern that
    counts {more} gives way to the first title alone when there is only one.
    """
    first = excerpt(items[0].title, length=_TITLE_IN_SUBJECT)
    more = len(items) - 1
    template = pattern or fallback
    if not more and ("{more}" in template or not pattern):
        return first
    values = {"first": first, "more": str(more), "name": name, "number": str(number), "date": date}
    # One pass, so that a title that reads "{name}" stays what it is.
    filled = _SUBJECT_NAMES.sub(lambda match: values[match[1]], template)
    return " ".join(filled.split()) or first


def preheader(items: Sequence[Item]) -> str:
    """The line that inboxes show beside the subject: the titles that the subject left out, or the first excerpt."""
    titles = [item.title for item in items[1:]]
    return excerpt(" · ".join(titles) if titles else items[0].excerpt, length=_PREHEADER)


def effective_date(stored: StoredPost) -> datetime:
    """When a post counts as published: never later than we saw it, so a wrong year cannot put it first."""
    return min(stored.post.published_at or stored.seen_at, stored.seen_at)


def _newest_first(stored: StoredPost) -> tuple[float, int]:
    return (-effective_date(stored).timestamp(), stored.id)


def _item(stored: StoredPost, *, excerpt_length: int, now: datetime, topics: Iterable[str]) -> Item:
    post = stored.post
    # A date that is still to come is not a publication date we can print; the day we saw it is known.
    published = effective_date(stored) if post.published_at and post.published_at > now else post.published_at
    return Item(
        post_id=stored.id,
        title=post.title,
        url=post.url,
        kind=ItemKind.EVENT if post.event else ItemKind.POST,
        excerpt=_excerpt(post, excerpt_length),
        image=post.image,
        author=post.author,
        source=stored.source_key.partition(" ")[2],
        published_at=published,
        language=post.language,
        topics=tuple(dict.fromkeys(topics)),
        event=post.event,
        post_fingerprint=post.fingerprint,
    )


def _excerpt(post: Post, length: int) -> str:
    """The author's own summary, else how the text begins; nothing where it would only repeat the title."""
    text = excerpt(post.summary or post.body, length=length)
    repeats = text.rstrip("….").casefold() == post.title.rstrip("….").casefold()
    if not repeats:
        return text
    rest = post.body.removeprefix(first_sentence(post.body)).strip() if post.body != post.summary else ""
    return excerpt(rest, length=length)


def _mapped(categories: Sequence[str], by_category: Mapping[str, str]) -> list[str]:
    return [by_category[c.casefold()] for c in categories if c.casefold() in by_category]


def _starts(item: Item) -> tuple[bool, float]:
    at = item.event.starts_at if item.event else None
    return (at is None, at.timestamp() if at else 0.0)


def _excluded(stored: StoredPost, reason: str) -> Excluded:
    return Excluded(post_id=stored.id, title=stored.post.title, url=stored.post.url, reason=reason)
