"""Bring a database to the tables this version expects, and say whether it is there."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from digest.database import Database, DatabaseUnavailable
from digest.errors import DigestError


class MigrationNeeded(DigestError):
    """The database does not have the tables this version expects."""


def upgrade(url: str) -> None:
    """Create or bring up to date every table of the database at `url`; does nothing when it is current.

    Raises `DatabaseUnavailable` when it cannot be opened, `MigrationNeeded` when a newer version has changed it.
    """
    _known(url)
    config = _config()
    config.attributes["url"] = url
    try:
        command.upgrade(config, "head")
    except DBAPIError as error:
        raise DatabaseUnavailable(f"The database could not be migrated: {_cause(error)}.") from error


def current(url: str) -> str | None:
    """The revision the database at `url` is at, None when it was never migrated."""
    database = Database(url)
    try:
        database.check()
        with database.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        database.dispose()


def head() -> str:
    """The revision this version expects."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


def is_current(url: str) -> bool:
    """Whether the database at `url` has exactly the tables this version expects."""
    return current(url) == head()


def require_current(url: str) -> None:
    """Raise `MigrationNeeded`, with what to type, unless the database at `url` is current."""
    at = _known(url)
    if at != head():
        what = "is empty" if at is None else f"is at revision {at}"
        raise MigrationNeeded(f"The database {what}; this version expects {head()}. Run `digest migrate` first.")


def _known(url: str) -> str | None:
    """The revision the database is at; raises `MigrationNeeded` for one this version has never heard of."""
    at = current(url)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if at is not None and at not in known:
        raise MigrationNeeded(
            f"The database is at revision {at}, which this version does not know; it was migrated by a newer one."
        )
    return at


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "digest:migrations")
    return config


def _cause(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__
