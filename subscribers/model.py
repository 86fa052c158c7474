"""A person known by one address, what they subscribed to, and why they may not be mailed. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime


class SubscribersError(Exception):
    """Something about a subscriber was refused, said in one plain sentence."""


class BadSubscriptionMove(SubscribersError):
    """A subscription was asked to move where its table of transitions does not lead."""


class SubscriptionState(enum.StrEnum):
    """Where a subscription stands; it only moves forward, and coming back is a new subscription."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    ENDED = "ended"


TRANSITIONS: dict[SubscriptionState, frozenset[SubscriptionState]] = {
    SubscriptionState.REQUESTED: frozenset({SubscriptionState.CONFIRMED, SubscriptionState.ENDED}),
    SubscriptionState.CONFIRMED: frozenset({SubscriptionState.ENDED}),
    SubscriptionState.ENDED: frozenset(),
}


class EndedReason(enum.StrEnum):
    """Why a subscription ended."""

    UNSUBSCRIBED = "unsubscribed"  # the reader left this publication
    UNSUBSCRIBED_ALL = "unsubscribed-all"  # the reader left everything at once
    COMPLAINED = "complained"  # the reader called a mail spam
    HARD_BOUNCE = "hard-bounce"  # the address was dead when it came to us
    EXPIRED = "expired"  # requested, and never confirmed
    ERASED = "erased"  # the reader asked to be forgotten
    MANUAL = "manual"  # staff ended it


class SuppressionReason(enum.StrEnum):
    """Why an address is never mailed, whatever it subscribed to; the reasons are kept apart."""

    COMPLAINED = "complained"
    HARD_BOUNCE = "hard-bounce"
    SOFT_LIMIT = "soft-limit"
    ERASED = "erased"
    MANUAL = "manual"


class BarredReason(enum.StrEnum):
    """Why somebody is not mailed: no subscription that stands, or a suppression."""

    UNKNOWN = "unknown"
    NOT_SUBSCRIBED = "not-subscribed"
    NOT_CONFIRMED = "not-confirmed"
    UNSUBSCRIBED = "unsubscribed"
    UNSUBSCRIBED_ALL = "unsubscribed-all"
    EXPIRED = "expired"
    COMPLAINED = "complained"
    HARD_BOUNCE = "hard-bounce"
    SOFT_LIMIT = "soft-limit"
    ERASED = "erased"
    MANUAL = "manual"
    PAUSED = "paused"  # the reader asked for no mail until a date


# What the reader decided: only a fresh sign-up that the reader confirms undoes it, never staff or an import.
WITHDRAWN = frozenset({EndedReason.UNSUBSCRIBED, EndedReason.UNSUBSCRIBED_ALL, EndedReason.COMPLAINED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What somebody agreed to, and how we know: the wording shown, where, when (aware), and the IP if kept."""

    text: str
    source: str
    at: datetime
    ip: str = ""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise SubscribersError("A subscription needs the consent it rests on, in words; none was given.")
        if self.at.tzinfo is None:
            raise ValueError(f"naive datetime {self.at!r}: every time here carries its zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRef:
    """What a token names: a person and a publication by number, so renaming and re-subscribing change nothing."""

    subscriber_id: int
    list_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A person known by one address; `address` is empty once they are erased."""

    id: int
    address: str
    name: str = ""
    language: str = ""
    created_at: datetime
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One person's subscription to one publication, from its request to its end."""

    id: int
    ref: SubscriptionRef
    publication: str
    state: SubscriptionState
    consent: Consent
    requested_at: datetime
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    ended_reason: EndedReason | None = None
    topics: tuple[str, ...] = ()
    frequency: str = ""
    events_only: bool = False
    paused_until: datetime | None = None
    ended_answer: str = ""
    ended_note: str = ""

    def paused(self, *, now: datetime) -> bool:
        """Whether the reader asked for no mail at this moment."""
        return self.paused_until is not None and self.paused_until > now

    def confirm(self, *, now: datetime) -> Subscription:
        """The subscription confirmed by its reader."""
        return replace(self._moved(SubscriptionState.CONFIRMED), confirmed_at=now)

    def end(self, reason: EndedReason, *, now: datetime) -> Subscription:
        """The subscription ended, for good, with the reason."""
        return replace(self._moved(SubscriptionState.ENDED), ended_at=now, ended_reason=reason)

    def _moved(self, state: SubscriptionState) -> Subscription:
        if state not in TRANSITIONS[self.state]:
            raise BadSubscriptionMove(f"Subscription {self.id} is {self.state}; it cannot become {state}.")
        return replace(self, state=state)


class MoveState(enum.StrEnum):
    """Where a change of address stands."""

    ASKED = "asked"  # its link, mailed to the new address, waits to be pressed
    MOVED = "moved"  # done, and the old address may still take it back
    OVER = "over"  # taken back, too late, or never asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A change of address, and the token that does or undoes it; `serial` is its number among this person's."""

    subscriber_id: int
    serial: int
    old_address: str
    new_address: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address that must not be mailed; only a keyed hash of it is kept, so it outlives erasure."""

    reason: SuppressionReason
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody to be mailed now.

    No `topics` means all of them. `paused_until` is here only for a pause that is over, or when no moment was asked
    about. `address` is as an SMTP server wants it: local part as its owner wrote it, domain in ASCII. `source` says
    how they subscribed; `subscribed_at` is when it was confirmed.
    """

    subscriber_id: int
    address: str
    name: str
    subscription_ref: SubscriptionRef
    subscribed_at: datetime
    source: str
    language: str = ""
    topics: tuple[str, ...] = ()
    frequency: str = ""
    events_only: bool = False
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Barred:
    """Somebody who must not be mailed, and why."""

    reason: BarredReason


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceCounts:
    """Everybody with an open subscription, and what becomes of them: candidates == eligible + sum(excluded)."""

    candidates: int
    eligible: int
    excluded: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What `add` came to; `new` is False when that person was subscribed already."""

    subscriber_id: int
    state: SubscriptionState
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The publications whose subscriptions ended just now; none when there was none open."""

    subscriber_id: int
    publications: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What following an unsubscribe link came to; `already` when the reader had left before."""

    ref: SubscriptionRef
    publication: str
    ended: tuple[str, ...]

    @property
    def already(self) -> bool:
        """Whether there was nothing left to end."""
        return not self.ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """What a token's bearer may see: the publication, a masked address, and the latest subscription if any."""

    ref: SubscriptionRef
    publication: str
    masked_address: str
    language: str
    subscription: Subscription | None

    @property
    def subscribed(self) -> bool:
        """Whether a confirmed subscription stands."""
        return self.subscription is not None and self.subscription.state is SubscriptionState.CONFIRMED


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Everything kept about an address; `subscriber` is None when only a suppression is."""

    subscriber: Subscriber | None
    subscriptions: tuple[Subscription, ...]
    suppressions: tuple[Suppression, ...]

    @property
    def suppressed(self) -> bool:
        """Whether the address must not be mailed at all."""
        return bool(self.suppressions)


def open_one(subscriptions: Sequence[Subscription], list_id: int) -> Subscription | None:
    """The subscription to a publication that has not ended, if any; there is never a second one."""
    for one in subscriptions:
        if one.ref.list_id == list_id and one.state is not SubscriptionState.ENDED:
            return one
    return None
