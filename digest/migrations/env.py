"""Alembic's way in: one history for the tables of `digest` and of `subscribers`."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

import subscribers
from digest.database import Base
from digest.deliveries import tables as _deliveries  # noqa: F401 - its tables join Base.metadata
from digest.editions import tables as _editions  # noqa: F401
from digest.posts import tables as _posts  # noqa: F401

METADATA = [Base.metadata, subscribers.metadata]
_LOCK = 0x64696765  # any number that nothing else in the database locks


def run(connection: Connection) -> None:
    """Run what Alembic was asked for inside the transaction of an open connection."""
    if connection.dialect.name == "postgresql":  # SQLite's transaction holds the write lock from its start
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,  # SQLite alters a table by copying it; elsewhere this changes nothing
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
