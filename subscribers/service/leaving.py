"""Everything by which somebody stops being mailed. The caller's session; nothing is committed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from subscribers import addresses, store, tokens
from subscribers.model import (
    Ended,
    EndedReason,
    Left,
    SubscribersError,
    SubscriptionRef,
    Suppression,
    SuppressionReason,
)
from subscribers.service.refusals import UnknownSubscriber, graver
from subscribers.store import Person
from subscribers.tokens import Keys, Purpose

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session


def unsubscribe(
    session: Session, *, keys: Keys, token: str, now: datetime, everything: bool = False
) -> Left | None:
    """Do what an unsubscribe link asks, from one publication or all; None and no change for a token that is not ours.

    Doing it again changes nothing. It holds from the next `recipients` on.
    """
    ref = tokens.read_token(keys, Purpose.UNSUBSCRIBE, token)
    if ref is None:
        return None
    publication = store.list_slug(session, ref.list_id)
    if publication is None:
        return None
    ended = store.end_open(
        session,
        ref.subscriber_id,
        list_id=None if everything else ref.list_id,
        reason=EndedReason.UNSUBSCRIBED_ALL if everything else EndedReason.UNSUBSCRIBED,
        now=now,
    )
    return Left(ref=ref, publication=publication, ended=ended)


def end(
    session: Session,
    *,
    keys: Keys,
    address: str | None = None,
    ref: SubscriptionRef | None = None,
    publication: str | None = None,
    reason: EndedReason,
    now: datetime,
) -> Ended:
    """End somebody's subscription to a publication, or to all of them; ending it again changes nothing.

    Name them by `address`, or by `ref`, which also names the publication. Raises `UnknownSubscriber`.
    """
    if ref is not None:
        return Ended(
            subscriber_id=ref.subscriber_id,
            publications=store.end_open(
                session, ref.subscriber_id, list_id=ref.list_id, reason=reason, now=now
            ),
        )
    somebody = _known(session, address or "")
    list_id = None
    if publication is not None:
        list_id = store.find_list(session, publication)
        if list_id is None:
            return Ended(subscriber_id=somebody.id, publications=())
    ended = store.end_open(session, somebody.id, list_id=list_id, reason=reason, now=now)
    return Ended(subscriber_id=somebody.id, publications=ended)


def suppress(
    session: Session,
    *,
    keys: Keys,
    address: str | None = None,
    subscriber_id: int | None = None,
    reason: SuppressionReason,
    now: datetime,
) -> Suppression:
    """Never mail this address again, known or not. A complaint also ends all its subscriptions.

    Other reasons leave subscriptions standing behind the bar. Name it by `address` or by `subscriber_id`; raises
    `BadAddress` or `UnknownSubscriber`.
    """
    if reason is SuppressionReason.ERASED:
        raise SubscribersError("To suppress an address because its owner asked to be forgotten, erase it.")
    if subscriber_id is not None:
        somebody = store.person(session, subscriber_id)
        if somebody is None or not somebody.key:
            raise UnknownSubscriber(f"of subscriber {subscriber_id}")
        key = somebody.key
    else:
        key = addresses.parse(address or "").key
        somebody = store.person_by_key(session, key)
    suppression = _record(session, keys, key, reason, now=now)
    if somebody:
        _bar(session, somebody, reason)
        if reason is SuppressionReason.COMPLAINED:
            store.end_open(session, somebody.id, list_id=None, reason=EndedReason.COMPLAINED, now=now)
    return suppression


def erase(session: Session, *, keys: Keys, address: str, now: datetime) -> int | None:
    """Forget somebody: address, name and choices are gone, their number and dates stay, and so does the keyed hash.

    Returns their number, or None when nobody was known by the address; it is suppressed all the same.
    """
    key = addresses.parse(address).key
    _record(session, keys, key, SuppressionReason.ERASED, now=now)
    somebody = store.person_by_key(session, key)
    if somebody is None:
        return None
    store.end_open(session, somebody.id, list_id=None, reason=EndedReason.ERASED, now=now)
    store.forget_details(session, somebody.id)
    store.forget_moves_of(session, somebody.id)
    store.update_person(
        session,
        somebody.id,
        address=None,
        address_key=None,
        name="",
        language="",
        barred=SuppressionReason.ERASED.value,
        erased_at=now,
    )
    return somebody.id


def _known(session: Session, address: str) -> Person:
    somebody = store.person_by_key(session, addresses.parse(address).key)
    if somebody is None:
        raise UnknownSubscriber(address)
    return somebody


def _record(
    session: Session, keys: Keys, address_key: str, reason: SuppressionReason, *, now: datetime
) -> Suppression:
    """Store a suppression unless one with this reason is there, under a key of today or of before."""
    for known in store.suppressions(session, tokens.address_hashes(keys, address_key)):
        if known.reason is reason:
            return known
    store.insert_suppressions(session, {tokens.address_hash(keys, address_key): reason}, at=now)
    return Suppression(reason=reason, at=now)


def _bar(session: Session, somebody: Person, reason: SuppressionReason) -> None:
    if graver(reason, somebody.barred):
        store.update_person(session, somebody.id, barred=reason.value)
