"""Expire: an invitation must not arrive after the event; what is still unsent when one begins is not sent by itself."""

from __future__ import annotations

from datetime import datetime

import structlog

from digest.database import Session
from digest.deliveries import store as deliveries
from digest.deliveries.model import DeliveryState
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState
from digest.workflows.notify import tell
from digest.workflows.parts import Parts
from digest.workflows.refresh import first_start

log = structlog.get_logger()
BEGUN = "an event in it has begun"
RESUMED = "resumed although an event in it has begun"
_LISTED = 100


def expire(parts: Parts, *, now: datetime) -> int:
    """Give up the retries of editions in which an event has begun since their launch, and pause what is left of them.

    Those who were never tried wait for a person: staff are told, and may resume or cancel. Returns how many
    deliveries were given up. Safe to call at any time, again and again.
    """
    with parts.database.reading() as session:
        under_way = editions.list_editions(session, limit=_LISTED, states=frozenset({EditionState.SENDING}))
    begun = [edition.id for edition in under_way if has_begun(edition, now=now)]
    given_up = 0
    for edition_id in begun:
        with parts.database.transaction() as session:
            edition = editions.lock(session, edition_id)
            if edition.state is EditionState.SENDING and edition.reason != RESUMED:
                given_up += _expire(session, parts, edition, now=now)
    return given_up


def has_begun(edition: Edition, *, now: datetime) -> bool:
    """Whether an event that the edition invites to has begun since its launch."""
    start = first_start(edition, after=edition.launched_at or edition.send_at)
    return start is not None and start <= now


def _expire(session: Session, parts: Parts, edition: Edition, *, now: datetime) -> int:
    given_up = deliveries.fail_pending(session, edition.id, BEGUN, only_retries=True, now=now)
    waiting = deliveries.counts(session, edition.id)[DeliveryState.PENDING]
    if waiting:
        paused = edition.move_to(EditionState.PAUSED, at=now, reason=BEGUN)
        editions.save(session, paused)
        tell(session, parts, edition.publication, "held", paused, now=now, occasion="event begun")
    if given_up or waiting:
        log.warning("edition.event_begun", edition=edition.id, given_up=given_up, waiting=waiting)
    return given_up
