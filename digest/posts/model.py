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


class CtaKind(enum.StrEnum):
    """What a link lets a reader do; it decides what the button says, in the publication's words."""

    REGISTER = "register"
    TICKETS = "tickets"
    JOIN = "join"
    DETAILS = "details"


class Origin(enum.StrEnum):
    """Where a fact about an event was found, from the one we believe most to the one we only pass on."""

    STAFF = "staff"
    EVENTS_CALENDAR = "events-calendar"
    ICAL = "ical"
    JSON_LD = "json-ld"
    MICRODATA = "microdata"
    FEED = "feed"
    CATEGORY = "category"
    TITLE = "title"
    LINK = "link"
    TEXT = "text"


class Verdict(enum.StrEnum):
    """What a post is: an event, perhaps one (staff complete it), or a post and nothing more."""

    EVENT = "event"
    MAYBE = "maybe"
    POST = "post"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallToAction:
    """One absolute http(s) URL attached to an event or post, and what it is for.

    An empty `label` is said by `kind` in the publication's language; staff or the source may say it otherwise.
    """

    label: str = ""
    url: str
    kind: CtaKind = CtaKind.REGISTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why we hold a fact: which one ("starts_at", "place", "kind", …), where it was found, and the words there."""

    fact: str
    origin: Origin
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Words in a text that may tell a date; for staff to read beside their sentence, never printed by us."""

    phrase: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture at an absolute https (or http) URL; `alt` is plain text, empty when decorative or unknown."""

    url: str
    alt: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One date of a series; times as `Event` has them."""

    starts_at: datetime
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something a reader can attend; times are aware, `timezone` is the IANA name they are shown in.

    A fact is None when it is not known from structured data or from staff; nothing here is ever guessed.
    `floating` means that the source gave the time on the wall without a zone: it is written here as if in UTC and
    belongs to the publication's zone (`timing.grounded`). An all-day event starts at a local midnight and ends,
    exclusively, at one. `dates` are the further dates of a series, in order. `opens_at` and `closes_at` bound
    registration; `full` says that no place is left. `key` and `revision` name and number the event in our
    calendar files: the key never changes, the revision rises whenever a fact does.
    """

    uid: str
    title: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    all_day: bool = False
    timezone: str | None = None
    floating: bool = False
    place: str = ""
    online: bool = False
    register_url: str | None = None
    cta: CallToAction | None = None
    status: EventStatus = EventStatus.SCHEDULED
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    full: bool = False
    dates: tuple[Occurrence, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    key: str = ""
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """What the page of a post told when it was read: its address after redirects, and its structured data.

    `events` are those its JSON-LD or microdata describe, in order, whether or not the page is about them;
    `canonical_url` and `image` are None where the page named none. `is_article` is True when its structured data
    calls it an article or blog post. Everything is cleaned.
    """

    url: str
    canonical_url: str | None = None
    image: Image | None = None
    title: str = ""
    is_article: bool = False
    events: tuple[Event, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffFacts:
    """What a person said of a post: whether it is an event, and the facts they confirmed; None where they said nothing.

    `starts_at` without further words replaces every date of the sources, `ends_at` included.
    """

    verdict: Verdict
    by: str
    at: datetime
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    all_day: bool = False
    timezone: str | None = None
    place: str | None = None
    online: bool | None = None
    register_url: str | None = None
    status: EventStatus | None = None
    full: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Something published at a URL, as a source told it, already cleaned to plain text.

    `external_id` is the source's own identity for it (guid, WordPress id, UID), never empty.
    `url` is absolute http(s), already free of tracking parameters; `title` is never empty.
    `summary` is the author's own excerpt, cleaned, or empty; `body` is the whole text, cleaned and bounded.
    Times are aware and UTC; None where the source gave none that could be read.
    `language` is a BCP 47 tag or None. `aliases` are further ids of the source that mean this post, such as those
    of the single dates of a series.
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
    aliases: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """A hash of everything a reader would see; it changes exactly when the post was edited."""
        seen = [repr(getattr(self, f.name)) for f in fields(self) if f.name not in _NOT_SHOWN]
        return hashlib.sha256("\x1f".join(seen).encode("utf-8", "replace")).hexdigest()


_NOT_SHOWN = frozenset({"external_id", "aliases", "updated_at", "warnings", "body"})


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
    `page` is what its page told, None until it was read; `staff` what a person said of it. `event_key` and
    `event_revision` name its event in our calendar files, empty and 0 while it is none.
    """

    id: PostId
    post: Post
    source_key: str
    seen_at: datetime
    changed_at: datetime | None = None
    gone_at: datetime | None = None
    page: PageFacts | None = None
    staff: StaffFacts | None = None
    event_key: str = ""
    event_revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEvent:
    """An event as our calendar files tell it: its facts, its page, and when they last changed (`changed_at`)."""

    post_id: PostId
    title: str
    url: str
    event: Event
    changed_at: datetime
    text: str = ""


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
