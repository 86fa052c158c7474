"""What a person may do to an edition under way: pause, resume, cancel, and settle what is uncertain."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

import structlog

import subscribers
from digest.database import Session
from digest.deliveries import store as deliveries
from digest.deliveries.model import DeliveryState
from digest.editions import store as editions
from digest.editions.model import Edition, EditionId, EditionState
from digest.errors import DigestError
from digest.workflows.expire import RESUMED, too_late
from digest.workflows.parts import Parts

log = structlog.get_logger()

SENT_AGAIN = "what was uncertain is sent once more, as a person decided"
_RETRIED = frozenset({EditionState.SENDING, EditionState.PAUSED, EditionState.SENT})
_OUT = frozenset({EditionState.SENDING, EditionState.SENT})
_REACHED = (
    DeliveryState.ACCEPTED,
    DeliveryState.UNCERTAIN,
    DeliveryState.SENDING,
    DeliveryState.BOUNCED,
    DeliveryState.COMPLAINED,
)


class EventBegun(DigestError):
    """An edition would reach readers after an event that it invites to has begun, is over, or was called off."""


class TooLate(DigestError):
    """An edition would reach readers later than its publication allows."""


class Overtaken(DigestError):
    """A newer edition of the publication went out; nobody gets the older one any more."""


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
    anyway: bool = False,
    now: datetime,
) -> int:
    """Settle uncertain deliveries of an edition, or the one to `address`; returns how many.

    `retry` sends once more with the same Message-ID; an edition that had been sent is sending again until that is
    done. Raises `Overtaken` when a newer edition went out, and `DigestError` for an edition that nobody was mailed or
    that was cancelled. Unless it is to go out `anyway`, raises `TooLate` past the publication's lateness, and
    `EventBegun` where it invites to an event that nobody can attend by now.
    """
    state = DeliveryState.ACCEPTED if as_ == "accepted" else DeliveryState.PENDING
    with parts.database.transaction() as session:
        edition = editions.lock(session, edition_id)
        missed = ""
        if state is DeliveryState.PENDING:
            missed = _fit_to_retry(session, parts, edition, anyway=anyway, now=now)
        who = None
        if address is not None:
            who = subscribers.find(session, address=address)
            if who is None:
                raise DigestError(f"Nobody is known by the address {address}.")
        resolved = deliveries.resolve(session, edition_id, state, subscriber_id=who, now=now)
        if resolved and state is DeliveryState.PENDING:
            _go_on(session, edition, missed=missed, now=now)
    if resolved:
        log.info("deliveries.resolved", edition=edition_id, resolved=resolved, resolved_as=as_)
    return resolved


def _fit_to_retry(session: Session, parts: Parts, edition: Edition, *, anyway: bool, now: datetime) -> str:
    """Refuse what must not be sent again; what became of an event in the edition, where it goes out all the same."""
    if edition.state not in _RETRIED:
        raise DigestError(
            f"Edition {edition.id} is {edition.state}; only of one that is sending, paused or sent can a delivery be "
            "retried."
        )
    latest = editions.list_editions(session, edition.publication, 1, states=_OUT)
    if latest and latest[0].number > edition.number:
        raise Overtaken(
            f"Edition {latest[0].id} of {edition.publication} went out after edition {edition.id}; nothing of the "
            "older one is sent again."
        )
    limit = timedelta(seconds=parts.publication(edition.publication).lateness)
    if edition.launched_at and now > edition.launched_at + limit and not anyway:
        raise TooLate(
            f"Edition {edition.id} was launched at {edition.launched_at:%Y-%m-%d %H:%M} UTC, longer ago than "
            f"{edition.publication} may be late; retry it with --anyway, or leave it."
        )
    missed = too_late(session, parts, edition, now=now)
    if missed and not anyway and not edition.reason.startswith(RESUMED):
        raise EventBegun(
            f"Edition {edition.id} invites to an event that {missed}; retry it with --anyway, or leave it."
        )
    return missed


def _go_on(session: Session, edition: Edition, *, missed: str, now: datetime) -> None:
    """Have the edition sent on; a paused one waits for its `resume`."""
    reason = f"{RESUMED} {missed}" if missed else ""
    if edition.state is EditionState.SENT:
        again = edition.move_to(EditionState.SENDING, at=now, reason=reason or SENT_AGAIN)
        editions.save(session, again)
        log.info("edition.moved", edition=edition.id, state=again.state.value, by="a person")
    elif edition.state is EditionState.SENDING and reason:
        editions.save(session, replace(edition, reason=reason))


def _move(parts: Parts, edition_id: EditionId, state: EditionState, *, reason: str, now: datetime) -> Edition:
    with parts.database.transaction() as session:
        moved = editions.lock(session, edition_id).move_to(state, at=now, reason=reason)
        editions.save(session, moved)
    log.info("edition.moved", edition=edition_id, state=state.value, by="a person")
    return moved
