"""A person by number: everything kept about them, their address, and whether an address is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from subscribers import addresses, store, tokens
from subscribers.model import Shown
from subscribers.tokens import Keys

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session


def portrait(session: Session, *, keys: Keys, subscriber_id: int) -> Shown | None:
    """Everything kept about a person, oldest subscription first; None when nobody has this number any more."""
    somebody = store.person(session, subscriber_id)
    if somebody is None or not somebody.key:
        return None
    return Shown(
        subscriber=somebody.as_subscriber(),
        subscriptions=tuple(store.subscriptions_of(session, [somebody.id])),
        suppressions=tuple(store.suppressions(session, tokens.address_hashes(keys, somebody.key))),
    )


def is_address_of(session: Session, *, subscriber_id: int, address: str) -> bool:
    """Whether a person is known by this address, in whatever case it is written."""
    somebody = store.person(session, subscriber_id)
    try:
        return bool(somebody and somebody.key and addresses.parse(address).key == somebody.key)
    except addresses.BadAddress:
        return False
