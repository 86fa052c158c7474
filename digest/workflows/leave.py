"""Let a reader leave by the links in their mail, say why, and take it back; a bad token changes and shows nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

import subscribers
from digest.database import Session
from digest.workflows.farewell import say_farewell
from digest.workflows.parts import Parts
from digest.workflows.tokens import mended
from digest.workflows.writing import spoken
from subscribers import Consent, Holder, Purpose, SubscriptionState

log = structlog.get_logger()
SOURCE = "undo"  # where consent was given, as the record has it
# What the page offers for an answer to why somebody leaves.
ANSWERS = ("often", "topic", "never", "elsewhere", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaver:
    """Whom an unsubscribe link names; `gone` when no mail of that publication goes to them any more.

    `undo` is the token that takes leaving back, "" where that cannot be done; `language` is what to speak to them.
    """

    publication: str
    masked_address: str
    language: str
    gone: bool
    undo: str


def leaver(parts: Parts, token: str, *, now: datetime) -> Leaver | None:
    """Whom an unsubscribe token names, or None when it is forged, damaged or made for another purpose."""
    with parts.database.reading() as session:
        return _leaver(session, parts, Purpose.UNSUBSCRIBE, mended(token), now=now)


def leave(parts: Parts, token: str, *, now: datetime) -> Leaver | None:
    """End the subscription an unsubscribe token names; safe to repeat, and in force for the next claim."""
    token = mended(token)
    with parts.database.transaction() as session:
        left = subscribers.unsubscribe(session, keys=parts.keys, token=token, now=now)
        if left is None:
            return None
        known = _leaver(session, parts, Purpose.UNSUBSCRIBE, token, now=now)
        if not left.already:
            say_farewell(session, parts, left.ref, left.publication, now=now)
    log.info(
        "reader.left", subscriber=left.ref.subscriber_id, publication=left.publication, already=left.already
    )
    return known


def returner(parts: Parts, token: str, *, now: datetime) -> Leaver | None:
    """Whom a token to take leaving back names; None when it is forged, damaged or made for another purpose."""
    with parts.database.reading() as session:
        return _leaver(session, parts, Purpose.RETURN, mended(token), now=now)


def come_back(parts: Parts, token: str, *, now: datetime) -> Leaver | None:
    """Subscribe a reader again to what they left, as they had it, for 30 days after they did; safe to repeat.

    It is an act of their own: the words on the button they pressed are kept as the consent of a new subscription.
    """
    token = mended(token)
    with parts.database.transaction() as session:
        known = _leaver(session, parts, Purpose.RETURN, token, now=now)
        ref = subscribers.read_token(parts.keys, Purpose.RETURN, token)
        if known is None or ref is None:
            return None
        words = parts.templates.words(known.language)("page_back_consent")
        consent = Consent(text=words, source=SOURCE, at=now)
        back = subscribers.come_back(session, keys=parts.keys, ref=ref, consent=consent, now=now)
        known = _leaver(session, parts, Purpose.RETURN, token, now=now)
    if back:
        log.info("reader.came_back", subscriber=ref.subscriber_id)
    return known


def explain(parts: Parts, token: str, *, answer: str, note: str, now: datetime) -> bool:
    """Keep why a reader left, one of `ANSWERS` or "" and some words of theirs, under a token that takes leaving back."""
    ref = subscribers.read_token(parts.keys, Purpose.RETURN, mended(token))
    if ref is None:
        return False
    with parts.database.transaction() as session:
        return subscribers.explain_leaving(
            session, ref=ref, answer=answer if answer in ANSWERS else "", note=note, now=now
        )


def _leaver(session: Session, parts: Parts, purpose: Purpose, token: str, *, now: datetime) -> Leaver | None:
    holder = subscribers.subscription_of(session, keys=parts.keys, purpose=purpose, token=token)
    if holder is None:
        return None
    return Leaver(
        publication=holder.publication,
        masked_address=holder.masked_address,
        language=spoken(parts, holder.language, holder.publication),
        gone=holder.subscription is None or holder.subscription.state is SubscriptionState.ENDED,
        undo=_undo(session, parts, holder, now=now),
    )


def _undo(session: Session, parts: Parts, holder: Holder, *, now: datetime) -> str:
    if not subscribers.can_return(session, keys=parts.keys, ref=holder.ref, now=now):
        return ""
    return subscribers.mint(parts.keys, Purpose.RETURN, holder.ref)
