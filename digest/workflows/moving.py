"""Change a reader's address, confirmed at both ends: each end has a link of its own, and only a button acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

import subscribers
from digest.database import Session
from digest.workflows.parts import Parts
from digest.workflows.tokens import mended
from digest.workflows.writing import draft, post, spoken
from subscribers import BadAddress, Limit, Moved, MoveState, Purpose

log = structlog.get_logger()
_HOUR, _DAY = 3600, 86400
_A_DAY = 5  # changes one person may ask for


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """What a link to confirm or to take back a change leads to; `open` while its button does something."""

    masked_address: str
    open: bool
    language: str


def ask_to_move(parts: Parts, token: str, *, address: str, now: datetime) -> bool:
    """Mail a button to the address a preferences token's reader wants; False only for what is no address.

    For an address that somebody has or that must not be mailed, and beyond one mail an hour to one address and five
    a day for one person, the answer is the same and nothing is mailed.
    """
    try:
        wanted = subscribers.parse_address(address)
    except BadAddress:
        return False
    with parts.database.transaction() as session:
        holder = subscribers.subscription_of(
            session, keys=parts.keys, purpose=Purpose.PREFERENCES, token=mended(token)
        )
        if holder is None or holder.publication not in parts.settings.publications:
            return True
        limits = [
            Limit(name=f"move to/{wanted.key}", most=1, seconds=_HOUR),
            Limit(name=f"move of/{holder.ref.subscriber_id}", most=_A_DAY, seconds=_DAY),
        ]
        if subscribers.take(session, keys=parts.keys, limits=limits, now=now):
            return True
        moved = subscribers.request_move(
            session, keys=parts.keys, ref=holder.ref, address=wanted.text, now=now
        )
        if moved is not None:
            link = f"{parts.settings.site.base_url}/n/{moved.token}"
            _tell(
                session, parts, holder.publication, "address-change", moved, moved.new_address, link, now=now
            )
    log.info("reader.asked_to_move", subscriber=holder.ref.subscriber_id, mailed=moved is not None)
    return True


def crossing(parts: Parts, purpose: Purpose, token: str, *, now: datetime) -> Crossing:
    """What the bearer of a link to a new or an old address may see; looking changes nothing."""
    token = mended(token)
    with parts.database.reading() as session:
        state, address = subscribers.look_at_move(
            session, keys=parts.keys, purpose=purpose, token=token, now=now
        )
        language = _language(session, parts, purpose, token)
    wanted = MoveState.ASKED if purpose is Purpose.NEW_ADDRESS else MoveState.MOVED
    return Crossing(masked_address=address, open=state is wanted, language=language)


def confirm(parts: Parts, token: str, *, now: datetime) -> str:
    """Move a reader to their new address and tell the old one how to take it back; the new one masked, or "" if over."""
    token = mended(token)
    with parts.database.transaction() as session:
        moved = subscribers.confirm_move(session, keys=parts.keys, token=token, now=now)
        if moved is None:
            return ""
        publication = _publication(session, parts, moved.subscriber_id)
        if publication:
            link = f"{parts.settings.site.base_url}/o/{moved.token}"
            _tell(session, parts, publication, "address-changed", moved, moved.old_address, link, now=now)
    log.info("reader.moved", subscriber=moved.subscriber_id)
    return subscribers.masked(moved.new_address)


def undo(parts: Parts, token: str, *, now: datetime) -> str:
    """Move a reader back to the address they had; it masked, or "" where it is too late."""
    with parts.database.transaction() as session:
        moved = subscribers.undo_move(session, keys=parts.keys, token=mended(token), now=now)
    if moved is None:
        return ""
    log.info("reader.moved_back", subscriber=moved.subscriber_id)
    return subscribers.masked(moved.new_address)


def _tell(
    session: Session,
    parts: Parts,
    publication: str,
    kind: str,
    moved: Moved,
    to: str,
    link: str,
    *,
    now: datetime,
) -> None:
    shown = subscribers.portrait(session, keys=parts.keys, subscriber_id=moved.subscriber_id)
    own = shown.subscriber.language if shown and shown.subscriber else ""
    made = draft(
        parts,
        publication,
        kind,
        {"address": subscribers.masked(moved.new_address), "link": link},
        language=spoken(parts, own, publication),
    )
    key = f"{kind}:{moved.subscriber_id}:{moved.serial}"
    post(session, made, publication=publication, to=to, key=key, now=now)


def _publication(session: Session, parts: Parts, subscriber_id: int) -> str:
    """The publication in whose name a person is written to: one they get, else one they had, else none."""
    shown = subscribers.portrait(session, keys=parts.keys, subscriber_id=subscriber_id)
    mine = shown.subscriptions if shown else ()
    known = [one for one in mine if one.publication in parts.settings.publications]
    known.sort(key=lambda one: one.ended_at is not None)
    return known[0].publication if known else ""


def _language(session: Session, parts: Parts, purpose: Purpose, token: str) -> str:
    named = subscribers.read_token(parts.keys, purpose, token)
    shown = (
        subscribers.portrait(session, keys=parts.keys, subscriber_id=named.subscriber_id) if named else None
    )
    if shown is None or shown.subscriber is None or named is None:
        return spoken(parts, "", next(iter(parts.settings.publications), ""))
    publication = _publication(session, parts, named.subscriber_id)
    return spoken(parts, shown.subscriber.language, publication)
