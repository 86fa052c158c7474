"""Come back by the reader's own act: take leaving back, or join another publication. The caller's session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from subscribers import store, tokens
from subscribers.model import (
    Consent,
    EndedReason,
    Subscription,
    SubscriptionRef,
    SubscriptionState,
    open_one,
)
from subscribers.service.cleaning import clean_note, clean_word
from subscribers.store import NewSubscription
from subscribers.tokens import Keys

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session

MONTH = timedelta(days=30)  # how long leaving can be taken back
_LEFT = frozenset({EndedReason.UNSUBSCRIBED, EndedReason.UNSUBSCRIBED_ALL})


def can_return(session: Session, *, keys: Keys, ref: SubscriptionRef, now: datetime) -> bool:
    """Whether this person left this publication themselves, lately enough to take it back, and may be mailed."""
    return _left(session, keys, ref, now=now) is not None


def come_back(session: Session, *, keys: Keys, ref: SubscriptionRef, consent: Consent, now: datetime) -> bool:
    """Subscribe a reader again to what they left, as they had it, on the consent of this act; False where it is too late.

    It is a new subscription: the one that ended stays ended. Coming back twice changes nothing.
    """
    store.lock_person(session, ref.subscriber_id)
    left = _left(session, keys, ref, now=now)
    if left is None:
        return False
    chosen = NewSubscription(
        subscriber_id=ref.subscriber_id,
        list_id=ref.list_id,
        began=now,
        wording_id=store.ensure_wording(session, consent.text),
        consent_source=consent.source,
        consent_at=consent.at,
        consent_ip=consent.ip,
        topics=",".join(left.topics),
        frequency=left.frequency,
    )
    store.insert_subscriptions(session, [chosen])
    store.update_open(session, ref.subscriber_id, list_id=ref.list_id, events_only=left.events_only)
    return True


def join(
    session: Session, *, keys: Keys, ref: SubscriptionRef, publication: str, consent: Consent, now: datetime
) -> SubscriptionRef | None:
    """Subscribe the bearer of a link in a mail to one more publication; None for somebody who must not be mailed.

    Holding the link proves that the mailbox is theirs, so it is confirmed at once. Joining twice changes nothing,
    and what they chose when they last had it holds again.
    """
    store.lock_person(session, ref.subscriber_id)
    if not _may_be_mailed(session, keys, ref.subscriber_id):
        return None
    list_id = store.ensure_list(session, publication)
    mine = store.subscriptions_of(session, [ref.subscriber_id], list_id=list_id)
    standing = open_one(mine, list_id)
    before = standing or (mine[-1] if mine else None)
    joined = SubscriptionRef(subscriber_id=ref.subscriber_id, list_id=list_id)
    if standing and standing.state is SubscriptionState.CONFIRMED:
        return joined
    new = NewSubscription(
        subscriber_id=ref.subscriber_id,
        list_id=list_id,
        began=now,
        wording_id=store.ensure_wording(session, consent.text),
        consent_source=consent.source,
        consent_at=consent.at,
        consent_ip=consent.ip,
        topics=",".join(before.topics) if before else "",
        frequency=before.frequency if before else "",
    )
    if standing:
        store.confirm(session, standing.id, new)
    else:
        store.insert_subscriptions(session, [new])
    if before and before.events_only:
        store.update_open(session, ref.subscriber_id, list_id=list_id, events_only=True)
    return joined


def explain_leaving(session: Session, *, ref: SubscriptionRef, answer: str, note: str, now: datetime) -> bool:
    """Keep why a reader left, in one word of the question's and some of theirs; for as long as it can be taken back."""
    last = _last(store.subscriptions_of(session, [ref.subscriber_id], list_id=ref.list_id), ref.list_id)
    if last is None or not _lately(last, now=now):
        return False
    store.note_leaving(session, last.id, answer=clean_word(answer)[:20], note=clean_note(note))
    return True


def speak(session: Session, *, ref: SubscriptionRef, language: str) -> None:
    """Write to a person in this language from now on; empty for the publication's."""
    store.update_person(session, ref.subscriber_id, language=clean_word(language))


def _left(session: Session, keys: Keys, ref: SubscriptionRef, *, now: datetime) -> Subscription | None:
    last = _last(store.subscriptions_of(session, [ref.subscriber_id], list_id=ref.list_id), ref.list_id)
    if last is None or not _lately(last, now=now) or last.confirmed_at is None:
        return None
    return last if _may_be_mailed(session, keys, ref.subscriber_id) else None


def _last(mine: Sequence[Subscription], list_id: int) -> Subscription | None:
    """The latest of somebody's subscriptions, unless one is open."""
    return None if open_one(mine, list_id) or not mine else mine[-1]


def _lately(last: Subscription, *, now: datetime) -> bool:
    return last.ended_reason in _LEFT and last.ended_at is not None and now < last.ended_at + MONTH


def _may_be_mailed(session: Session, keys: Keys, subscriber_id: int) -> bool:
    somebody = store.person(session, subscriber_id)
    if somebody is None or not somebody.key or somebody.barred:
        return False
    return not store.suppressions(session, tokens.address_hashes(keys, somebody.key))
