"""Launch editions whose time has come: check what was approved, freeze the audience, hand it to the ledger."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog

import subscribers
from digest.database import DatabaseUnavailable, Session
from digest.deliveries import store as deliveries
from digest.deliveries.model import Audience
from digest.editions import store as editions
from digest.editions.frequency import EVERY, period_start
from digest.editions.model import Edition, EditionId, EditionState, Item
from digest.errors import BadMove, DigestError
from digest.messages.model import Rendered
from digest.posts import store as posts
from digest.workflows.approve import NotApproved, approve
from digest.workflows.chosen import MOST_IN_A_QUARTER, launched_before
from digest.workflows.notify import tell
from digest.workflows.parts import Parts
from digest.workflows.refresh import refresh
from digest.workflows.withdraw import withdraw

log = structlog.get_logger()

NEWER = "a newer edition went out"
NOT_THIS_TIME = "not this time"
NOBODY = "nobody is subscribed, so there was nobody to send it to"
_WAITING = frozenset({EditionState.DRAFT, EditionState.APPROVED})
_LAUNCHED = frozenset({EditionState.SENDING, EditionState.PAUSED, EditionState.SENT})
_TRIES = 3
_LISTED = 500


class AudienceMoved(DigestError):
    """People signed up or left while the audience was being frozen, so it could not be counted; try again."""


class NotArmed(DigestError):
    """This installation may not send from this database."""


def launch_due(parts: Parts, *, now: datetime) -> list[Edition]:
    """Launch every edition that is approved and due at `now`; safe to call again at any point.

    A draft is approved first where the publication asks for nobody. What nobody approved, and what is too late by
    the publication's limit, stays where it is, and staff are told once. Returns the editions launched just now.
    """
    with parts.database.reading() as session:
        waiting = editions.list_editions(session, limit=_LISTED, states=_WAITING)
    due = [e for e in waiting if e.send_at <= now and e.publication in parts.settings.publications]
    launched = (_launch_one(parts, edition, now=now) for edition in sorted(due, key=lambda e: e.id))
    return [edition for edition in launched if edition is not None]


def launch(parts: Parts, edition_id: EditionId, *, now: datetime) -> Edition:
    """Launch an approved edition now, whatever its send time; one that was launched before is left as it is.

    The edition comes back sending; sent when nobody is subscribed; failed, with the reason, when what was approved
    is no longer what would be sent; or a draft again, without the posts that are gone or with its events as they are
    known now, or skipped when nothing is left. Raises `BadMove` for any other.
    """
    for attempt in range(_TRIES):
        try:
            with parts.database.transaction() as session:
                return _launch(session, parts, edition_id, now=now)
        except AudienceMoved:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError


def arm(parts: Parts, *, now: datetime) -> None:
    """Let this installation, by its `site.instance`, and no other, send from this database."""
    with parts.database.transaction() as session:
        deliveries.arm(session, parts.settings.site.instance, now=now)


def require_armed(parts: Parts, *, now: datetime) -> None:
    """Raise `NotArmed` when the database belongs to another installation; the first to ask gets it."""
    mine = parts.settings.site.instance
    with parts.database.reading() as session:
        armed = deliveries.armed(session)
    if armed is None:
        with parts.database.transaction() as session:
            deliveries.arm(session, mine, now=now, only_first=True)
            armed = deliveries.armed(session)
    if armed != mine:
        raise NotArmed(
            f'This database sends for instance "{armed}", and this installation is "{mine}"; nothing was sent. '
            "If this is the one that should send, run `digest arm`."
        )


def _launch_one(parts: Parts, edition: Edition, *, now: datetime) -> Edition | None:
    try:
        if obstacle := _obstacle(parts, edition, now=now):
            _hold(parts, edition.id, obstacle, now=now)
            return None
        launched = launch(parts, edition.id, now=now)
        if launched.state is EditionState.DRAFT and not _obstacle(parts, launched, now=now):
            launched = launch(parts, edition.id, now=now)
    except BadMove:  # between our look and our lock another scheduler, or a person, was faster
        return None
    except DatabaseUnavailable:  # nothing can be launched just now
        raise
    except Exception:  # one that cannot be launched stops no other, and is tried again
        log.exception("edition.not_launched", edition=edition.id)
        return None
    return launched if launched.state in _LAUNCHED and launched.launched_at == now else None


def _obstacle(parts: Parts, edition: Edition, *, now: datetime) -> str:
    """Why the edition must not go out by itself; a draft that needs nobody is approved on the way."""
    configured = parts.publication(edition.publication)
    if now > edition.send_at + timedelta(seconds=configured.lateness):
        return "its send time has passed by more than the lateness limit"
    if edition.state is EditionState.APPROVED:
        return ""
    if not configured.goes_out_by_itself(held=bool(edition.hold)):
        return edition.hold or "nobody has approved it"
    try:
        approve(parts, edition.id, by="the timetable", now=now)
    except NotApproved as refused:
        return str(refused)
    return ""


def _hold(parts: Parts, edition_id: EditionId, reason: str, *, now: datetime) -> None:
    """Not sent, and staff told so, once; the edition stays for a person to decide."""
    with parts.database.transaction() as session:
        edition = editions.lock(session, edition_id)
        if edition.state in _WAITING and tell(
            session, parts, edition.publication, "held", edition, now=now, reason=reason
        ):
            log.warning("edition.held", edition=edition_id, reason=reason)


def _launch(session: Session, parts: Parts, edition_id: EditionId, *, now: datetime) -> Edition:
    edition = editions.lock(session, edition_id)
    if edition.state in _LAUNCHED:  # another scheduler was faster
        return edition
    sending = edition.move_to(EditionState.SENDING, at=now)
    if wrong := _not_as_approved(session, edition):
        return _fail(session, parts, edition, wrong, now=now)
    if gone := _gone(session, edition):
        # What was approved shows them, so what is left has to be approved anew.
        by_itself = parts.publication(edition.publication).goes_out_by_itself(held=bool(edition.hold))
        return withdraw(session, parts, edition, gone, quiet=by_itself, now=now)
    if (fresh := refresh(session, parts, edition, now=now)) is not edition:
        return fresh
    try:
        editions.place(session, edition)
    except editions.AlreadyPlaced as error:
        return _fail(session, parts, edition, str(error), now=now)
    for older in _older_under_way(session, edition):
        deliveries.fail_pending(session, older.id, NEWER, only_retries=True, now=now)
    audience = _freeze(session, parts, edition, now=now)
    if not audience.enqueued:
        sending = sending.move_to(EditionState.SENT, at=now, reason=NOBODY)
    editions.save(session, sending)
    log.info(
        "edition.launched",
        edition=edition_id,
        candidates=audience.candidates,
        enqueued=audience.enqueued,
        excluded=sum(audience.excluded.values()),
    )
    return sending


def _freeze(session: Session, parts: Parts, edition: Edition, *, now: datetime) -> Audience:
    """Everybody in the audience gets a delivery, and everybody else a reason: the sum must be right."""
    counted = subscribers.audience_counts(session, edition.publication, now=now)
    reached, waiting = _due(session, parts, edition, now=now)
    enqueued = deliveries.freeze(session, edition.id, reached, now=now)
    excluded = dict(counted.excluded) | ({NOT_THIS_TIME: waiting} if waiting else {})
    audience = Audience(candidates=counted.candidates, enqueued=enqueued, excluded=excluded)
    if audience.candidates != enqueued + sum(audience.excluded.values()):
        raise AudienceMoved(
            f"The audience of edition {edition.id} changed while it was frozen: {counted.candidates} candidates, "
            f"{enqueued} to be mailed; launch it again."
        )
    deliveries.keep_audience(session, edition.id, audience)
    if parts.engine is not None:
        parts.engine.offer(session, edition.id, deliveries.free_chunks(session, edition.id, now=now))
    return audience


def _due(session: Session, parts: Parts, edition: Edition, *, now: datetime) -> tuple[Any, int]:
    """Whose turn it is, and how many have had an edition in the month, or whatever they chose, and wait."""
    configured = parts.publication(edition.publication)
    if configured.frequencies == (EVERY,):
        return subscribers.audience(edition.publication, now=now), 0
    before = launched_before(session, edition, now=now, most=MOST_IN_A_QUARTER)
    had: dict[str, list[EditionId]] = {
        frequency: [
            one.id for one in before if start is not None and one.launched_at and one.launched_at >= start
        ]
        for frequency in configured.frequencies
        for start in (period_start(frequency, now, configured.timezone),)
    }
    readers = subscribers.audience_by_frequency(edition.publication, now=now)
    return deliveries.due(session, readers, had=had, default=configured.frequencies[0])


def _not_as_approved(session: Session, edition: Edition) -> str:
    rendered = editions.snapshot(session, edition.id, Rendered)
    if rendered is None:
        return "what was approved is no longer stored"
    if rendered.fingerprint != edition.fingerprint:
        return "what is stored is not what was approved: its fingerprint differs"
    return ""


def _gone(session: Session, edition: Edition) -> list[Item]:
    ids = [item.post_id for item in edition.items if item.post_id is not None]
    stored = posts.posts(session, ids)
    return [item for item in edition.items if item.post_id in stored and stored[item.post_id].gone_at]


def _older_under_way(session: Session, edition: Edition) -> list[Edition]:
    under_way = editions.list_editions(
        session, edition.publication, _LISTED, states=frozenset({EditionState.SENDING, EditionState.PAUSED})
    )
    return [other for other in under_way if other.number < edition.number]


def _fail(session: Session, parts: Parts, edition: Edition, reason: str, *, now: datetime) -> Edition:
    failed = edition.move_to(EditionState.FAILED, at=now, reason=reason)
    editions.release(session, edition.id)
    editions.save(session, failed)
    tell(session, parts, edition.publication, "trouble", failed, now=now)
    log.error("edition.failed", edition=edition.id, reason=reason)
    return failed
