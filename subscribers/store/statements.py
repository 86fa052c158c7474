"""What is said differently to SQLite and to PostgreSQL, or said to the driver directly for speed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Protocol, cast

from sqlalchemy import BigInteger, ColumnElement, Insert, Integer, Text, any_, func, literal, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from subscribers.tables import Base, Moment

# SQLite builds the lists of its CHECK ... IN anew for each statement: one statement for many rows takes half the time.
_ROWS_A_STATEMENT = 250


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


def write_new(
    session: Session,
    table: type[Base],
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    returning: Sequence[str] = (),
) -> Sequence[Any]:
    """Write many new rows, passing over those there are already; the columns `returning` of those written.

    The statement goes to the driver as it stands: building a million rows' parameters would cost more than writing
    them. To PostgreSQL each column is one JSON text, as its driver writes arrays value by value in Python.
    """
    if not rows:
        return ()
    # Names and types are this package's own; values travel beside the statement.
    into = f"INSERT INTO {table.__tablename__} ({', '.join(columns)})"
    after = "ON CONFLICT DO NOTHING" + (f" RETURNING {', '.join(returning)}" if returning else "")
    execute = session.connection().exec_driver_sql
    written: list[Any] = []
    if is_sqlite(session):
        marks = f"({', '.join('?' * len(columns))})"
        for start in range(0, len(rows), _ROWS_A_STATEMENT):
            some = rows[start : start + _ROWS_A_STATEMENT]
            statement = f"{into} VALUES {', '.join([marks] * len(some))} {after}"
            result = execute(statement, tuple(chain.from_iterable(some)))
            written += result.all() if returning else ()
        return written
    values = ", ".join(f"{column}::{_type(table.__table__.c[column].type)}" for column in columns)
    arrays = ", ".join(["json_array_elements_text(%s::json)"] * len(columns))
    result = execute(
        f"{into} SELECT {values} FROM ROWS FROM ({arrays}) AS new ({', '.join(columns)}) {after}",  # noqa: S608
        tuple(json.dumps(values, default=str) for values in zip(*rows, strict=True)),
    )
    return result.all() if returning else ()


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


def _type(column: TypeEngine[Any]) -> str:
    if isinstance(column, Moment):
        return "timestamptz"
    return "bigint" if isinstance(column, Integer) else "text"
