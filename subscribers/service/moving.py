"""A change of address, confirmed at both ends: asked for by a link in a mail to the old one, done by a link in a mail
to the new one, and taken back for a week by a link in a mail to the old one. The caller's session.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from subscribers import addresses, store, tokens
from subscribers.model import Moved, MoveState, SubscriptionRef, SuppressionReason
from subscribers.service.refusals import graver
from subscribers.tokens import Keys, Purpose

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session

WEEK = timedelta(
    days=7
)  # how long the link to a new address works, and how long the old one may take it back
# What is said of an address, and stays with it; everything else is said of the person and goes with them.
_OF_THE_ADDRESS = frozenset({SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_LIMIT})


def request_move(
    session: Session, *, keys: Keys, ref: SubscriptionRef, address: str, now: datetime
) -> Moved | None:
    """Note that a person asks for another address; `Moved.token` belongs into a mail to it and works for a week.

    None, and nothing is noted, for an address that somebody has, theirs included, or that must not be mailed.
    Raises `BadAddress`.
    """
    wanted = addresses.parse(address)
    store.lock_person(session, ref.subscriber_id)
    somebody = store.person(session, ref.subscriber_id)
    if somebody is None or not somebody.key or not _is_free(session, keys, wanted.key):
        return None
    serial = store.insert_move(session, somebody.id, old=somebody.address, new=wanted.text, now=now)
    return _moved(keys, Purpose.NEW_ADDRESS, somebody.id, serial, somebody.address, wanted.text)


def look_at_move(
    session: Session, *, keys: Keys, purpose: Purpose, token: str, now: datetime
) -> tuple[MoveState, str]:
    """Where the change stands that a token of this purpose names, and the address pressing its button leads to, masked."""
    found = _found(session, keys, purpose, token)
    if found is None:
        return MoveState.OVER, ""
    state = _state(found, now=now)
    address = found.new_address if purpose is Purpose.NEW_ADDRESS else found.old_address
    return state, addresses.masked(address)


def confirm_move(session: Session, *, keys: Keys, token: str, now: datetime) -> Moved | None:
    """Give a person the new address they asked for; None, and no change, where the token does not work (any more).

    `Moved.token` belongs into a mail to the old address and takes the change back for a week. Subscriptions, history
    and what bars the person go with them; that an address bounced stays with that address.
    """
    found = _found(session, keys, Purpose.NEW_ADDRESS, token, lock=True)
    if found is None or _state(found, now=now) is not MoveState.ASKED:
        return None
    if not _is_free(session, keys, addresses.parse(found.new_address).key):
        return None
    if not _give(session, keys, found.subscriber_id, found.new_address, now=now):
        return None
    store.note_moved(session, found.subscriber_id, found.serial, now=now)
    store.close_moves(session, found.subscriber_id, since=found.serial + 1, now=now)
    return _moved(
        keys, Purpose.OLD_ADDRESS, found.subscriber_id, found.serial, found.old_address, found.new_address
    )


def undo_move(session: Session, *, keys: Keys, token: str, now: datetime) -> Moved | None:
    """Give a person back the address they had before a change, whatever changed after it; None where that is over."""
    found = _found(session, keys, Purpose.OLD_ADDRESS, token, lock=True)
    if found is None or _state(found, now=now) is not MoveState.MOVED:
        return None
    if not _give(session, keys, found.subscriber_id, found.old_address, now=now):
        return None
    store.close_moves(session, found.subscriber_id, since=found.serial, now=now)
    return _moved(
        keys, Purpose.OLD_ADDRESS, found.subscriber_id, found.serial, found.new_address, found.old_address
    )


def forget_moves(session: Session, *, now: datetime) -> int:
    """Forget the addresses of changes that can be neither done nor taken back any more; how many there were."""
    return store.forget_moves(session, before=now - WEEK)


def _found(
    session: Session, keys: Keys, purpose: Purpose, token: str, *, lock: bool = False
) -> store.Move | None:
    ref = tokens.read_token(keys, purpose, token)
    if ref is None:
        return None
    if lock:
        store.lock_person(session, ref.subscriber_id)
    return store.move(session, ref.subscriber_id, ref.list_id)


def _state(found: store.Move, *, now: datetime) -> MoveState:
    if found.closed_at or not found.old_address:
        return MoveState.OVER
    if found.moved_at is None:
        return MoveState.ASKED if now < found.asked_at + WEEK else MoveState.OVER
    return MoveState.MOVED if now < found.moved_at + WEEK else MoveState.OVER


def _give(session: Session, keys: Keys, subscriber_id: int, address: str, *, now: datetime) -> bool:
    wanted = addresses.parse(address)
    somebody = store.person(session, subscriber_id)
    if somebody is None or not somebody.key:
        return False
    bars = {one.reason for one in store.suppressions(session, tokens.address_hashes(keys, wanted.key))}
    if somebody.barred and somebody.barred not in _OF_THE_ADDRESS | bars:
        bars.add(somebody.barred)
        store.insert_suppressions(session, {tokens.address_hash(keys, wanted.key): somebody.barred}, at=now)
    barred: SuppressionReason | None = None
    for reason in bars:
        barred = reason if graver(reason, barred) else barred
    return store.give_address(
        session, somebody.id, address=wanted.text, key=wanted.key, barred=barred.value if barred else None
    )


def _is_free(session: Session, keys: Keys, address_key: str) -> bool:
    taken = store.person_by_key(session, address_key)
    suppressed = store.suppressions(session, tokens.address_hashes(keys, address_key))
    return taken is None and not suppressed


def _moved(keys: Keys, purpose: Purpose, subscriber_id: int, serial: int, old: str, new: str) -> Moved:
    named = SubscriptionRef(subscriber_id=subscriber_id, list_id=serial)
    return Moved(
        subscriber_id=subscriber_id,
        serial=serial,
        old_address=old,
        new_address=new,
        token=tokens.mint(keys, purpose, named),
    )
