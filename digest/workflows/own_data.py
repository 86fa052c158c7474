"""What is kept about a reader, taken away by them or erased: both ask for the whole address, which no page shows."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import structlog

import subscribers
from digest.database import Session
from digest.deliveries import store as deliveries
from digest.editions import store as editions
from digest.workflows.parts import Parts
from digest.workflows.tokens import mended
from subscribers import Purpose, Shown, Subscription

log = structlog.get_logger()
_EDITIONS = 2_000  # the latest ones looked through for deliveries


def is_theirs(parts: Parts, token: str, address: str) -> bool:
    """Whether this is the whole address of the reader whom a preferences token names."""
    with parts.database.reading() as session:
        return _owner(session, parts, token, address) is not None


def export(parts: Parts, token: str, *, address: str) -> str | None:
    """Everything kept about a preferences token's reader as JSON; None where `address` is not theirs."""
    with parts.database.reading() as session:
        number = _owner(session, parts, token, address)
        shown = (
            subscribers.portrait(session, keys=parts.keys, subscriber_id=number)
            if number is not None
            else None
        )
        if shown is None or number is None:
            return None
        kept = _person(shown) | {"deliveries": _deliveries(session, number)}
    log.info("reader.exported", subscriber=number)
    return json.dumps(kept, ensure_ascii=False, indent=2)


def erase(parts: Parts, token: str, *, address: str, now: datetime) -> bool:
    """Forget a preferences token's reader, keeping only the keyed hash that stops them from being mailed.

    Their number stays in the ledger, so counts stay true. False, and nothing done, where `address` is not theirs.
    """
    with parts.database.transaction() as session:
        number = _owner(session, parts, token, address)
        shown = (
            subscribers.portrait(session, keys=parts.keys, subscriber_id=number)
            if number is not None
            else None
        )
        if shown is None or shown.subscriber is None:
            return False
        known = {shown.subscriber.address, address.strip()}
        subscribers.erase(session, keys=parts.keys, address=shown.subscriber.address, now=now)
        deliveries.forget_notices(session, sorted(known))
    log.info("subscriber.erased", subscriber=number)
    return True


def _owner(session: Session, parts: Parts, token: str, address: str) -> int | None:
    named = subscribers.read_token(parts.keys, Purpose.PREFERENCES, mended(token))
    if named is None:
        return None
    theirs = subscribers.is_address_of(session, subscriber_id=named.subscriber_id, address=address)
    return named.subscriber_id if theirs else None


def _person(shown: Shown) -> dict[str, Any]:
    somebody = shown.subscriber
    assert somebody is not None
    return {
        "address": somebody.address,
        "name": somebody.name,
        "language": somebody.language,
        "known_since": somebody.created_at.isoformat(),
        "subscriptions": [_subscription(one) for one in shown.subscriptions],
        "not_mailed_because": [
            {"reason": one.reason.value, "since": one.at.isoformat()} for one in shown.suppressions
        ],
    }


def _subscription(one: Subscription) -> dict[str, Any]:
    return {
        "publication": one.publication,
        "state": one.state.value,
        "requested_at": one.requested_at.isoformat(),
        "confirmed_at": _iso(one.confirmed_at),
        "ended_at": _iso(one.ended_at),
        "ended_because": one.ended_reason.value if one.ended_reason else None,
        "ended_answer": one.ended_answer,
        "ended_note": one.ended_note,
        "topics": list(one.topics),
        "frequency": one.frequency,
        "events_only": one.events_only,
        "paused_until": _iso(one.paused_until),
        "consent": {
            "text": one.consent.text,
            "source": one.consent.source,
            "at": one.consent.at.isoformat(),
            "ip": one.consent.ip,
        },
    }


def _deliveries(session: Session, subscriber_id: int) -> list[dict[str, Any]]:
    """By edition, as the ledger is kept: asking it for one person across all editions would read all of it."""
    found = []
    for edition in editions.list_editions(session, limit=_EDITIONS):
        delivery = deliveries.delivery(session, edition.id, subscriber_id)
        if delivery is not None:
            found.append(
                {
                    "publication": edition.publication,
                    "edition": edition.number,
                    "subject": edition.subject,
                    "sent_at": _iso(edition.launched_at),
                    "state": delivery.state.value,
                    "reason": delivery.reason,
                }
            )
    return found


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
