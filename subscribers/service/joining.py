"""Subscribe somebody. The caller's session; nothing is committed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from subscribers import addresses, store, tokens
from subscribers.model import Added, Consent, SubscriptionState, open_one
from subscribers.service.cleaning import clean_name, clean_topics, clean_word
from subscribers.service.refusals import Refused, gravest, withdrawn
from subscribers.store import NewPerson, NewSubscription, Person
from subscribers.tokens import Keys

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session


def add(
    session: Session,
    *,
    keys: Keys,
    address: str,
    publication: str,
    consent: Consent,
    name: str = "",
    topics: Sequence[str] = (),
    frequency: str = "",
    language: str = "",
    now: datetime,
) -> Added:
    """Subscribe somebody at once, on the consent given; adding them again changes nothing.

    Raises `BadAddress`, or `Refused` for an address that is suppressed or whose owner unsubscribed or complained.
    """
    parsed = addresses.parse(address)
    barred = store.suppressions(session, tokens.address_hashes(keys, parsed.key))
    if barred:
        raise Refused(parsed.text, gravest(barred))
    list_id = store.ensure_list(session, publication)
    somebody = _ensure_person(session, parsed, name=clean_name(name), language=clean_word(language), now=now)
    mine = store.subscriptions_of(session, [somebody.id])
    standing = open_one(mine, list_id)
    if standing and standing.state is SubscriptionState.CONFIRMED:
        return Added(subscriber_id=somebody.id, state=standing.state, new=False)
    endings = [(one.ref.list_id, one.ended_reason) for one in mine]
    if standing is None and (reason := withdrawn(endings, list_id)):
        raise Refused(parsed.text, reason)
    new = NewSubscription(
        subscriber_id=somebody.id,
        list_id=list_id,
        began=now,
        wording_id=store.ensure_wording(session, consent.text),
        consent_source=consent.source,
        consent_at=consent.at,
        consent_ip=consent.ip,
        topics=clean_topics(topics),
        frequency=clean_word(frequency),
    )
    if standing:
        store.confirm(session, standing.id, new)
    else:
        store.insert_subscriptions(session, [new])
    return Added(subscriber_id=somebody.id, state=SubscriptionState.CONFIRMED, new=True)


def _ensure_person(
    session: Session, parsed: addresses.Address, *, name: str, language: str, now: datetime
) -> Person:
    somebody = store.person_by_key(session, parsed.key)
    if somebody is None:
        store.insert_people(session, [NewPerson(parsed.text, parsed.key, name, language)], now=now)
        somebody = store.person_by_key(session, parsed.key)
        assert somebody is not None
        return somebody
    changed = {k: v for k, v in (("name", name), ("language", language)) if v and v != getattr(somebody, k)}
    if changed:
        store.update_person(session, somebody.id, **changed)
    return somebody
