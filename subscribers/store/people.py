"""The people, by number and by address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from subscribers.model import Subscriber, SuppressionReason
from subscribers.store.statements import Kept, among, reserve, write_new
from subscribers.tables import PersonRow

_PEOPLE = PersonRow.__table__.c  # rows without the mapper: half the time for the many of an import


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


class Known(NamedTuple):
    """A person in few words, for the many of an import."""

    id: int
    name: str
    language: str


class NewPerson(NamedTuple):
    """Somebody to be added."""

    address: str
    key: str
    name: str
    language: str


def person(session: Session, subscriber_id: int) -> Person | None:
    """The person of this number."""
    row = session.execute(_people().where(PersonRow.id == subscriber_id)).one_or_none()
    return _person(row) if row else None


def person_by_key(session: Session, key: str) -> Person | None:
    """The person with this address."""
    row = session.execute(_people().where(PersonRow.address_key == key)).one_or_none()
    return _person(row) if row else None


def known_by_key(session: Session, keys: Sequence[str]) -> dict[str, Known]:
    """What an import needs to know of the people with these addresses, by the key of each."""
    query = select(_PEOPLE.address_key, _PEOPLE.id, _PEOPLE.name, _PEOPLE.language).where(
        among(session, _PEOPLE.address_key, keys)
    )
    return {key: Known(number, name, language) for key, number, name, language in session.execute(query)}


def people_by_id(session: Session, ids: Sequence[int]) -> dict[int, Person]:
    """The people of these numbers."""
    rows = session.execute(_people().where(among(session, PersonRow.id, ids)))
    return {one.id: one for one in map(_person, rows)}


def insert_people(session: Session, people: Sequence[NewPerson], *, now: datetime) -> dict[str, int]:
    """Add people; those whose address is there already are left as they are. The number of each by its key."""
    columns = ("id", "address", "address_key", "name", "language", "created_at")
    created_at = Kept(session)[now]
    ordered = sorted(people, key=itemgetter(1))  # in one order, so that two imports never wait for each other
    numbers = reserve(session, PersonRow, len(ordered)) if ordered else []
    rows = [(number, *one, created_at) for number, one in zip(numbers, ordered, strict=True)]
    keys = [one.key for one in ordered]
    if write_new(session, PersonRow, columns, rows):
        return dict(zip(keys, numbers, strict=True))
    return {key: one.id for key, one in known_by_key(session, keys).items()}


def update_person(session: Session, subscriber_id: int, **values: str | datetime | None) -> None:
    """Set columns of one person."""
    session.execute(update(PersonRow).where(PersonRow.id == subscriber_id).values(**values))


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
