"""What can be done for and with subscribers. Every function takes the caller's session and commits nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from subscribers import addresses, store, tokens
from subscribers.model import (
    WITHDRAWN,
    Added,
    AudienceCounts,
    Barred,
    BarredReason,
    Consent,
    Ended,
    EndedReason,
    Holder,
    Left,
    Recipient,
    Shown,
    SubscribersError,
    Subscription,
    SubscriptionRef,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from subscribers.store import NewPerson, NewSubscription, Person
from subscribers.tokens import Keys, Purpose

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

# Which bar is shown when there are several: what the reader asked for before what we measured.
_GRAVEST = [
    SuppressionReason.ERASED,
    SuppressionReason.COMPLAINED,
    SuppressionReason.HARD_BOUNCE,
    SuppressionReason.SOFT_LIMIT,
    SuppressionReason.MANUAL,
]
_NAME_LENGTH = 200
_WHY_REFUSED = {
    BarredReason.UNSUBSCRIBED: "they unsubscribed; only signing up again themselves brings them back",
    BarredReason.UNSUBSCRIBED_ALL: "they unsubscribed from everything; only signing up again themselves brings them back",
    BarredReason.COMPLAINED: "they reported a mail as spam; only signing up again themselves brings them back",
    BarredReason.HARD_BOUNCE: "the address is suppressed: its mail server says it does not exist",
    BarredReason.SOFT_LIMIT: "the address is suppressed: it failed too many times",
    BarredReason.ERASED: "its owner asked to be forgotten",
    BarredReason.MANUAL: "the address is suppressed by staff",
}


class Refused(SubscribersError):
    """An address was not subscribed, because of what its owner decided or what is known of it."""

    def __init__(self, address: str, reason: BarredReason) -> None:
        self.reason = reason
        super().__init__(f"{address} was not subscribed: {why_refused(reason)}.")


class UnknownSubscriber(SubscribersError):
    """Nobody is known by this address."""

    def __init__(self, address: str) -> None:
        super().__init__(f"Nobody is known by the address {address}.")


def why_refused(reason: BarredReason) -> str:
    """The reason as a clause that staff read."""
    return _WHY_REFUSED[reason]


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
        raise Refused(parsed.text, _gravest(barred))
    list_id = store.ensure_list(session, publication)
    somebody = _ensure_person(session, parsed, name=clean_name(name), language=clean_word(language), now=now)
    mine = store.subscriptions_of(session, [somebody.id])
    standing = _open_one(mine, list_id)
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


def audience(publication: str) -> Select[int]:
    """A SELECT of one column `subscriber_id`, ascending: everybody confirmed for a publication and not barred."""
    return store.audience(publication)


def audience_counts(session: Session, publication: str) -> AudienceCounts:
    """How many have an open subscription, and why some of them are not in the audience."""
    eligible, excluded = 0, dict[str, int]()
    for state, barred, count in store.audience_groups(session, publication):
        if barred is None and state is SubscriptionState.CONFIRMED:
            eligible += count
            continue
        reason = barred or BarredReason.NOT_CONFIRMED.value
        excluded[reason] = excluded.get(reason, 0) + count
    return AudienceCounts(candidates=eligible + sum(excluded.values()), eligible=eligible, excluded=excluded)


def recipients(
    session: Session, *, keys: Keys, publication: str, subscriber_ids: Sequence[int]
) -> dict[int, Recipient | Barred]:
    """Who of these may be mailed this very moment; everybody asked for is answered.

    Asked again when deliveries are claimed, so it trusts the keyed hashes and not only the bar on the row.
    """
    people = store.people_by_id(session, subscriber_ids)
    suppressed = _suppressed_people(session, keys, list(people.values()))
    list_id = store.find_list(session, publication)
    deciding: dict[int, Subscription] = {}
    if list_id is not None:
        # Oldest first and the open one last, whatever the order in which history was recorded.
        found = store.subscriptions_of(session, list(people), list_id=list_id)
        found.sort(key=lambda one: one.state is not SubscriptionState.ENDED)
        deciding = {one.ref.subscriber_id: one for one in found}
    return {i: _recipient_or_bar(people.get(i), deciding.get(i), suppressed.get(i)) for i in subscriber_ids}


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
        subscription=_open_one(mine, ref.list_id) or (mine[-1] if mine else None),
    )


def rename_publication(session: Session, *, old: str, new: str) -> None:
    """Keep a publication's subscribers when its slug changes; links in delivered mail keep working.

    Raises `SubscribersError` when nobody subscribed under the old slug, or somebody did under the new one.
    """
    if store.find_list(session, new) is not None:
        raise SubscribersError(f'"{new}" has subscribers of its own; "{old}" cannot take its name.')
    if not store.rename_list(session, old=old, new=new):
        raise SubscribersError(f'Nobody ever subscribed to "{old}"; there is nothing to rename.')


def clean_name(text: str) -> str:
    """A display name without control or invisible characters, on one line, of bounded length."""
    if text.isprintable():
        return " ".join(text[:_NAME_LENGTH].split())
    kept = "".join(
        " " if c in "\t\r\n" else c for c in text[: 4 * _NAME_LENGTH] if c in "\t\r\n" or _visible(c)
    )
    return " ".join(kept.split())[:_NAME_LENGTH].rstrip()


def clean_word(text: str) -> str:
    """A language tag or frequency, reduced to letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9-]", "", text.strip().replace("_", "-"))[:35]


def clean_topics(topics: Sequence[str]) -> str:
    """Topics as they are stored: each once, lower case, comma between."""
    if not topics:
        return ""
    cleaned = (clean_name(topic.replace(",", " ")).lower() for topic in topics)
    return ",".join(dict.fromkeys(topic for topic in cleaned if topic))


def withdrawn(endings: Iterable[tuple[int, EndedReason | None]], list_id: int) -> BarredReason | None:
    """Why this person must not be subscribed to the publication by anybody but themselves, if so.

    `endings` are their subscriptions, oldest first: which publication, and how it ended. What counts for a
    publication is how it ended last; having left everything, or complained, counts for all of them.
    """
    for number, reason in dict(endings).items():
        elsewhere = number != list_id
        if reason in WITHDRAWN and not (elsewhere and reason is EndedReason.UNSUBSCRIBED):
            return BarredReason(reason)
    return None


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
    if somebody.barred is None or _GRAVEST.index(reason) < _GRAVEST.index(somebody.barred):
        store.update_person(session, somebody.id, barred=reason.value)


def _gravest(suppressions: Sequence[Suppression]) -> BarredReason:
    return BarredReason(min((one.reason for one in suppressions), key=_GRAVEST.index).value)


def _open_one(subscriptions: Sequence[Subscription], list_id: int) -> Subscription | None:
    for one in subscriptions:
        if one.ref.list_id == list_id and one.state is not SubscriptionState.ENDED:
            return one
    return None


def _suppressed_people(
    session: Session, keys: Keys, people: Sequence[Person]
) -> dict[int, SuppressionReason]:
    if not store.any_suppressed(session):
        return {}
    by_hash = {h: one.id for one in people if one.key for h in tokens.address_hashes(keys, one.key)}
    return {by_hash[h]: reason for h, reason in store.suppressed_hashes(session, list(by_hash)).items()}


def _recipient_or_bar(
    somebody: Person | None, subscription: Subscription | None, suppressed: SuppressionReason | None
) -> Recipient | Barred:
    if somebody is None:
        return Barred(BarredReason.UNKNOWN)
    bar = somebody.barred or suppressed
    if bar:
        return Barred(BarredReason(bar.value))
    if subscription is None:
        return Barred(BarredReason.NOT_SUBSCRIBED)
    if subscription.ended_reason:
        return Barred(BarredReason(subscription.ended_reason.value))
    if subscription.confirmed_at is None:
        return Barred(BarredReason.NOT_CONFIRMED)
    return Recipient(
        subscriber_id=somebody.id,
        address=addresses.wire_form(somebody.address, somebody.key),
        name=somebody.name,
        subscription_ref=subscription.ref,
        subscribed_at=subscription.confirmed_at,
        source=subscription.consent.source,
        language=somebody.language,
        topics=subscription.topics,
        frequency=subscription.frequency,
    )


def _visible(char: str) -> bool:
    # Cf holds the bidirectional overrides, and also the joiner that emoji and some scripts need.
    return char == "\u200d" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
