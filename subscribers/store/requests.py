"""Sign-ups that wait for their reader: asked for, reminded of, confirmed, and forgotten when nobody confirms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, delete, insert, literal, select, update
from sqlalchemy.orm import Session

from subscribers.model import EndedReason, SubscriptionState
from subscribers.store.people import NewPerson, Person, person_by_key
from subscribers.store.statements import insert_new
from subscribers.store.subscriptions import NewSubscription, forget_details
from subscribers.tables import PersonRow, RequestRow, SubscriptionRow, SuppressionRow

_REQUESTED = SubscriptionState.REQUESTED.value


class Waiting(NamedTuple):
    """A request by the number of its subscription: how many mails asked, when the next is due, until when it counts."""

    subscription_id: int
    subscriber_id: int
    mails: int
    mail_at: datetime | None
    expires_at: datetime


def ensure_stranger(session: Session, stranger: NewPerson, *, now: datetime) -> Person:
    """The person with this address, added if nobody is known by it; the same statements either way."""
    session.execute(
        insert_new(session, PersonRow),
        {
            "address": stranger.address,
            "address_key": stranger.key,
            "name": stranger.name,
            "language": stranger.language,
            "created_at": now,
        },
    )
    somebody = person_by_key(session, stranger.key)
    assert somebody is not None
    return somebody


def insert_request(session: Session, new: NewSubscription, *, expires_at: datetime) -> None:
    """Add a requested subscription unless one is open, and note that it waits; a second request renews the first."""
    session.execute(
        insert_new(session, SubscriptionRow),
        {
            "subscriber_id": new.subscriber_id,
            "list_id": new.list_id,
            "state": _REQUESTED,
            "requested_at": new.began,
            **_agreed(new),
        },
    )
    ours = (
        SubscriptionRow.subscriber_id == new.subscriber_id,
        SubscriptionRow.list_id == new.list_id,
        SubscriptionRow.state == _REQUESTED,
    )
    session.execute(update(SubscriptionRow).where(*ours).values(**_agreed(new)))
    waiting = select(RequestRow.subscription_id)
    session.execute(
        insert(RequestRow).from_select(
            ["subscription_id", "mails", "expires_at"],
            select(SubscriptionRow.id, literal(0), SubscriptionRow.requested_at).where(
                *ours, SubscriptionRow.id.not_in(waiting)
            ),
        )
    )
    session.execute(
        update(RequestRow)
        .where(RequestRow.subscription_id.in_(select(SubscriptionRow.id).where(*ours)))
        .values(expires_at=expires_at)
    )


def request(session: Session, subscription_id: int, *, lock: bool = False) -> Waiting | None:
    """The request of this number while it waits."""
    query = _waiting().where(RequestRow.subscription_id == subscription_id)
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    return Waiting(*row) if row else None


def requests_to_mail(session: Session, *, now: datetime, limit: int) -> list[Waiting]:
    """Requests whose next mail is due, oldest first, out of the reach of others until the transaction ends."""
    query = (
        _waiting()
        .where(RequestRow.mail_at <= now, RequestRow.expires_at > now)
        .order_by(RequestRow.mail_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=RequestRow)
    )
    return [Waiting(*row) for row in session.execute(query)]


def note_mail(session: Session, subscription_id: int, *, mails: int, mail_at: datetime | None) -> None:
    """Keep how many mails asked for this confirmation, and when the next is due."""
    session.execute(
        update(RequestRow)
        .where(RequestRow.subscription_id == subscription_id)
        .values(mails=mails, mail_at=mail_at)
    )


def confirm_request(session: Session, subscription_id: int, *, now: datetime) -> bool:
    """Confirm a requested subscription; False, and nothing done, when it is not requested any more."""
    confirmed = session.execute(
        update(SubscriptionRow)
        .where(SubscriptionRow.id == subscription_id, SubscriptionRow.state == _REQUESTED)
        .values(state=SubscriptionState.CONFIRMED.value, confirmed_at=now)
        .returning(SubscriptionRow.id)
        .execution_options(synchronize_session=False)
    )
    done = confirmed.first() is not None
    session.execute(delete(RequestRow).where(RequestRow.subscription_id == subscription_id))
    return done


def expired_requests(session: Session, *, now: datetime, limit: int) -> list[int]:
    """The numbers of requests that nobody confirmed in time."""
    query = select(RequestRow.subscription_id).where(RequestRow.expires_at <= now)
    query = query.order_by(RequestRow.expires_at).limit(limit).with_for_update(skip_locked=True)
    return list(session.scalars(query))


def expire_requests(session: Session, subscription_ids: Sequence[int], *, now: datetime) -> list[int]:
    """End requests that nobody confirmed; the numbers of the people they were of."""
    ended = session.scalars(
        update(SubscriptionRow)
        .where(SubscriptionRow.id.in_(subscription_ids), SubscriptionRow.state == _REQUESTED)
        .values(state=SubscriptionState.ENDED.value, ended_at=now, ended_reason=EndedReason.EXPIRED.value)
        .returning(SubscriptionRow.subscriber_id)
        .execution_options(synchronize_session=False)
    ).all()
    session.execute(delete(RequestRow).where(RequestRow.subscription_id.in_(subscription_ids)))
    return list(dict.fromkeys(ended))


def forget_strangers(session: Session, subscriber_ids: Sequence[int], *, now: datetime) -> int:
    """Forget those of these people who never were more than asked for; how many there were."""
    more = select(SubscriptionRow.subscriber_id).where(
        SubscriptionRow.subscriber_id.in_(subscriber_ids),
        (SubscriptionRow.state != SubscriptionState.ENDED.value)
        | (SubscriptionRow.ended_reason != EndedReason.EXPIRED.value)
        | SubscriptionRow.confirmed_at.is_not(None),
    )
    forgotten = session.scalars(
        update(PersonRow)
        .where(PersonRow.id.in_(subscriber_ids), PersonRow.id.not_in(more))
        .values(address=None, address_key=None, name="", language="", erased_at=now)
        .returning(PersonRow.id)
        .execution_options(synchronize_session=False)
    ).all()
    for number in forgotten:
        forget_details(session, number)
    return len(forgotten)


def forget_ips(session: Session, *, before: datetime) -> int:
    """Empty the IP addresses of consents that were given before a moment; how many there were."""
    forgotten = session.scalars(
        update(SubscriptionRow)
        .where(SubscriptionRow.consent_ip != "", SubscriptionRow.consent_at < before)
        .values(consent_ip="")
        .returning(SubscriptionRow.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(forgotten)


def lift_suppressions(session: Session, hashes: Sequence[str], reason: str) -> None:
    """Take back suppressions for one reason, under any of these hashes."""
    session.execute(
        delete(SuppressionRow).where(SuppressionRow.address_hash.in_(hashes), SuppressionRow.reason == reason)
    )


def _waiting() -> Select[int, int, int, datetime | None, datetime]:
    return (
        select(
            RequestRow.subscription_id,
            SubscriptionRow.subscriber_id,
            RequestRow.mails,
            RequestRow.mail_at,
            RequestRow.expires_at,
        )
        .join(SubscriptionRow, SubscriptionRow.id == RequestRow.subscription_id)
        .where(SubscriptionRow.state == _REQUESTED)
    )


def _agreed(new: NewSubscription) -> dict[str, object]:
    return {
        "wording_id": new.wording_id,
        "consent_source": new.consent_source,
        "consent_at": new.consent_at,
        "consent_ip": new.consent_ip,
        "topics": new.topics,
        "frequency": new.frequency,
    }
