"""One message to one recipient, and its fate."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from digest.editions.model import EditionId
from digest.errors import BadMove


class DeliveryState(enum.StrEnum):
    """Where a delivery stands; design.md section 5. `accepted` means the server said 250 after the dot."""

    PENDING = "pending"
    CLAIMED = "claimed"
    SENDING = "sending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    SKIPPED = "skipped"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


_S = DeliveryState
TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    _S.PENDING: frozenset({_S.CLAIMED, _S.SKIPPED, _S.FAILED}),
    _S.CLAIMED: frozenset({_S.PENDING, _S.SENDING, _S.SKIPPED, _S.REFUSED, _S.FAILED}),
    _S.SENDING: frozenset({_S.ACCEPTED, _S.PENDING, _S.REFUSED, _S.FAILED, _S.UNCERTAIN}),
    _S.ACCEPTED: frozenset({_S.BOUNCED, _S.COMPLAINED}),
    _S.REFUSED: frozenset(),
    _S.FAILED: frozenset(),
    _S.UNCERTAIN: frozenset({_S.ACCEPTED, _S.PENDING, _S.BOUNCED, _S.COMPLAINED}),
    _S.SKIPPED: frozenset(),
    _S.BOUNCED: frozenset({_S.COMPLAINED}),
    _S.COMPLAINED: frozenset(),
}
UNSETTLED = frozenset({_S.PENDING, _S.CLAIMED, _S.SENDING})


class Phase(enum.StrEnum):
    """How far the conversation with the server had come."""

    CONNECT = "connect"
    TLS = "tls"
    EHLO = "ehlo"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"
    CHECK = "check"


class Scope(enum.StrEnum):
    """Whose fault a refusal is (wire.md H); only a recipient fault may touch the subscriber."""

    RECIPIENT = "recipient"
    DESTINATION = "destination"
    SENDER = "sender"
    CONTENT = "content"
    UNKNOWN = "unknown"


class Verdict(enum.StrEnum):
    """What became of one attempt."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server said: code, enhanced code if any, text as received with tokens and addresses redacted."""

    code: int | None = None
    enhanced: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one attempt came to, and whose affair it is.

    `stop` asks for the whole edition to be paused (login refused, sender refused, relay unreachable), with
    the reason as staff read it; the delivery itself then goes back to pending. `closed` says that the
    connection is gone.
    """

    verdict: Verdict
    phase: Phase
    scope: Scope = Scope.UNKNOWN
    reply: Reply = Reply()
    stop: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One row of the ledger. `position` numbers the frozen audience from 1; the key is (edition, position)."""

    edition_id: EditionId
    position: int
    subscriber_id: int
    state: DeliveryState
    attempts: int = 0
    not_before: datetime | None = None
    reason: str = ""

    def move_to(self, state: DeliveryState) -> DeliveryState:
        """The next state; raises `BadMove` where the table has no such move."""
        if state not in TRANSITIONS[self.state]:
            raise BadMove(
                f"Delivery {self.edition_id}/{self.position} is {self.state}; it cannot become {state}."
            )
        return state


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a delivery, kept as evidence."""

    at: datetime
    phase: Phase
    outcome: Verdict
    code: int | None = None
    enhanced: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A range of positions of one edition that a worker leases as one piece of work."""

    id: int
    edition_id: EditionId
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of one claimed delivery: its new state, why, and the attempt that showed it, if any was made.

    `before` is the state it is settled from. `not_before` is set when it is to be tried again. `counts` is False
    for a try that is not held against the delivery, such as one cut short because the relay was unreachable.
    """

    position: int
    before: DeliveryState
    state: DeliveryState
    reason: str = ""
    not_before: datetime | None = None
    outcome: Outcome | None = None
    counts: bool = True


class NoticeState(enum.StrEnum):
    """Where a notice stands; it is retried until the server accepts it or there are no attempts left."""

    QUEUED = "queued"
    ACCEPTED = "accepted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedNotice:
    """A message that is not an edition, waiting to be handed over. `key` is unique for ever.

    `language` is empty for the publication's own; `unsubscribe_url` is there where a reader gets it as a subscriber.
    """

    id: int
    key: str
    publication: str
    recipient: str
    subject: str
    html: str
    text: str
    attempts: int = 0
    language: str = ""
    unsubscribe_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who an edition was launched for: candidates == enqueued + everyone in `excluded`, by reason."""

    candidates: int = 0
    enqueued: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
