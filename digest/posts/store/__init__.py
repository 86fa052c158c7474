"""What the world published, as we keep it: whose post is whose, what is new, and how every source fares."""

from digest.posts.store.reading import posts, posts_of, shown_by
from digest.posts.store.recording import Recorded, mark_gone, record
from digest.posts.store.visits import due_sources, health, memory, record_failure

__all__ = [
    "Recorded",
    "due_sources",
    "health",
    "mark_gone",
    "memory",
    "posts",
    "posts_of",
    "record",
    "record_failure",
    "shown_by",
]
