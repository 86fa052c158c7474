"""What a reader chose of a publication: topics, how often, events only, and a pause. The caller's session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from subscribers import store
from subscribers.model import Subscription, SubscriptionRef, SubscriptionState, open_one
from subscribers.service.cleaning import clean_topics, clean_word
from subscribers.tokens import Keys

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session


def choose(
    session: Session,
    *,
    keys: Keys,
    ref: SubscriptionRef,
    topics: Sequence[str] = (),
    frequency: str = "",
    events_only: bool = False,
    paused_until: datetime | None = None,
    now: datetime,
) -> Subscription | None:
    """Keep all that a reader chose, in place of what they chose before; the subscription as it is now.

    No topics means every topic, no frequency the publication's own. A pause that is over at `now` is none. None, and
    no change, where no confirmed subscription stands. It holds from the next `audience` and `recipients` on.
    """
    standing = open_one(
        store.subscriptions_of(session, [ref.subscriber_id], list_id=ref.list_id), ref.list_id
    )
    if standing is None or standing.state is not SubscriptionState.CONFIRMED:
        return None
    store.update_open(
        session,
        ref.subscriber_id,
        list_id=ref.list_id,
        topics=clean_topics(topics),
        frequency=clean_word(frequency),
        events_only=events_only,
        paused_until=paused_until if paused_until is not None and paused_until > now else None,
    )
    return open_one(store.subscriptions_of(session, [ref.subscriber_id], list_id=ref.list_id), ref.list_id)
