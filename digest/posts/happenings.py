"""Is a post an event, perhaps one, or a post and nothing more; and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from digest.posts.model import Event, StoredPost, Suggestion, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What we take a post for: its verdict, plain title and event, and one sentence for staff that says why."""

    verdict: Verdict
    title: str
    event: Event | None = None
    suggestions: tuple[Suggestion, ...] = ()
    reason: str


def judge(
    stored: StoredPost, *, now: datetime, timezone: str, event_categories: frozenset[str] = frozenset()
) -> Judged:
    """Whether a post is an event at `now`, and what is known of it; `timezone` is the publication's zone."""
    event = stored.post.event
    if event is None or event.starts_at is None:
        return Judged(verdict=Verdict.POST, title=stored.post.title, reason="Nothing says that it is an event.")
    return Judged(
        verdict=Verdict.EVENT, title=stored.post.title, event=event, reason="Its source gives its date."
    )


def plain_title(title: str) -> str:
    """`title` without the call before it: "REGISTER NOW: X" becomes "X"."""
    return title


def without_echo(excerpt: str, *, title: str) -> str:
    """`excerpt` without a repetition of the title, a call or a byline at its beginning."""
    return excerpt
