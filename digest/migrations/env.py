"""Alembic's way in: one history for the tables of `digest` and of `subscribers`."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

import subscribers
from digest.database import Base, Database
from digest.deliveries import tables as _deliveries  # noqa: F401 - its tables join Base.metadata
from digest.editions import tables as _editions  # noqa: F401
from digest.posts import tables as _posts  # noqa: F401

METADATA = [Base.metadata, subscribers.metadata]


def run(connection: Connection) -> None:
    """Run what Alembic was asked for on an open connection, all of it in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=connection.dialect.name == "sqlite",  # SQLite alters a table by copying it
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """Open the database that `digest.migrate` names, unless it handed over a connection."""
    given = context.config.attributes.get("connection")
    if given is not None:
        run(given)
        return
    database = Database(context.config.attributes["url"])
    try:
        with database.engine.begin() as connection:
            run(connection)
    finally:
        database.dispose()


main()
