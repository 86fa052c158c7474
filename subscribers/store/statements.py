"""What is said differently to SQLite and to PostgreSQL, or said to the driver directly for speed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Protocol, cast

from sqlalchemy import BigInteger, ColumnElement, Insert, Integer, Text, any_, func, literal, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from subscribers.tables import Base, Moment

# SQLite builds the lists of its CHECK ... IN anew for each statement: one statement for many rows takes half the time.
_ROWS_A_STATEMENT = 250
# What COPY's text format must not hold as it is, and how it says that there is no value.
_NOT_COPIED = re.compile(r"[\\\t\n\r]")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_NULL = "\\N"


class Kept(dict[datetime | None, Any]):
    """Moments as the driver wants them; files have few different ones, so each is converted once."""

    def __init__(self, session: Session) -> None:
        dialect = session.get_bind().dialect
        self._convert = Moment().dialect_impl(dialect).bind_processor(dialect)

    def __missing__(self, moment: datetime | None) -> Any:
        self[moment] = self._convert(moment) if self._convert else moment
        return self[moment]


class _Upsert(Protocol):
    def on_conflict_do_nothing(self) -> Insert: ...


def is_sqlite(session: Session) -> bool:
    """Whether the session speaks to SQLite; otherwise it is PostgreSQL."""
    return session.get_bind().dialect.name == "sqlite"


def insert_new(session: Session, table: type[Base]) -> Insert:
    """An INSERT that passes over rows which are there already, in the dialect of this database."""
    insert: Any = sqlite.insert if is_sqlite(session) else postgresql.insert
    statement: _Upsert = insert(table.__table__)
    return statement.on_conflict_do_nothing()


def reserve(session: Session, table: type[Base], count: int) -> list[int]:
    """Numbers that are nobody's and that no other row of the table will be given, ascending."""
    name = table.__tablename__
    execute = session.connection().exec_driver_sql
    if is_sqlite(session):  # holding the one write lock
        last = execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (name,)).scalar() or 0
        return list(range(last + 1, last + count + 1))
    numbers = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
    return [number for (number,) in execute(numbers, (name, count))]


def write_new(
    session: Session, table: type[Base], columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> bool:
    """Write many new rows, passing over those there are already; False when some were.

    The rows go to the driver as it takes them fastest: building a million rows' parameters would cost more than
    writing them. What is the same in all rows is said once to SQLite; PostgreSQL has a protocol for copying.
    """
    if not rows:
        return True
    # Names are this package's own; values travel beside the statement.
    names = ", ".join(columns)
    given = list(zip(*rows, strict=True))
    if is_sqlite(session):
        return _write_to_sqlite(session, f"{table.__tablename__} ({names})", given)
    conflict = cast("Any", session.get_bind().dialect).loaded_dbapi.IntegrityError
    try:
        with session.begin_nested():
            _copy(session, f"{table.__tablename__} ({names})", given)
    except conflict:  # somebody else wrote one of them a moment ago
        return _merge(session, table.__tablename__, names, given)
    return True


def among(session: Session, column: Any, values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether a column holds one of these values, which are one parameter however many they are."""
    given = literal(json.dumps(list(values)), Text())
    if is_sqlite(session):
        value = func.json_each(given).table_valued("value").c.value
        return cast("ColumnElement[bool]", column.in_(select(value)))
    elements = func.json_array_elements_text(sql_cast(given, postgresql.JSON))
    each = elements.column_valued("value")
    array = func.array(
        select(sql_cast(each, BigInteger() if isinstance(column.type, Integer) else Text())).scalar_subquery()
    )
    return cast("ColumnElement[bool]", column == any_(array))


def _write_to_sqlite(session: Session, into: str, given: Sequence[tuple[Any, ...]]) -> bool:
    count, execute = len(given[0]), session.connection().exec_driver_sql
    varying = [column for column in given if column.count(column[0]) < count] or [given[0]]
    places = {id(column): f"column{place}" for place, column in enumerate(varying, 1)}
    chosen = ", ".join(places.get(id(column), "?") for column in given)
    fixed = [column[0] for column in given if id(column) not in places]
    some = list(zip(*varying, strict=True))
    marks = f"({', '.join('?' * len(varying))})"
    written = 0
    for start in range(0, count, _ROWS_A_STATEMENT):
        page = some[start : start + _ROWS_A_STATEMENT]
        values = ", ".join([marks] * len(page))
        statement = (
            f"INSERT INTO {into} SELECT {chosen} FROM (VALUES {values}) WHERE true ON CONFLICT DO NOTHING"  # noqa: S608
        )
        written += execute(statement, (*fixed, *chain.from_iterable(page))).rowcount
    return written == count


def _copy(session: Session, into: str, given: Sequence[tuple[Any, ...]]) -> None:
    """Write columns by PostgreSQL's COPY, in its text format."""
    lines = map("\t".join, zip(*map(_copied, given), strict=True))
    raw = cast("Any", session.connection().connection.driver_connection)
    with raw.cursor().copy(f"COPY {into} FROM STDIN") as copy:
        copy.write("\n".join(lines) + "\n")


def _copied(column: tuple[Any, ...]) -> Sequence[str]:
    if column.count(column[0]) == len(column):
        return _copied_texts(column[:1]) * len(column)
    return _copied_texts(column)


def _copied_texts(column: tuple[Any, ...]) -> list[str]:
    texts = list(map(str, column))
    if _NOT_COPIED.search("".join(texts)):
        texts = [_NOT_COPIED.sub(_escaped, text) for text in texts]
    if None in column:
        return [_NULL if value is None else text for value, text in zip(column, texts, strict=True)]
    return texts


def _escaped(found: re.Match[str]) -> str:
    return _ESCAPES[found[0]]


def _merge(session: Session, table: str, names: str, given: Sequence[tuple[Any, ...]]) -> bool:
    """Copy the rows beside the table, and into it those that are not there; whether that was all of them."""
    execute = session.connection().exec_driver_sql
    beside = f"new_{table}"
    execute(f"CREATE TEMP TABLE {beside} ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA")  # noqa: S608
    _copy(session, f"{beside} ({names})", given)
    merge = f"INSERT INTO {table} ({names}) SELECT {names} FROM {beside} ON CONFLICT DO NOTHING"  # noqa: S608
    written = execute(merge).rowcount
    execute(f"DROP TABLE {beside}")
    return written == len(given[0])
