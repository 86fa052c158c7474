"""The database: one engine, short transactions, UTC times; the same statements on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import DateTime, Dialect, Engine, MetaData, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

from digest.errors import DigestError

__all__ = [
    "Base",
    "Database",
    "DatabaseUnavailable",
    "Moment",
    "Session",
    "insert_missing",
    "is_postgres",
    "pages",
    "upsert",
]

T = TypeVar("T")

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
_BUSY_SECONDS = 30
_PAGE = 500  # bound values per statement; SQLite allows far more, query plans like fewer
# SQLite's primary result codes of what passes or can be mended: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL.
_SQLITE_TROUBLE = frozenset({5, 6, 8, 10, 13, 14, 15})
_GONE = frozenset(
    (driver, kind) for driver in ("sqlite3", "psycopg") for kind in ("OperationalError", "InterfaceError")
)


class DatabaseUnavailable(DigestError):
    """The database could not be opened or reached, or was lost on the way; what was under way is rolled back.

    Where it was lost during the commit, nobody can know whether that still took place.
    """


class Base(DeclarativeBase):
    """The root of every table of this package."""

    metadata = MetaData(naming_convention=NAMING)


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC; a naive one is a programming error and raises ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC, with the offset where the engine keeps one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: every time here carries its zone")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """Opens short transactions on one SQLite file or one PostgreSQL database."""

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(url) if self.is_sqlite else _postgres_engine(url, pool_size=pool_size)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._readers = sessionmaker(
            self.engine.execution_options(digest_read_only=True), expire_on_commit=False, autoflush=False
        )

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits when the block ends and rolls back when it raises.

        On SQLite it holds the one write lock from its first statement, so what it reads stays true. Raises
        `DatabaseUnavailable` when the database is lost on the way.
        """
        with self.plainly(), self._sessions.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for looking only; it never takes the write lock and never commits.

        Raises `DatabaseUnavailable` when the database is lost on the way.
        """
        with self.plainly(), self._readers() as session:
            yield session

    def check(self) -> None:
        """Raise `DatabaseUnavailable` with a plain sentence when the database cannot be used."""
        try:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        except (DBAPIError, NoConnectionFree) as error:
            raise self._unavailable(error, "cannot be opened") from error

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    @contextmanager
    def plainly(self) -> Iterator[None]:
        """Raise `DatabaseUnavailable` where the driver says that the database is gone, not that a statement is wrong."""
        try:
            yield
        except Exception as error:
            if not _is_outage(error):
                raise
            raise self._unavailable(error, "cannot be used") from error

    def _unavailable(self, error: Exception, what: str) -> DatabaseUnavailable:
        where = self.url.render_as_string(hide_password=True)
        said = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
        return DatabaseUnavailable(
            f"The database {where} {what}: {said[0] if said else type(error).__name__}."
        )


def pages(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """`values` in order, as many at a time as one statement should bind."""
    for start in range(0, len(values), _PAGE):
        yield values[start : start + _PAGE]


def is_postgres(session: Session) -> bool:
    """Whether this session speaks to PostgreSQL, where others write at the same time."""
    return session.get_bind().dialect.name == "postgresql"


def upsert(session: Session, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT to which the caller adds what is to happen to a row that is there already."""
    return postgresql.insert(table) if is_postgres(session) else sqlite.insert(table)


def insert_missing(session: Session, table: type[Base], values: Sequence[Mapping[str, Any]]) -> None:
    """Insert these rows; one whose key is there already stays as it is."""
    for page in pages(values):
        session.execute(upsert(session, table).values(list(page)).on_conflict_do_nothing())


def _is_outage(error: Exception) -> bool:
    """Whether this passes with time; on SQLite the same class also stands for a table that is not there."""
    if isinstance(error, NoConnectionFree):
        return True
    told = error.orig if isinstance(error, DBAPIError) else error
    # By name, since the driver of the other engine may not be here, and takes its time to import.
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(told).__mro__}
    code = getattr(told, "sqlite_errorcode", None)
    return not kinds.isdisjoint(_GONE) and (code is None or code & 0xFF in _SQLITE_TROUBLE)


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(raw: Any, _record: Any) -> None:
        # The driver must not open transactions of its own accord: _begin below decides which kind.
        raw.isolation_level = None
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # a mark that power loss can undo would be no mark
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("digest_read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _postgres_engine(url: str, *, pool_size: int) -> Engine:
    return create_engine(url, pool_size=pool_size, max_overflow=5, pool_pre_ping=True)
