"""Everybody at once: a publication's audience, and the history of all for an export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from subscribers.model import BarredReason, Subscription, SubscriptionState
from subscribers.store.people import Person, people_by_id
from subscribers.store.statements import among
from subscribers.store.subscriptions import CONFIRMED, IS_OPEN, subscriptions_of
from subscribers.tables import ListRow, PersonRow, SubscriptionRow


class Standing(NamedTuple):
    """Somebody not barred with a confirmed subscription, in few words."""

    id: int
    address: str
    key: str
    name: str
    language: str
    confirmed_at: datetime
    source: str
    topics: str
    frequency: str
    events_only: bool
    paused_until: datetime | None


def audience(slug: str, *, now: datetime | None = None) -> Select[int]:
    """Who is confirmed for a publication, not barred and not paused at `now`, in the order of their numbers."""
    list_id = select(ListRow.id).where(ListRow.slug == slug).scalar_subquery()
    query = (
        select(SubscriptionRow.subscriber_id.label("subscriber_id"))
        .join(PersonRow, PersonRow.id == SubscriptionRow.subscriber_id)
        .where(SubscriptionRow.list_id == list_id, SubscriptionRow.state == CONFIRMED, IS_OPEN)
        .where(PersonRow.barred.is_(None))
        .order_by(SubscriptionRow.subscriber_id)
    )
    if now is None:
        return query
    return query.where(or_(SubscriptionRow.paused_until.is_(None), SubscriptionRow.paused_until <= now))


def audience_by_frequency(slug: str, *, now: datetime) -> Select[int, str]:
    """The same people, each with how often they want the publication."""
    return audience(slug, now=now).add_columns(SubscriptionRow.frequency.label("frequency"))


def audience_groups(
    session: Session, slug: str, *, now: datetime | None = None
) -> list[tuple[SubscriptionState, str | None, int]]:
    """How many open subscriptions a publication has, by state and bar; a pause at `now` is one more bar."""
    bar: ColumnElement[str | None] = PersonRow.barred.expression
    if now is not None:
        paused = and_(SubscriptionRow.state == CONFIRMED, SubscriptionRow.paused_until > now)
        bar = func.coalesce(PersonRow.barred, case((paused, BarredReason.PAUSED.value)))
    query = (
        select(SubscriptionRow.state, bar, func.count())
        .join(PersonRow, PersonRow.id == SubscriptionRow.subscriber_id)
        .join(ListRow, ListRow.id == SubscriptionRow.list_id)
        .where(ListRow.slug == slug, IS_OPEN)
        .group_by(SubscriptionRow.state, bar)
    )
    return [(SubscriptionState(state), barred, count) for state, barred, count in session.execute(query)]


def standing(session: Session, subscriber_ids: Sequence[int], *, list_id: int) -> list[Standing]:
    """Those of these people who have a confirmed subscription and are not barred.

    Two questions of one table each: joined, they took seconds on a PostgreSQL that had not yet counted new rows.
    """
    person, row = PersonRow.__table__.c, SubscriptionRow.__table__.c
    chosen = (
        row.confirmed_at,
        row.consent_source,
        row.topics,
        row.frequency,
        row.events_only,
        row.paused_until,
    )
    confirmed = (
        select(row.subscriber_id, *chosen)
        .where(among(session, row.subscriber_id, subscriber_ids), IS_OPEN)
        .where(row.list_id == list_id, row.state == CONFIRMED, row.confirmed_at.is_not(None))
    )
    people = (
        select(person.id, person.address, person.address_key, person.name, person.language)
        .where(among(session, person.id, subscriber_ids))
        .where(person.barred.is_(None), person.address_key.is_not(None))
    )
    choices = {number: rest for number, *rest in session.execute(confirmed)}
    return [Standing(*one, *choices[one[0]]) for one in session.execute(people) if one[0] in choices]


def history(
    session: Session, *, list_id: int | None, page: int
) -> Iterator[list[tuple[Person, Subscription | None]]]:
    """Everybody with an address and all their subscriptions, newest first for each person, page by page.

    Without `list_id`, people who never subscribed (only suppressed) are there too.
    """
    after = 0
    while True:
        ids = _ids_after(session, after, list_id=list_id, page=page)
        if not ids:
            return
        people = people_by_id(session, ids)
        mine: dict[int, list[Subscription]] = {i: [] for i in ids}
        for subscription in subscriptions_of(session, ids, list_id=list_id):
            mine[subscription.ref.subscriber_id].append(subscription)
        yield [(people[i], one) for i in ids for one in [*mine[i][::-1], *([] if mine[i] else [None])]]
        after = ids[-1]


def _ids_after(session: Session, after: int, *, list_id: int | None, page: int) -> list[int]:
    query = select(PersonRow.id).where(PersonRow.id > after, PersonRow.address_key.is_not(None))
    if list_id is not None:
        query = query.where(
            select(SubscriptionRow.id)
            .where(SubscriptionRow.subscriber_id == PersonRow.id, SubscriptionRow.list_id == list_id)
            .exists()
        )
    return list(session.scalars(query.order_by(PersonRow.id).limit(page)))
