"""The SQL of this package: short statements on the caller's session, plain models out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Insert,
    Integer,
    Select,
    Text,
    any_,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from subscribers.model import (
    Consent,
    EndedReason,
    Subscriber,
    Subscription,
    SubscriptionRef,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from subscribers.tables import Base, ListRow, Moment, PersonRow, SubscriptionRow, SuppressionRow, WordingRow

_T = TypeVar("_T")
_PARAMETERS = 5_000  # well under what either database allows in one statement
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
_CONFIRMED = SubscriptionState.CONFIRMED.value
_ENDED = SubscriptionState.ENDED.value
# Written into the statement, not bound, so that both planners see that the partial index serves it.
_IS_OPEN: ColumnElement[bool] = SubscriptionRow.state != literal(_ENDED, literal_execute=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A subscriber as the store keeps them, with the key of the address and the bar, if any."""

    id: int
    address: str
    key: str
    name: str
    language: str
    barred: SuppressionReason | None
    created_at: datetime
    erased_at: datetime | None

    def as_subscriber(self) -> Subscriber:
        """The person as the front door shows them."""
        return Subscriber(
            id=self.id,
            address=self.address,
            name=self.name,
            language=self.language,
            created_at=self.created_at,
            erased_at=self.erased_at,
        )


class NewPerson(NamedTuple):
    """Somebody to be added."""

    address: str
    key: str
    name: str
    language: str


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
        return _ENDED if self.ended_reason else _CONFIRMED


class Past(NamedTuple):
    """One subscription in few words: what decides whether somebody may be subscribed again."""

    list_id: int
    state: str
    began: datetime
    ended_at: datetime | None
    ended_reason: EndedReason | None
    topics: str
    frequency: str


class _Upsert(Protocol):
    def on_conflict_do_nothing(self) -> Insert: ...


def ensure_list(session: Session, slug: str) -> int:
    """The number of a publication, given one if it has none."""
    found = find_list(session, slug)
    if found is None:
        session.execute(_insert_new(session, ListRow), {"slug": slug})
        found = session.scalars(select(ListRow.id).where(ListRow.slug == slug)).one()
    return found


def find_list(session: Session, slug: str) -> int | None:
    """The number of a publication, if anybody ever subscribed to it."""
    return session.scalars(select(ListRow.id).where(ListRow.slug == slug)).one_or_none()


def list_slug(session: Session, list_id: int) -> str | None:
    """What the publication of this number is called now."""
    return session.scalars(select(ListRow.slug).where(ListRow.id == list_id)).one_or_none()


def rename_list(session: Session, *, old: str, new: str) -> bool:
    """Give a publication another slug; False when there was none under the old one."""
    renamed = session.execute(
        update(ListRow).where(ListRow.slug == old).values(slug=new).returning(ListRow.id)
    )
    return renamed.first() is not None


def ensure_wording(session: Session, text: str) -> int:
    """The number of a wording, stored once however many consent to it."""
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    query = select(WordingRow.id).where(WordingRow.fingerprint == fingerprint)
    found = session.scalars(query).one_or_none()
    if found is None:
        session.execute(_insert_new(session, WordingRow), {"fingerprint": fingerprint, "text": text})
        found = session.scalars(query).one()
    return found


def person(session: Session, subscriber_id: int) -> Person | None:
    """The person of this number."""
    row = session.execute(_people().where(PersonRow.id == subscriber_id)).one_or_none()
    return _person(row) if row else None


def person_by_key(session: Session, key: str) -> Person | None:
    """The person with this address."""
    row = session.execute(_people().where(PersonRow.address_key == key)).one_or_none()
    return _person(row) if row else None


def people_by_key(session: Session, keys: Sequence[str]) -> dict[str, Person]:
    """The people with these addresses, by the key of each."""
    found: dict[str, Person] = {}
    for some in _slices(keys):
        for row in session.execute(_people().where(_among(session, PersonRow.address_key, some))):
            one = _person(row)
            found[one.key] = one
    return found


def people_by_id(session: Session, ids: Sequence[int]) -> dict[int, Person]:
    """The people of these numbers."""
    found: dict[int, Person] = {}
    for some in _slices(ids):
        for row in session.execute(_people().where(_among(session, PersonRow.id, some))):
            one = _person(row)
            found[one.id] = one
    return found


def ids_by_key(session: Session, keys: Sequence[str]) -> dict[str, int]:
    """The numbers of the people with these addresses."""
    found: dict[str, int] = {}
    for some in _slices(keys):
        query = select(PersonRow.address_key, PersonRow.id).where(
            _among(session, PersonRow.address_key, some)
        )
        found.update({key: number for key, number in session.execute(query) if key})
    return found


def insert_people(session: Session, people: Sequence[NewPerson], *, now: datetime) -> None:
    """Add people; those whose address is there already are left as they are."""
    created_at = _Kept(session)[now]
    rows = [(one.address, one.key, one.name, one.language, created_at) for one in people]
    _write_new(session, PersonRow, ("address", "address_key", "name", "language", "created_at"), rows)


def update_person(session: Session, subscriber_id: int, **values: str | datetime | None) -> None:
    """Set columns of one person."""
    session.execute(update(PersonRow).where(PersonRow.id == subscriber_id).values(**values))


def insert_subscriptions(session: Session, subscriptions: Sequence[NewSubscription]) -> None:
    """Add subscriptions; a second open one for the same person and publication is not added."""
    kept = _Kept(session)
    rows = [
        (
            one.subscriber_id,
            one.list_id,
            one.state,
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
        for one in subscriptions
    ]
    _write_new(session, SubscriptionRow, _SUBSCRIPTION_COLUMNS, rows)


def confirm(session: Session, subscription_id: int, new: NewSubscription) -> None:
    """Confirm a requested subscription, on the consent of `new` and since it begins."""
    session.execute(
        update(SubscriptionRow)
        .where(SubscriptionRow.id == subscription_id)
        .values(
            state=_CONFIRMED,
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


def update_open(session: Session, subscriber_id: int, *, list_id: int, **values: str) -> None:
    """Set columns of the open subscription of one person to one publication."""
    session.execute(
        update(SubscriptionRow)
        .where(SubscriptionRow.subscriber_id == subscriber_id, SubscriptionRow.list_id == list_id, _IS_OPEN)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def end_open(
    session: Session, subscriber_id: int, *, list_id: int | None, reason: EndedReason, now: datetime
) -> tuple[str, ...]:
    """End what is open, of one publication or of all; the slugs of what was ended."""
    where = [SubscriptionRow.subscriber_id == subscriber_id, _IS_OPEN]
    if list_id is not None:
        where.append(SubscriptionRow.list_id == list_id)
    ended = session.scalars(
        update(SubscriptionRow)
        .where(*where)
        .values(state=_ENDED, ended_at=now, ended_reason=reason.value)
        .returning(SubscriptionRow.list_id)
        .execution_options(synchronize_session=False)
    ).all()
    if not ended:
        return ()
    return tuple(session.scalars(select(ListRow.slug).where(ListRow.id.in_(ended)).order_by(ListRow.slug)))


def forget_details(session: Session, subscriber_id: int) -> None:
    """Empty what a person's subscriptions tell of them beyond that they were."""
    session.execute(
        update(SubscriptionRow)
        .where(SubscriptionRow.subscriber_id == subscriber_id)
        .values(consent_ip="", topics="", frequency="")
        .execution_options(synchronize_session=False)
    )


def subscriptions_of(
    session: Session, subscriber_ids: Sequence[int], *, list_id: int | None = None
) -> list[Subscription]:
    """Subscriptions of these people, oldest first."""
    found: list[Subscription] = []
    for some in _slices(subscriber_ids):
        query = (
            _subscriptions()
            .where(_among(session, SubscriptionRow.subscriber_id, some))
            .order_by(SubscriptionRow.id)
        )
        if list_id is not None:
            query = query.where(SubscriptionRow.list_id == list_id)
        found += [_subscription(row) for row in session.execute(query)]
    return found


def pasts_of(session: Session, subscriber_ids: Sequence[int]) -> dict[int, list[Past]]:
    """All subscriptions of these people in few words, oldest first; everybody asked for is in the answer."""
    row = SubscriptionRow
    found: dict[int, list[Past]] = {number: [] for number in subscriber_ids}
    for some in _slices(subscriber_ids):
        began = func.coalesce(row.confirmed_at, row.requested_at)
        query = (
            select(
                row.subscriber_id,
                row.list_id,
                row.state,
                began,
                row.ended_at,
                row.ended_reason,
                row.topics,
                row.frequency,
            )
            .where(_among(session, row.subscriber_id, some))
            .order_by(row.id)
        )
        for number, list_id, state, at, ended_at, reason, topics, frequency in session.execute(query):
            why = EndedReason(reason) if reason else None
            found[number].append(Past(list_id, state, at, ended_at, why, topics, frequency))
    return found


def suppressions(session: Session, hashes: Sequence[str]) -> list[Suppression]:
    """What is recorded against one address, under any of its hashes."""
    query = (
        select(SuppressionRow.reason, func.min(SuppressionRow.at))
        .where(SuppressionRow.address_hash.in_(hashes))
        .group_by(SuppressionRow.reason)
        .order_by(func.min(SuppressionRow.at), SuppressionRow.reason)
    )
    return [Suppression(reason=SuppressionReason(reason), at=at) for reason, at in session.execute(query)]


def suppressed_hashes(session: Session, hashes: Sequence[str]) -> dict[str, SuppressionReason]:
    """Which of these hashes are suppressed, each with a reason."""
    found: dict[str, SuppressionReason] = {}
    for some in _slices(hashes):
        query = select(SuppressionRow.address_hash, SuppressionRow.reason).where(
            _among(session, SuppressionRow.address_hash, some)
        )
        for address_hash, reason in session.execute(query):
            found[address_hash] = SuppressionReason(reason)
    return found


def any_suppressed(session: Session) -> bool:
    """Whether there is any suppression at all."""
    return session.scalars(select(SuppressionRow.id).limit(1)).first() is not None


def insert_suppressions(session: Session, found: Mapping[str, SuppressionReason], *, at: datetime) -> None:
    """Record suppressions by hash; one that is there already keeps its first date."""
    if found:
        rows = [{"address_hash": h, "reason": reason.value, "at": at} for h, reason in found.items()]
        session.execute(_insert_new(session, SuppressionRow), rows)


def audience(slug: str) -> Select[int]:
    """Who is confirmed for a publication and not barred, in the order of their numbers."""
    list_id = select(ListRow.id).where(ListRow.slug == slug).scalar_subquery()
    return (
        select(SubscriptionRow.subscriber_id.label("subscriber_id"))
        .join(PersonRow, PersonRow.id == SubscriptionRow.subscriber_id)
        .where(SubscriptionRow.list_id == list_id, SubscriptionRow.state == _CONFIRMED, _IS_OPEN)
        .where(PersonRow.barred.is_(None))
        .order_by(SubscriptionRow.subscriber_id)
    )


def audience_groups(session: Session, slug: str) -> list[tuple[SubscriptionState, str | None, int]]:
    """How many open subscriptions a publication has, by state and bar."""
    query = (
        select(SubscriptionRow.state, PersonRow.barred, func.count())
        .join(PersonRow, PersonRow.id == SubscriptionRow.subscriber_id)
        .join(ListRow, ListRow.id == SubscriptionRow.list_id)
        .where(ListRow.slug == slug, _IS_OPEN)
        .group_by(SubscriptionRow.state, PersonRow.barred)
    )
    return [(SubscriptionState(state), barred, count) for state, barred, count in session.execute(query)]


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


def _people() -> Select[int, str | None, str | None, str, str, str | None, datetime, datetime | None]:
    return select(
        PersonRow.id,
        PersonRow.address,
        PersonRow.address_key,
        PersonRow.name,
        PersonRow.language,
        PersonRow.barred,
        PersonRow.created_at,
        PersonRow.erased_at,
    )


def _person(row: Any) -> Person:
    number, address, key, name, language, barred, created_at, erased_at = row
    return Person(
        id=number,
        address=address or "",
        key=key or "",
        name=name,
        language=language,
        barred=SuppressionReason(barred) if barred else None,
        created_at=created_at,
        erased_at=erased_at,
    )


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
    )


def _insert_new(session: Session, table: type[Base]) -> Insert:
    """An INSERT that passes over rows which are there already, in the dialect of this database."""
    insert: Any = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement: _Upsert = insert(table.__table__)
    return statement.on_conflict_do_nothing()


class _Kept(dict[datetime | None, Any]):
    """Moments as the driver wants them; files have few different ones, so each is converted once."""

    def __init__(self, session: Session) -> None:
        dialect = session.get_bind().dialect
        self._convert = Moment().dialect_impl(dialect).bind_processor(dialect)

    def __missing__(self, moment: datetime | None) -> Any:
        self[moment] = self._convert(moment) if self._convert else moment
        return self[moment]


def _write_new(
    session: Session, table: type[Base], columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Write many new rows, passing over those there are already.

    The statement goes to the driver as it stands: building a million rows' parameters would cost more than writing
    them.
    """
    if not rows:
        return
    into = f"INSERT INTO {table.__tablename__} ({', '.join(columns)})"
    # Names and types are this module's own; values travel beside the statement.
    if session.get_bind().dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        statement = f"{into} VALUES ({marks}) ON CONFLICT DO NOTHING"
        session.connection().exec_driver_sql(statement, list(rows))
        return
    arrays = ", ".join(f"%s::{_array_type(table.__table__.c[column].type)}" for column in columns)
    statement = f"{into} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608
    session.connection().exec_driver_sql(statement, tuple(list(values) for values in zip(*rows, strict=True)))


def _array_type(column: TypeEngine[Any]) -> str:
    if isinstance(column, Moment):
        return "timestamptz[]"
    return "bigint[]" if isinstance(column, Integer) else "text[]"


def _among(session: Session, column: Any, values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether a column holds one of these values; one parameter on PostgreSQL, however many they are."""
    if session.get_bind().dialect.name == "sqlite":
        found: ColumnElement[bool] = column.in_(values)
        return found
    kind = postgresql.ARRAY(BigInteger() if isinstance(column.type, Integer) else Text())
    return cast("ColumnElement[bool]", column == any_(literal(list(values), kind)))


def _slices(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(values), _PARAMETERS):
        yield values[start : start + _PARAMETERS]
