"""Bring a database to the tables this version expects, and say whether it is there."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from digest.database import Database, DatabaseUnavailable
from digest.errors import DigestError


class DatabaseTooNew(DigestError):
    """A newer version of this program has migrated the database."""


def upgrade(database: Database, *, to: str = "head") -> None:
    """Create or bring up to date every table, all or nothing; changes nothing when the database is current.

    `to` stops at an older revision.

    Raises `DatabaseUnavailable` when it cannot be opened or written, `DatabaseTooNew` when a newer version
    has been here. Two processes may upgrade at once: the second finds the work done.
    """
    at = current(database)
    if at is not None and at not in _known():
        raise DatabaseTooNew(
            f"The database is at revision {at}, which this version does not know; use the version that made it."
        )
    config = _config()
    try:
        with database.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, to)
    except DBAPIError as error:
        raise DatabaseUnavailable(f"The database could not be migrated: {_cause(error)}.") from error


def current(database: Database) -> str | None:
    """The revision the database is at, None when it was never migrated; raises `DatabaseUnavailable`."""
    database.check()
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The revision this version expects."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


def revisions() -> list[str]:
    """Every revision a released version may have left a database at, the oldest first."""
    return sorted(_known())


def is_current(database: Database) -> bool:
    """Whether the database has exactly the tables this version expects; raises `DatabaseUnavailable`."""
    return current(database) == head()


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "digest:migrations")
    return config


def _cause(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__
