"""Subscriptions: added, confirmed and ended; never revived, never deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, literal, select, update
from sqlalchemy.orm import Session

from subscribers.model import Consent, EndedReason, Subscription, SubscriptionRef, SubscriptionState
from subscribers.store.statements import Kept, among, write_new
from subscribers.tables import ListRow, SubscriptionRow, WordingRow

_SUBSCRIPTION_COLUMNS = (
    "subscriber_id",
    "list_id",
    "state",
    "requested_at",
    "confirmed_at",
    "ended_at",
    "ended_reason",
    "wording_id",
    "consent_source",
    "consent_at",
    "consent_ip",
    "topics",
    "frequency",
)


CONFIRMED = SubscriptionState.CONFIRMED.value


ENDED = SubscriptionState.ENDED.value


# Written into the statement, not bound, so that both planners see that the partial index serves it.
IS_OPEN: ColumnElement[bool] = SubscriptionRow.state != literal(ENDED, literal_execute=True)


class NewSubscription(NamedTuple):
    """A subscription to be added: confirmed since it `began`, or that and ended since."""

    subscriber_id: int
    list_id: int
    began: datetime
    wording_id: int
    consent_source: str
    consent_at: datetime
    consent_ip: str = ""
    topics: str = ""
    frequency: str = ""
    ended_at: datetime | None = None
    ended_reason: EndedReason | None = None

    @property
    def state(self) -> str:
        """Where it stands."""
        return ENDED if self.ended_reason else CONFIRMED


class Past(NamedTuple):
    """One subscription in few words: what decides whether somebody may be subscribed again."""

    list_id: int
    state: str
    began: datetime
    ended_at: datetime | None
    ended_reason: EndedReason | None
    topics: str
    frequency: str


def insert_subscriptions(session: Session, subscriptions: Sequence[NewSubscription]) -> None:
    """Add subscriptions; a second open one for the same person and publication is not added."""
    kept = Kept(session)
    rows = [
        (
            one.subscriber_id,
            one.list_id,
            ENDED if one.ended_reason else CONFIRMED,
            kept[one.began],
            kept[one.began],
            kept[one.ended_at],
            one.ended_reason.value if one.ended_reason else None,
            one.wording_id,
            one.consent_source,
            kept[one.consent_at],
            one.consent_ip,
            one.topics,
            one.frequency,
        )
        for one in sorted(subscriptions, key=itemgetter(0))  # as stable as the order of their numbers
    ]
    write_new(session, SubscriptionRow, _SUBSCRIPTION_COLUMNS, rows)


def confirm(session: Session, subscription_id: int, new: NewSubscription) -> None:
    """Confirm a requested subscription, on the consent of `new` and since it begins."""
    session.execute(
        update(SubscriptionRow)
        .where(SubscriptionRow.id == subscription_id)
        .values(
            state=CONFIRMED,
            confirmed_at=new.began,
            wording_id=new.wording_id,
            consent_source=new.consent_source,
            consent_at=new.consent_at,
            consent_ip=new.consent_ip,
            topics=new.topics,
            frequency=new.frequency,
        )
        .execution_options(synchronize_session=False)
    )


def update_open(
    session: Session, subscriber_id: int, *, list_id: int, **values: str | bool | datetime | None
) -> None:
    """Set columns of the open subscription of one person to one publication."""
    session.execute(
        update(SubscriptionRow)
        .where(SubscriptionRow.subscriber_id == subscriber_id, SubscriptionRow.list_id == list_id, IS_OPEN)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def end_open(
    session: Session, subscriber_id: int, *, list_id: int | None, reason: EndedReason, now: datetime
) -> tuple[str, ...]:
    """End what is open, of one publication or of all; the slugs of what was ended."""
    where = [SubscriptionRow.subscriber_id == subscriber_id, IS_OPEN]
    if list_id is not None:
        where.append(SubscriptionRow.list_id == list_id)
    ended = session.scalars(
        update(SubscriptionRow)
        .where(*where)
        .values(state=ENDED, ended_at=now, ended_reason=reason.value)
        .returning(SubscriptionRow.list_id)
        .execution_options(synchronize_session=False)
    ).all()
    if not ended:
        return ()
    return tuple(session.scalars(select(ListRow.slug).where(ListRow.id.in_(ended)).order_by(ListRow.slug)))


def note_leaving(session: Session, subscription_id: int, *, answer: str, note: str) -> None:
    """Keep what a reader answered when asked why they left."""
    session.execute(
        update(SubscriptionRow)
        .where(SubscriptionRow.id == subscription_id, SubscriptionRow.state == ENDED)
        .values(ended_answer=answer, ended_note=note)
        .execution_options(synchronize_session=False)
    )


def forget_details(session: Session, subscriber_id: int) -> None:
    """Empty what a person's subscriptions tell of them beyond that they were."""
    session.execute(
        update(SubscriptionRow)
        .where(SubscriptionRow.subscriber_id == subscriber_id)
        .values(
            consent_ip="",
            topics="",
            frequency="",
            events_only=False,
            paused_until=None,
            ended_answer="",
            ended_note="",
        )
        .execution_options(synchronize_session=False)
    )


def subscriptions_of(
    session: Session, subscriber_ids: Sequence[int], *, list_id: int | None = None
) -> list[Subscription]:
    """Subscriptions of these people, oldest first."""
    query = _subscriptions().where(among(session, SubscriptionRow.subscriber_id, subscriber_ids))
    if list_id is not None:
        query = query.where(SubscriptionRow.list_id == list_id)
    return [_subscription(row) for row in session.execute(query.order_by(SubscriptionRow.id))]


def subscription(session: Session, subscription_id: int) -> Subscription | None:
    """The subscription of this number."""
    row = session.execute(_subscriptions().where(SubscriptionRow.id == subscription_id)).one_or_none()
    return _subscription(row) if row else None


def pasts_of(session: Session, subscriber_ids: Sequence[int]) -> dict[int, list[Past]]:
    """All subscriptions of these people in few words, oldest first; everybody asked for is in the answer."""
    found: dict[int, list[Past]] = {number: [] for number in subscriber_ids}
    if not found:
        return found
    row = SubscriptionRow.__table__.c  # without the mapper: an import asks for thousands
    began = func.coalesce(row.confirmed_at, row.requested_at)
    asked = (row.subscriber_id, row.list_id, row.state, began, row.ended_at, row.ended_reason)
    query = (
        select(*asked, row.topics, row.frequency)
        .where(among(session, row.subscriber_id, subscriber_ids))
        .order_by(row.id)
    )
    for number, list_id, state, at, ended_at, reason, topics, frequency in session.execute(query):
        why = EndedReason(reason) if reason else None
        found[number].append(Past(list_id, state, at, ended_at, why, topics, frequency))
    return found


def _subscriptions() -> Any:
    row = SubscriptionRow
    return (
        select(
            row.id,
            row.subscriber_id,
            row.list_id,
            ListRow.slug,
            row.state,
            WordingRow.text,
            row.consent_source,
            row.consent_at,
            row.consent_ip,
            row.requested_at,
            row.confirmed_at,
            row.ended_at,
            row.ended_reason,
            row.topics,
            row.frequency,
            row.events_only,
            row.paused_until,
            row.ended_answer,
            row.ended_note,
        )
        .join(ListRow, ListRow.id == row.list_id)
        .join(WordingRow, WordingRow.id == row.wording_id)
    )


def _subscription(row: Any) -> Subscription:
    return Subscription(
        id=row.id,
        ref=SubscriptionRef(subscriber_id=row.subscriber_id, list_id=row.list_id),
        publication=row.slug,
        state=SubscriptionState(row.state),
        consent=Consent(text=row.text, source=row.consent_source, at=row.consent_at, ip=row.consent_ip),
        requested_at=row.requested_at,
        confirmed_at=row.confirmed_at,
        ended_at=row.ended_at,
        ended_reason=EndedReason(row.ended_reason) if row.ended_reason else None,
        topics=tuple(row.topics.split(",")) if row.topics else (),
        frequency=row.frequency,
        events_only=row.events_only,
        paused_until=row.paused_until,
        ended_answer=row.ended_answer,
        ended_note=row.ended_note,
    )
