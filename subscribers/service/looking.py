"""What is known of somebody, for staff and for the bearer of a link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from subscribers import addresses, store, tokens
from subscribers.model import Holder, Shown, open_one
from subscribers.tokens import Keys, Purpose

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session


def show(session: Session, *, keys: Keys, address: str) -> Shown:
    """Everything kept about an address, oldest subscription first; all empty when nothing is."""
    parsed = addresses.parse(address)
    somebody = store.person_by_key(session, parsed.key)
    return Shown(
        subscriber=somebody.as_subscriber() if somebody else None,
        subscriptions=tuple(store.subscriptions_of(session, [somebody.id])) if somebody else (),
        suppressions=tuple(store.suppressions(session, tokens.address_hashes(keys, parsed.key))),
    )


def find(session: Session, *, address: str) -> int | None:
    """The number of the person with this address, in whatever case it is written."""
    somebody = store.person_by_key(session, addresses.parse(address).key)
    return somebody.id if somebody else None


def addresses_of(session: Session, subscriber_ids: Sequence[int]) -> dict[int, str]:
    """The address of each of these people; those who were erased or never were have none."""
    found = store.people_by_id(session, subscriber_ids)
    return {number: one.address for number, one in found.items() if one.address}


def subscription_of(session: Session, keys: Keys, purpose: Purpose, token: str) -> Holder | None:
    """What the bearer of a token may see; None for a token that is not ours or names nobody."""
    ref = tokens.read_token(keys, purpose, token)
    if ref is None:
        return None
    somebody = store.person(session, ref.subscriber_id)
    publication = store.list_slug(session, ref.list_id)
    if somebody is None or publication is None:
        return None
    mine = store.subscriptions_of(session, [somebody.id], list_id=ref.list_id)
    return Holder(
        ref=ref,
        publication=publication,
        masked_address=addresses.masked(somebody.address),
        language=somebody.language,
        subscription=open_one(mine, ref.list_id) or (mine[-1] if mine else None),
    )
