"""Ask to be subscribed, and confirm it: nobody is subscribed who did not press a button in their own mail.

The same statements run for an address that is new, waiting, subscribed or suppressed, so that neither the answer nor
the time it takes tells a stranger which of them it is.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from subscribers import addresses, store, tokens
from subscribers.model import Consent, Subscription, SubscriptionRef, SubscriptionState, SuppressionReason
from subscribers.model import open_one as open_one_of
from subscribers.service.cleaning import clean_topics, clean_word
from subscribers.service.limits import Limit, forget, take
from subscribers.service.refusals import gravest
from subscribers.store import NewPerson, NewSubscription, Person, Waiting
from subscribers.tokens import Keys

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session

CONFIRM_WITHIN = timedelta(days=7)
REMIND_AFTER = timedelta(hours=24)
_HOUR, _DAY = 3600, 86400
_AGAIN = timedelta(seconds=_HOUR)
# What the owner of an address may take back by confirming a sign-up of their own; no other bar is theirs to lift.
_LIFTED = frozenset({SuppressionReason.COMPLAINED})


class Answer(enum.StrEnum):
    """What a request for an address comes to; only its owner may ever learn which."""

    CONFIRM = "confirm"  # a mail asks its owner to confirm
    ALREADY = "already"  # a mail tells its owner that they are subscribed
    NOTHING = "nothing"  # the address is not mailed, and nothing about the request is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """What became of a request. `mail` says whether a mail may go out now; `mails` how many asked before it.

    `address` is as an SMTP server wants it, `request_id` what `mint_request` takes, `ref` what other tokens name.
    """

    answer: Answer
    mail: bool
    request_id: int
    mails: int
    address: str
    ref: SubscriptionRef
    language: str
    requested_at: datetime


class Standing(enum.StrEnum):
    """How a request stands whose token somebody holds."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What the bearer of a confirmation token may see; `new` when the request was confirmed just now."""

    request_id: int
    publication: str
    masked_address: str
    language: str
    standing: Standing
    ref: SubscriptionRef
    new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DueMail:
    """A request whose next mail is due and may go out; `publication` is its slug."""

    publication: str
    requested: Requested


def request(
    session: Session,
    *,
    keys: Keys,
    address: str,
    publication: str,
    consent: Consent,
    topics: Sequence[str] = (),
    frequency: str = "",
    language: str = "",
    now: datetime,
) -> Requested:
    """Ask for a subscription that the owner of the address has to confirm; raises `BadAddress`.

    A second request renews the first. At most one mail an hour and three in thirty days ask an address to confirm,
    until one is confirmed; an address that waits for its turn is asked later by `mails_due`.
    """
    parsed = addresses.parse(address)
    suppressed = store.suppressions(session, tokens.address_hashes(keys, parsed.key))
    nested = session.begin_nested()
    person = NewPerson(parsed.text, parsed.key, "", clean_word(language))
    somebody = store.ensure_stranger(session, person, now=now)
    new = NewSubscription(
        subscriber_id=somebody.id,
        list_id=store.ensure_list(session, publication),
        began=now,
        wording_id=store.ensure_wording(session, consent.text),
        consent_source=consent.source,
        consent_at=consent.at,
        consent_ip=consent.ip,
        topics=clean_topics(topics),
        frequency=clean_word(frequency),
    )
    store.insert_request(session, new, expires_at=now + CONFIRM_WITHIN)
    standing = open_one_of(store.subscriptions_of(session, [somebody.id]), new.list_id)
    assert standing is not None
    bars = {one.reason for one in suppressed} | ({somebody.barred} if somebody.barred else set())
    answer = _answer(standing, bars)
    requested = _take_mail(session, keys, somebody, standing, answer, now=now)
    if answer is Answer.NOTHING:
        nested.rollback()
    else:
        nested.commit()
    return requested


def pending(session: Session, *, keys: Keys, token: str, now: datetime) -> Pending | None:
    """How the request stands that a token confirms; None for a token that is not ours. Looking changes nothing."""
    request_id = tokens.read_request(keys, token)
    found = store.subscription(session, request_id) if request_id is not None else None
    if found is None:
        return None
    somebody = store.person(session, found.ref.subscriber_id)
    waiting = store.request(session, found.id)
    standing = Standing.OVER
    if found.state is SubscriptionState.CONFIRMED:
        standing = Standing.CONFIRMED
    if waiting and waiting.expires_at > now and somebody and _may_confirm(somebody):
        standing = Standing.WAITING
    return Pending(
        request_id=found.id,
        publication=found.publication,
        masked_address=addresses.masked(somebody.address) if somebody else "",
        language=somebody.language if somebody else "",
        standing=standing,
        ref=found.ref,
    )


def confirm(session: Session, *, keys: Keys, token: str, now: datetime) -> Pending | None:
    """Confirm the request a token names, which lifts a complaint of its owner; None for a token that is not ours.

    Done once: a second time, too late, or for an address that is suppressed otherwise, it only says how things stand.
    """
    found = pending(session, keys=keys, token=token, now=now)
    if found is None or found.standing is not Standing.WAITING:
        return found
    if store.request(session, found.request_id, lock=True) is None or not store.confirm_request(
        session, found.request_id, now=now
    ):
        return pending(session, keys=keys, token=token, now=now)
    somebody = store.person(session, found.ref.subscriber_id)
    assert somebody is not None
    _lift(session, keys, somebody)
    forget(session, keys=keys, limits=_mail_limits(Answer.CONFIRM, somebody.key))
    confirmed = pending(session, keys=keys, token=token, now=now)
    assert confirmed is not None
    return Pending(
        request_id=confirmed.request_id,
        publication=confirmed.publication,
        masked_address=confirmed.masked_address,
        language=confirmed.language,
        standing=confirmed.standing,
        ref=confirmed.ref,
        new=True,
    )


def mails_due(session: Session, *, keys: Keys, now: datetime, limit: int = 200) -> list[DueMail]:
    """The requests whose owners are to be asked now, once more or for the first time; each is noted as asked.

    An address that may not be mailed now is looked at again in an hour.
    """
    due = []
    for waiting in store.requests_to_mail(session, now=now, limit=limit):
        standing = store.subscription(session, waiting.subscription_id)
        somebody = store.person(session, waiting.subscriber_id)
        if standing is None or somebody is None or not _may_confirm(somebody):
            store.note_mail(session, waiting.subscription_id, mails=waiting.mails, mail_at=None)
            continue
        requested = _take_mail(session, keys, somebody, standing, Answer.CONFIRM, now=now)
        if requested.mail:
            due.append(DueMail(publication=standing.publication, requested=requested))
    return due


def expire_requests(session: Session, *, now: datetime, limit: int = 500) -> tuple[int, int]:
    """End requests that nobody confirmed in time, and forget the people of whom nothing else is known; both counts."""
    ids = store.expired_requests(session, now=now, limit=limit)
    if not ids:
        return 0, 0
    people = store.expire_requests(session, ids, now=now)
    return len(people), store.forget_strangers(session, people, now=now)


def forget_ips(session: Session, *, before: datetime) -> int:
    """Forget the IP addresses of consents given before a moment; how many there were."""
    return store.forget_ips(session, before=before)


def _answer(standing: Subscription, bars: set[SuppressionReason]) -> Answer:
    confirmed = standing.state is SubscriptionState.CONFIRMED
    if bars - _LIFTED or (bars and confirmed):
        return Answer.NOTHING
    return Answer.ALREADY if confirmed else Answer.CONFIRM


def _take_mail(
    session: Session, keys: Keys, somebody: Person, standing: Subscription, answer: Answer, *, now: datetime
) -> Requested:
    """Count one mail to this address if it may have one now, and note when the request's next is due."""
    waiting = store.request(session, standing.id) or Waiting(standing.id, somebody.id, 0, None, now)
    may = take(session, keys=keys, limits=_mail_limits(answer, somebody.key), now=now) is None
    store.note_mail(
        session,
        standing.id,
        mails=waiting.mails + may,
        mail_at=_next_mail(waiting, mailed=may, now=now),
    )
    return Requested(
        answer=answer,
        mail=may and answer is not Answer.NOTHING,
        request_id=standing.id,
        mails=waiting.mails,
        address=addresses.wire_form(somebody.address, somebody.key),
        ref=standing.ref,
        language=somebody.language,
        requested_at=standing.requested_at,
    )


def _next_mail(waiting: Waiting, *, mailed: bool, now: datetime) -> datetime | None:
    """One reminder a day after the first mail, and none after it; a first mail that had to wait is tried hourly."""
    if mailed:
        return now + REMIND_AFTER if waiting.mails == 0 else None
    if waiting.mails == 0 or (waiting.mail_at is not None and waiting.mail_at <= now):
        return now + _AGAIN
    return waiting.mail_at


def _mail_limits(answer: Answer, address_key: str) -> tuple[Limit, ...]:
    if answer is Answer.ALREADY:
        name, most, seconds = f"already/{address_key}", 3, _DAY
    else:
        name, most, seconds = f"confirm/{address_key}", 3, 30 * _DAY
    return (
        Limit(name=name, most=1, seconds=_HOUR),
        Limit(name=name, most=most, seconds=seconds),
    )


def _may_confirm(somebody: Person) -> bool:
    return bool(somebody.key) and (somebody.barred is None or somebody.barred in _LIFTED)


def _lift(session: Session, keys: Keys, somebody: Person) -> None:
    """Take back what only its owner could: they asked anew, and showed that the address is theirs."""
    hashes = tokens.address_hashes(keys, somebody.key)
    for reason in sorted(_LIFTED):
        store.lift_suppressions(session, hashes, reason.value)
    left = store.suppressions(session, hashes)
    store.update_person(session, somebody.id, barred=gravest(left).value if left else None)
