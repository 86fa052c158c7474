"""What the world published: posts, events, and what one look at a source brought back."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field, fields
from datetime import datetime

PostId = int
SourceId = int


class EventStatus(enum.StrEnum):
    """What the organiser says of an event (schema.org eventStatus, iCalendar STATUS)."""

    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"
    POSTPONED = "postponed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallToAction:
    """One label and one absolute http(s) URL attached to an event or post."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture at an absolute https (or http) URL; `alt` is plain text, empty when decorative or unknown."""

    url: str
    alt: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something a reader can attend; times are aware, `timezone` is the IANA name they are shown in.

    A fact is None when it is not known from structured data or from staff; nothing here is ever guessed.
    """

    uid: str
    title: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    all_day: bool = False
    timezone: str | None = None
    place: str = ""
    online: bool = False
    register_url: str | None = None
    cta: CallToAction | None = None
    status: EventStatus = EventStatus.SCHEDULED
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Something published at a URL, as a source told it, already cleaned to plain text.

    `external_id` is the source's own identity for it (guid, WordPress id, UID), never empty.
    `url` is absolute http(s), already free of tracking parameters; `title` is never empty.
    `summary` is the author's own excerpt, cleaned, or empty; `body` is the whole text, cleaned and bounded.
    Times are aware and UTC; None where the source gave none that could be read.
    `language` is a BCP 47 tag or None.
    """

    external_id: str
    url: str
    title: str
    summary: str = ""
    body: str = ""
    published_at: datetime | None = None
    updated_at: datetime | None = None
    author: str = ""
    categories: tuple[str, ...] = ()
    language: str | None = None
    image: Image | None = None
    event: Event | None = None
    warnings: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """A hash of everything a reader would see; it changes exactly when the post was edited."""
        seen = [repr(getattr(self, f.name)) for f in fields(self) if f.name not in _NOT_SHOWN]
        return hashlib.sha256("\x1f".join(seen).encode("utf-8", "replace")).hexdigest()


_NOT_SHOWN = frozenset({"external_id", "updated_at", "warnings", "body"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """A configured place posts come from; `kind` names the adapter that reads it.

    `url` is an http(s) URL, or a directory for kind "folder", relative to `home` unless absolute. `api_key` is
    only for kinds that need one (ghost). `limit` bounds the posts of one look.
    """

    kind: str
    url: str
    topics: tuple[str, ...] = ()
    allow_private: bool = False
    interval_seconds: int = 900
    api_key: str = ""
    limit: int = 100
    home: str = ""

    @property
    def key(self) -> str:
        """What identifies this source in the database: its kind and address, nothing else."""
        return f"{self.kind} {self.url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the last successful look at a source left us: validators to echo verbatim, and ids already known."""

    etag: str | None = None
    last_modified: str | None = None
    fetch_url: str | None = None
    known_ids: frozenset[str] = frozenset()


class FetchState(enum.StrEnum):
    """How one look at a source ended."""

    OK = "ok"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What one look at a source brought back; adapters return it, they raise `SourceError` on failure.

    `posts` are in the source's own order, already bounded to the source's limit. `permanent_url` is set when
    every redirect on the way was permanent (301, 308). `wait_seconds` is the source's own wish for the next
    visit (Retry-After, ttl, sy:updatePeriod), None if it has none. `warnings` name dropped or doubtful items.
    """

    posts: tuple[Post, ...] = ()
    state: FetchState = FetchState.OK
    etag: str | None = None
    last_modified: str | None = None
    permanent_url: str | None = None
    wait_seconds: int | None = None
    title: str = ""
    language: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPost:
    """A post we keep: what was published, under our own id, with when we first saw it.

    `seen_at` is our clock. `gone_at` is set when the page answered 404 or 410, never because a feed got shorter.
    """

    id: PostId
    post: Post
    source_key: str
    seen_at: datetime
    changed_at: datetime | None = None
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """How a source is doing, in the words shown to staff and operators."""

    key: str
    kind: str
    url: str
    last_success_at: datetime | None = None
    last_attempt_at: datetime | None = None
    last_error: str = ""
    failures: int = 0
    next_try_at: datetime | None = None
    posts: int = 0
    warnings: tuple[str, ...] = field(default=())
