"""The last mail to somebody who left, for publications that are configured to send one; its link takes leaving back."""

from __future__ import annotations

from datetime import datetime

import subscribers
from digest.database import Session
from digest.workflows.parts import Parts
from digest.workflows.writing import draft, post, spoken
from subscribers import Purpose, SubscriptionRef


def say_farewell(
    session: Session, parts: Parts, ref: SubscriptionRef, publication: str, *, now: datetime
) -> bool:
    """Queue it, in the transaction in which they left; False where none is configured or they must not be mailed."""
    configured = parts.settings.publications.get(publication)
    if configured is None or not configured.farewell:
        return False
    shown = subscribers.portrait(session, keys=parts.keys, subscriber_id=ref.subscriber_id)
    if shown is None or shown.subscriber is None or shown.suppressed:
        return False
    undo = subscribers.mint(parts.keys, Purpose.RETURN, ref)
    language = spoken(parts, shown.subscriber.language, publication)
    link = f"{parts.settings.site.base_url}/r/{undo}"
    made = draft(parts, publication, "farewell", {"link": link}, language=language)
    key = f"farewell:{ref.subscriber_id}:{ref.list_id}:{int(now.timestamp())}"
    return post(session, made, publication=publication, to=shown.subscriber.address, key=key, now=now)
