"""Let a reader leave by the links in their mail, and see what they get; a bad token changes and shows nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

import subscribers
from digest.database import Session
from digest.workflows.parts import Parts
from subscribers import EndedReason, Holder, Purpose, Recipient, SubscriptionRef, SubscriptionState

log = structlog.get_logger()

# What mail programs and people add to the end of a link that they break or copy; no token ends so.
_FRAYED = "/.,;:!?)>]}'\"\u201d\u2019 \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaver:
    """Whom an unsubscribe link names; `gone` when no mail of that publication goes to them any more."""

    publication: str
    masked_address: str
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One publication a reader gets; `language` is a BCP 47 tag."""

    publication: str
    name: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """All that one reader gets."""

    masked_address: str
    getting: tuple[Choice, ...]


def leaver(parts: Parts, token: str) -> Leaver | None:
    """Whom an unsubscribe token names, or None when it is forged, damaged or made for another purpose."""
    with parts.database.reading() as session:
        return _leaver(session, parts, _mended(token))


def leave(parts: Parts, token: str, *, now: datetime) -> Leaver | None:
    """End the subscription an unsubscribe token names; safe to repeat, and in force for the next claim."""
    token = _mended(token)
    with parts.database.transaction() as session:
        left = subscribers.unsubscribe(session, keys=parts.keys, token=token, now=now)
        if left is None:
            return None
        known = _leaver(session, parts, token)
    log.info(
        "reader.left", subscriber=left.ref.subscriber_id, publication=left.publication, already=left.already
    )
    return known


def choices(parts: Parts, token: str) -> Choices | None:
    """What the reader gets whom a preferences token names, or None when it names nobody."""
    with parts.database.reading() as session:
        return _choices(session, parts, _mended(token))


def leave_chosen(parts: Parts, token: str, *, publication: str | None, now: datetime) -> Choices | None:
    """End one subscription of a preferences token's reader, or all when `publication` is None; what is left."""
    token = _mended(token)
    with parts.database.transaction() as session:
        holder = _holder(session, parts, Purpose.PREFERENCES, token)
        if holder is None:
            return None
        if publication is None:
            _leave_everything(session, parts, holder.ref, now=now)
        else:
            _leave_one(session, parts, holder.ref, publication, now=now)
        left = _choices(session, parts, token)
    log.info("reader.left", subscriber=holder.ref.subscriber_id, publication=publication or "all")
    return left


def _leaver(session: Session, parts: Parts, token: str) -> Leaver | None:
    holder = _holder(session, parts, Purpose.UNSUBSCRIBE, token)
    if holder is None:
        return None
    latest = holder.subscription
    return Leaver(
        publication=holder.publication,
        masked_address=holder.masked_address,
        gone=latest is None or latest.state is SubscriptionState.ENDED,
    )


def _choices(session: Session, parts: Parts, token: str) -> Choices | None:
    holder = _holder(session, parts, Purpose.PREFERENCES, token)
    if holder is None:
        return None
    getting = tuple(
        Choice(publication=slug, name=known.name, language=known.language)
        for slug, known in parts.settings.publications.items()
        if _recipient(session, parts, slug, holder.ref)
    )
    return Choices(masked_address=holder.masked_address, getting=getting)


def _leave_one(
    session: Session, parts: Parts, ref: SubscriptionRef, publication: str, *, now: datetime
) -> None:
    recipient = (
        _recipient(session, parts, publication, ref) if publication in parts.settings.publications else None
    )
    if recipient:
        standing = recipient.subscription_ref
        subscribers.end(session, keys=parts.keys, ref=standing, reason=EndedReason.UNSUBSCRIBED, now=now)


def _leave_everything(session: Session, parts: Parts, ref: SubscriptionRef, *, now: datetime) -> None:
    token = subscribers.mint(parts.keys, Purpose.UNSUBSCRIBE, ref)
    subscribers.unsubscribe(session, keys=parts.keys, token=token, now=now, everything=True)


def _recipient(session: Session, parts: Parts, publication: str, ref: SubscriptionRef) -> Recipient | None:
    """This person as a mail of `publication` would find them if it were claimed now."""
    asked = [ref.subscriber_id]
    found = subscribers.recipients(session, keys=parts.keys, publication=publication, subscriber_ids=asked)
    one = found[ref.subscriber_id]
    return one if isinstance(one, Recipient) else None


def _holder(session: Session, parts: Parts, purpose: Purpose, token: str) -> Holder | None:
    return subscribers.subscription_of(session, keys=parts.keys, purpose=purpose, token=token)


def _mended(token: str) -> str:
    """`token` without what was added to its end on the way."""
    return token.strip(_FRAYED)
