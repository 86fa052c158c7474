"""Plain examples of each thing, complete but for what a test is about: `post(title="…")`, `edition(state=…)`."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from digest.editions.model import Content, Edition, EditionState, Item
from digest.posts.model import Event, Post, SourceSpec, StoredPost

NOW = datetime(2026, 11, 19, 9, 0, tzinfo=UTC)
_numbers = itertools.count(1)


def source(**changes: Any) -> SourceSpec:
    """An RSS source."""
    return SourceSpec(**{"kind": "rss", "url": "https://www.example.org/feed", **changes})


def post(**changes: Any) -> Post:
    """A post with an identity and a link of its own."""
    number = next(_numbers)
    return Post(
        **{
            "external_id": f"post-{number}",
            "url": f"https://www.example.org/posts/{number}",
            "title": f"What happened at the creek, part {number}",
            "summary": "Volunteers planted reeds along the north bank.",
            "published_at": NOW - timedelta(minutes=number),  # of thousands in a run, none is old
            **changes,
        }
    )


def event(**changes: Any) -> Event:
    """An evening in two weeks, with a place and a registration page."""
    number = next(_numbers)
    return Event(
        **{
            "uid": f"https://www.example.org/events/{number}",
            "title": f"Evening at the mill, part {number}",
            "starts_at": NOW + timedelta(days=14, hours=9),
            "ends_at": NOW + timedelta(days=14, hours=11),
            "timezone": "Europe/London",
            "place": "Mill Lane 4, Exampleton",
            "register_url": f"https://www.example.org/register/{number}",
            **changes,
        }
    )


def replace_event(told: Post, **changes: Any) -> Post:
    """The same post, with another fact about its event."""
    assert told.event is not None
    return replace(told, event=replace(told.event, **changes))


def stored_post(*, seen_at: datetime = NOW, source_key: str = source().key, **changes: Any) -> StoredPost:
    """A post we keep; `changes` are the post's."""
    return StoredPost(id=next(_numbers), post=post(**changes), source_key=source_key, seen_at=seen_at)


def item(**changes: Any) -> Item:
    """A post placed in an edition."""
    example = post()
    return Item(
        **{
            "post_id": next(_numbers),
            "title": example.title,
            "url": example.url,
            "excerpt": example.summary,
            "source": "Example",
            "published_at": example.published_at,
            **changes,
        }
    )


def edition(**changes: Any) -> Edition:
    """The first edition of `weekly`, a draft with two items."""
    return Edition(
        **{
            "id": 1,
            "publication": "weekly",
            "number": 1,
            "state": EditionState.DRAFT,
            "cut_at": NOW - timedelta(hours=18),
            "send_at": NOW,
            "slot": NOW.date(),
            "subject": "What happened at the creek",
            "items": (item(position=0), item(position=1)),
            **changes,
        }
    )


def content(**changes: Any) -> Content:
    """What rendering the first edition of `weekly` needs."""
    return Content(
        **{
            "publication": "weekly",
            "publication_name": "The Weekly Brief",
            "number": 1,
            "send_at": NOW,
            "timezone": "Europe/London",
            "language": "en",
            "cadence_words": "every Thursday",
            "sender_name": "The Weekly Brief",
            "postal_address": "1 Example Street, Example City",
            "archive_url": "https://news.example.org/a/weekly/1",
            "site_url": "https://www.example.org",
            "subject": "What happened at the creek",
            "items": (item(position=0), item(position=1)),
            **changes,
        }
    )
