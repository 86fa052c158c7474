"""What the world published, as we keep it: whose post is whose, what is new, and how every source fares."""

from digest.posts.store.happenings import (
    event_by_key,
    keep_page,
    known_events,
    note_events,
    page_failed,
    say,
    take_unread,
    twin,
    unread,
    upcoming,
)
from digest.posts.store.reading import addresses, posts, posts_of, shown_by
from digest.posts.store.recording import Recorded, mark_gone, record
from digest.posts.store.visits import due_sources, health, memory, record_failure

__all__ = [
    "Recorded",
    "addresses",
    "due_sources",
    "event_by_key",
    "health",
    "keep_page",
    "known_events",
    "mark_gone",
    "memory",
    "note_events",
    "page_failed",
    "posts",
    "posts_of",
    "record",
    "record_failure",
    "say",
    "shown_by",
    "take_unread",
    "twin",
    "unread",
    "upcoming",
]
