"""What a publication asks: its audience, who may be mailed this very moment, and to keep both under a new name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from subscribers import addresses, store, tokens
from subscribers.model import (
    AudienceCounts,
    Barred,
    BarredReason,
    Recipient,
    SubscribersError,
    Subscription,
    SubscriptionRef,
    SubscriptionState,
    SuppressionReason,
)
from subscribers.store import Person
from subscribers.tokens import Keys

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy import Select
    from sqlalchemy.orm import Session


def audience(publication: str, *, now: datetime | None = None) -> Select[int]:
    """A SELECT of one column `subscriber_id`, ascending: everybody confirmed for a publication and not barred.

    With `now` (aware) nobody whose pause lasts beyond it is in it; without, pauses are not looked at.
    """
    return store.audience(publication, now=now)


def audience_by_frequency(publication: str, *, now: datetime) -> Select[int, str]:
    """A SELECT of `subscriber_id`, ascending, and `frequency`: the audience at `now`, and how often each wants it."""
    return store.audience_by_frequency(publication, now=now)


def audience_counts(session: Session, publication: str, *, now: datetime | None = None) -> AudienceCounts:
    """How many have an open subscription, and why some of them are not in the audience of the same `now`."""
    eligible, excluded = 0, dict[str, int]()
    for state, barred, count in store.audience_groups(session, publication, now=now):
        if barred is None and state is SubscriptionState.CONFIRMED:
            eligible += count
            continue
        reason = barred or BarredReason.NOT_CONFIRMED.value
        excluded[reason] = excluded.get(reason, 0) + count
    return AudienceCounts(candidates=eligible + sum(excluded.values()), eligible=eligible, excluded=excluded)


def recipients(
    session: Session,
    *,
    keys: Keys,
    publication: str,
    subscriber_ids: Sequence[int],
    now: datetime | None = None,
) -> dict[int, Recipient | Barred]:
    """Who of these may be mailed this very moment; everybody asked for is answered.

    Asked again when deliveries are claimed, so it trusts the keyed hashes and not only the bar on the row. With `now`
    (aware) a pause that lasts beyond it bars, too; without, pauses are not looked at.
    """
    list_id = store.find_list(session, publication)
    found = [] if list_id is None else store.standing(session, subscriber_ids, list_id=list_id)
    suppressed = _suppressed_people(session, keys, [(one.id, one.key) for one in found])
    answers: dict[int, Recipient | Barred] = {
        one.id: _recipient(one, list_id)
        for one in found
        if list_id is not None
        and one.id not in suppressed
        and (now is None or one.paused_until is None or one.paused_until <= now)
    }
    rest = [number for number in subscriber_ids if number not in answers]
    return answers | _barred(session, rest, keys=keys, list_id=list_id, now=now) if rest else answers


def rename_publication(session: Session, *, old: str, new: str) -> None:
    """Keep a publication's subscribers when its slug changes; links in delivered mail keep working.

    Raises `SubscribersError` when nobody subscribed under the old slug, or somebody did under the new one.
    """
    if store.find_list(session, new) is not None:
        raise SubscribersError(f'"{new}" has subscribers of its own; "{old}" cannot take its name.')
    if not store.rename_list(session, old=old, new=new):
        raise SubscribersError(f'Nobody ever subscribed to "{old}"; there is nothing to rename.')


def _barred(
    session: Session, subscriber_ids: Sequence[int], *, keys: Keys, list_id: int | None, now: datetime | None
) -> dict[int, Recipient | Barred]:
    """Why each of these is not mailed."""
    people = store.people_by_id(session, subscriber_ids)
    suppressed = _suppressed_people(session, keys, [(one.id, one.key) for one in people.values()])
    deciding: dict[int, Subscription] = {}
    if list_id is not None:
        # Oldest first and the open one last, whatever the order in which history was recorded.
        found = store.subscriptions_of(session, list(people), list_id=list_id)
        found.sort(key=lambda one: one.state is not SubscriptionState.ENDED)
        deciding = {one.ref.subscriber_id: one for one in found}
    return {i: _bar(people.get(i), deciding.get(i), suppressed.get(i), now=now) for i in subscriber_ids}


def _suppressed_people(
    session: Session, keys: Keys, people: Sequence[tuple[int, str]]
) -> dict[int, SuppressionReason]:
    """Which of these people, by number and key of the address, are suppressed, and why."""
    if not store.any_suppressed(session):
        return {}
    by_hash = {h: number for number, key in people if key for h in tokens.address_hashes(keys, key)}
    return {by_hash[h]: reason for h, reason in store.suppressed_hashes(session, list(by_hash)).items()}


def _bar(
    somebody: Person | None,
    subscription: Subscription | None,
    suppressed: SuppressionReason | None,
    *,
    now: datetime | None,
) -> Barred:
    if somebody is None:
        return Barred(BarredReason.UNKNOWN)
    if bar := somebody.barred or suppressed:
        return Barred(BarredReason(bar.value))
    if subscription is None:
        return Barred(BarredReason.NOT_SUBSCRIBED)
    if subscription.ended_reason:
        return Barred(BarredReason(subscription.ended_reason.value))
    if now is not None and subscription.paused(now=now):
        return Barred(BarredReason.PAUSED)
    return Barred(BarredReason.NOT_CONFIRMED)


def _recipient(one: store.Standing, list_id: int) -> Recipient:
    return Recipient(
        subscriber_id=one.id,
        address=addresses.wire_form(one.address, one.key),
        name=one.name,
        subscription_ref=SubscriptionRef(subscriber_id=one.id, list_id=list_id),
        subscribed_at=one.confirmed_at,
        source=one.source,
        language=one.language,
        topics=tuple(one.topics.split(",")) if one.topics else (),
        frequency=one.frequency,
        events_only=one.events_only,
        paused_until=one.paused_until,
    )
