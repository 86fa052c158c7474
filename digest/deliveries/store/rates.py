"""What all workers have used of the limits, and which recipient domains asked us to wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from digest.database import insert_missing, pages, upsert
from digest.deliveries.pace import Book
from digest.deliveries.tables import BackOffRow, RateRow

_MOST_BACK_OFFS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """A domain that is left alone from `since` to `until` (seconds since 1970), after it said so `times` in a row."""

    since: float
    until: float
    times: int
    said: str = ""


def open_books(session: Session, keys: Sequence[str]) -> dict[str, Book]:
    """What is known of these limits, locked until this transaction ends; an empty book where nothing is."""
    ordered = sorted(keys)  # everybody locks in this order, so nobody waits in a circle
    for page in pages(ordered):
        known = set(session.scalars(select(RateRow.key).where(RateRow.key.in_(page))))
        if missing := [key for key in page if key not in known]:
            insert_missing(session, RateRow, [{"key": key, "at": 0.0, "used": []} for key in missing])
    books: dict[str, Book] = {}
    for page in pages(ordered):
        rows = session.execute(
            select(RateRow.key, RateRow.at, RateRow.used)
            .where(RateRow.key.in_(page))
            .order_by(RateRow.key)
            .with_for_update()
        )
        for key, at, used in rows:
            books[key] = Book(at=at, used=tuple((moment, int(count)) for moment, count in used))
    return books


def keep_books(session: Session, books: Mapping[str, Book]) -> None:
    """Write down what is now used; the books must have been opened in this transaction."""
    for page in pages(sorted(books.items())):
        rows = [
            {"key": key, "at": book.at, "used": [[moment, count] for moment, count in book.used]}
            for key, book in page
        ]
        row = upsert(session, RateRow)
        session.execute(
            row.values(rows).on_conflict_do_update(
                index_elements=["key"], set_={"at": row.excluded.at, "used": row.excluded.used}
            )
        )


def forget_books(session: Session, prefix: str, *, before: float) -> int:
    """Remove the limits whose key begins so and that nobody has used since `before`; returns how many."""
    old = session.scalars(
        select(RateRow.key)
        .where(RateRow.key.startswith(prefix, autoescape=True), RateRow.at < before)
        .limit(_MOST_BACK_OFFS)
        .with_for_update(skip_locked=True)
    ).all()
    for page in pages(old):
        session.execute(delete(RateRow).where(RateRow.key.in_(page)))
    return len(old)


def back_offs(session: Session) -> dict[str, BackOff]:
    """The domains that have asked us to wait and have taken nothing since."""
    rows = session.scalars(select(BackOffRow).order_by(BackOffRow.until.desc()).limit(_MOST_BACK_OFFS))
    return {row.domain: _back_off(row) for row in rows}


def back_off(
    session: Session, domain: str, *, following: Callable[[BackOff | None], BackOff | None]
) -> BackOff | None:
    """Replace what is known of a domain by what follows from it, None for nothing; returns that."""
    row = session.scalar(select(BackOffRow).where(BackOffRow.domain == domain).with_for_update())
    known = _back_off(row) if row else None
    after = following(known)
    if after == known:
        return after
    if after is None:
        session.execute(delete(BackOffRow).where(BackOffRow.domain == domain))
        return None
    values = {"since": after.since, "until": after.until, "times": after.times, "said": after.said}
    session.execute(
        upsert(session, BackOffRow)
        .values(domain=domain, **values)
        .on_conflict_do_update(index_elements=["domain"], set_=values)
    )
    return after


def _back_off(row: BackOffRow) -> BackOff:
    return BackOff(since=row.since, until=row.until, times=row.times, said=row.said)
