"""Take one message that came back by mail and do what it asks, where a token of ours says that it may ask it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

import structlog

import subscribers
from digest.deliveries import reports
from digest.deliveries.reports import Kind
from digest.workflows import leave
from digest.workflows.parts import Parts
from subscribers import Purpose

log = structlog.get_logger()


class Action(enum.StrEnum):
    """What was done."""

    UNSUBSCRIBED = "unsubscribed"
    ALREADY = "already-unsubscribed"
    KEPT = "kept"  # nothing: the message is for a person, or for what reads bounces, to look at


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a message was and what came of it; `recipient` is the reader's address, None where no token named one.

    `verdict` is for bounces and None for everything else, and for bounces that nobody judged.
    """

    kind: Kind
    verdict: str | None
    recipient: str | None
    action: Action


def take(parts: Parts, message: bytes, *, now: datetime) -> Taken:
    """Do what `message` asks; nothing is ever answered, so no two machines can write to each other for ever."""
    report = reports.read(message)
    for token in report.tokens:
        taken = _leave(parts, token, now=now)
        if taken:
            break
    else:
        taken = Taken(kind=report.kind, verdict=None, recipient=None, action=Action.KEPT)
    log.info("inbox.taken", kind=taken.kind, action=taken.action)
    return taken


def _leave(parts: Parts, token: str, *, now: datetime) -> Taken | None:
    """Let the reader go whom an unsubscribe token names; None for a token that is not ours."""
    with parts.database.reading() as session:
        holder = subscribers.subscription_of(
            session, keys=parts.keys, purpose=Purpose.UNSUBSCRIBE, token=token
        )
        if holder is None:
            return None
        number = holder.ref.subscriber_id
        address = subscribers.addresses_of(session, [number]).get(number)
    leave.leave(parts, token, now=now)
    action = Action.UNSUBSCRIBED if holder.subscribed else Action.ALREADY
    return Taken(kind=Kind.UNSUBSCRIBE, verdict=None, recipient=address, action=action)
