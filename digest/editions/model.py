"""An edition and what is placed in it: the words, the states, and the moves between them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import date, datetime

from digest.errors import BadMove
from digest.posts.model import Event, Image, PostId, Suggestion

EditionId = int


class EditionState(enum.StrEnum):
    """Where an edition stands; design.md section 5."""

    DRAFT = "draft"
    APPROVED = "approved"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    FAILED = "failed"


_S = EditionState
TRANSITIONS: dict[EditionState, frozenset[EditionState]] = {
    _S.DRAFT: frozenset({_S.APPROVED, _S.CANCELLED, _S.SKIPPED}),
    _S.APPROVED: frozenset({_S.DRAFT, _S.SENDING, _S.CANCELLED, _S.FAILED}),
    _S.SENDING: frozenset({_S.SENT, _S.PAUSED}),
    _S.PAUSED: frozenset({_S.SENDING, _S.CANCELLED}),
    _S.SENT: frozenset({_S.SENDING}),  # a person has what was uncertain sent once more
    _S.SKIPPED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.FAILED: frozenset(),
}
ENDED = frozenset({_S.SENT, _S.SKIPPED, _S.CANCELLED, _S.FAILED})


class Section(enum.StrEnum):
    """The part of the mail an item stands in, in reading order."""

    LEAD = "lead"
    EVENTS = "events"
    CARDS = "cards"
    BRIEF = "brief"


class ItemKind(enum.StrEnum):
    """What an item is shown as; a *maybe* is an event staff have yet to confirm."""

    POST = "post"
    EVENT = "event"
    MAYBE = "maybe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A post or event placed in an edition: where it stands and how it reads there.

    All text is plain; `excerpt` is already cut. `post_fingerprint` is the post's at the time of placing, so a
    later edit shows as changed. `repeat` marks an event that an earlier edition announced: it stands among the
    dates to come, is not new, and is not placed again. `suggestions` are dates that its text seems to tell, for staff.
    """

    post_id: PostId | None
    title: str
    url: str
    kind: ItemKind = ItemKind.POST
    section: Section = Section.CARDS
    position: int = 0
    excerpt: str = ""
    image: Image | None = None
    author: str = ""
    source: str = ""
    published_at: datetime | None = None
    language: str | None = None
    topics: tuple[str, ...] = ()
    event: Event | None = None
    repeat: bool = False
    suggestions: tuple[Suggestion, ...] = ()
    post_fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """A post that could have been in an edition and is not, with the reason as staff read it."""

    post_id: PostId
    title: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One numbered instance of a publication; one that was skipped at its cut-off has no number, which is 0.

    `slot` is the local date of its scheduled send, None for an edition cut by hand outside the timetable.
    `hold` says why it may not be approved without a person (flood guard), empty when nothing holds it.
    `reason` explains an ended or paused state in words.
    """

    id: EditionId
    publication: str
    number: int
    state: EditionState
    cut_at: datetime
    send_at: datetime
    slot: date | None = None
    subject: str = ""
    preheader: str = ""
    intro: str = ""
    reason: str = ""
    hold: str = ""
    approved_by: str = ""
    approved_at: datetime | None = None
    fingerprint: str = ""
    launched_at: datetime | None = None
    finished_at: datetime | None = None
    items: tuple[Item, ...] = ()

    def move_to(self, state: EditionState, *, at: datetime, reason: str = "") -> Edition:
        """This edition in its next state; raises `BadMove` where the table has no such move."""
        if state not in TRANSITIONS[self.state]:
            raise BadMove(f"Edition {self.id} is {self.state}; it cannot become {state}.")
        changes: dict[str, object] = {"state": state, "reason": reason}
        if state is EditionState.SENDING and self.launched_at is None:
            changes["launched_at"] = at
        changes["finished_at"] = at if state in ENDED else None
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Everything rendering needs, frozen; the same Content renders to the same mail but for its slot nonce.

    `send_at` is aware; dates are shown in `timezone`. `language` is a BCP 47 tag. `archive_url` is the page of
    this edition in a browser, without personal links. `site_url` is where "N more on the site" leads.
    `calendar_url` begins the address of every calendar file: an event's is `calendar_url + key + ".ics"`.
    `topics` and `frequencies` are what readers may choose among.
    """

    publication: str
    publication_name: str
    number: int
    send_at: datetime
    timezone: str
    language: str
    cadence_words: str
    sender_name: str
    postal_address: str
    archive_url: str
    site_url: str
    items: tuple[Item, ...]
    subject: str = ""
    preheader: str = ""
    intro: str = ""
    tagline: str = ""
    calendar_url: str = ""
    template: str = "weekly"
    proof: bool = False
    topics: tuple[str, ...] = ()
    frequencies: tuple[str, ...] = ()
