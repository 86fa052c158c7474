"""What a person may do to an edition under way: pause, resume, cancel, and settle what is uncertain."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import structlog

import subscribers
from digest.deliveries import store as deliveries
from digest.deliveries.model import DeliveryState
from digest.editions import store as editions
from digest.editions.model import Edition, EditionId, EditionState
from digest.errors import DigestError
from digest.workflows.expire import RESUMED, too_late
from digest.workflows.parts import Parts

log = structlog.get_logger()

_REACHED = (
    DeliveryState.ACCEPTED,
    DeliveryState.UNCERTAIN,
    DeliveryState.SENDING,
    DeliveryState.BOUNCED,
    DeliveryState.COMPLAINED,
)


class EventBegun(DigestError):
    """An edition would reach readers after an event that it invites to has begun, is over, or was called off."""


def pause(parts: Parts, edition_id: EditionId, *, now: datetime) -> Edition:
    """Stop a running send; messages on the wire are finished, everybody else waits. Raises `BadMove`."""
    return _move(parts, edition_id, EditionState.PAUSED, reason="paused by a person", now=now)


def resume(parts: Parts, edition_id: EditionId, *, anyway: bool = False, now: datetime) -> Edition:
    """Go on with a paused send, with those not yet mailed. Raises `BadMove`.

    Raises `EventBegun` where the mail invites to an event that nobody can attend by now, unless it is to go out
    `anyway`.
    """
    with parts.database.reading() as session:
        late = too_late(session, parts, editions.get(session, edition_id), now=now)
    if late and not anyway:
        raise EventBegun(
            f"Edition {edition_id} invites to an event that {late}; cancel it, or resume it with --anyway."
        )
    reason = f"{RESUMED} {late}" if late else ""
    return _move(parts, edition_id, EditionState.SENDING, reason=reason, now=now)


def cancel(parts: Parts, edition_id: EditionId, *, now: datetime) -> Edition:
    """End a draft, an approved or a paused edition; whoever was not mailed will not be. Raises `BadMove`.

    Its posts are offered to the next edition, unless some readers have them already.
    """
    with parts.database.transaction() as session:
        edition = editions.lock(session, edition_id)
        reason = "cancelled by a person"
        cancelled = edition.move_to(EditionState.CANCELLED, at=now, reason=reason)
        deliveries.fail_pending(session, edition_id, "the edition was cancelled", now=now)
        counts = deliveries.counts(session, edition_id)
        if not any(counts[state] for state in _REACHED):
            editions.release(session, edition_id)
        editions.save(session, cancelled)
    log.info("edition.cancelled", edition=edition_id)
    return cancelled


def resolve(
    parts: Parts,
    edition_id: EditionId,
    *,
    as_: Literal["accepted", "retry"],
    address: str | None = None,
    now: datetime,
) -> int:
    """Settle uncertain deliveries of an edition, or the one to `address`; returns how many.

    `retry` sends once more with the same Message-ID. Raises `DigestError` when the edition is no longer under way, and
    `EventBegun` where it invites to an event that nobody can attend by now, unless it was resumed in spite of that.
    """
    state = DeliveryState.ACCEPTED if as_ == "accepted" else DeliveryState.PENDING
    with parts.database.transaction() as session:
        edition = editions.lock(session, edition_id)
        if state is DeliveryState.PENDING and edition.state not in {
            EditionState.SENDING,
            EditionState.PAUSED,
        }:
            raise DigestError(
                f"Edition {edition_id} is {edition.state}; only while it is sending or paused can a delivery be retried."
            )
        late = too_late(session, parts, edition, now=now) if state is DeliveryState.PENDING else ""
        if late and not edition.reason.startswith(RESUMED):
            raise EventBegun(f"Edition {edition_id} invites to an event that {late}; nothing is sent again.")
        who = None
        if address is not None:
            who = subscribers.find(session, address=address)
            if who is None:
                raise DigestError(f"Nobody is known by the address {address}.")
        return deliveries.resolve(session, edition_id, state, subscriber_id=who, now=now)


def _move(parts: Parts, edition_id: EditionId, state: EditionState, *, reason: str, now: datetime) -> Edition:
    with parts.database.transaction() as session:
        moved = editions.lock(session, edition_id).move_to(state, at=now, reason=reason)
        editions.save(session, moved)
    log.info("edition.moved", edition=edition_id, state=state.value, by="a person")
    return moved
