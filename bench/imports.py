"""How many addresses a second an import takes, and in how much memory, on each database: `python -m bench.imports [ROWS]`.

PostgreSQL is the server that DIGEST_TEST_POSTGRES names, or one of this machine that does not wait for its disk; a
scratch database is made there and dropped.
"""

from __future__ import annotations

import io
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import subscribers
from digest.database import Database
from tests import postgres

ROWS = 200_000
SCRATCH = "digest_bench_imports"
NOW = datetime(2026, 11, 19, 9, tzinfo=UTC)


class Endless(io.RawIOBase):
    """A list as they come, made while it is read: one row in two hundred is no address."""

    def __init__(self, rows: int) -> None:
        self._lines = iter(_lines(rows))

    def read(self, size: int = -1, /) -> bytes:
        """The next few thousand lines."""
        return "".join(islice(self._lines, 5_000)).encode()


def main(rows: int) -> None:
    """Import a list of new people and then the same list again, on each database."""
    for name, database in _databases():
        subscribers.metadata.create_all(database.engine)
        for label in ("new", "again"):
            start, busy = time.perf_counter(), time.process_time()
            imported = _import(database, rows)
            rate, own = rows / (time.perf_counter() - start), rows / (time.process_time() - busy)
            changed = (
                f"{imported.added:,} added, {imported.unchanged:,} unchanged, {imported.refused:,} refused"
            )
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"import  {rows:,} rows, {name}, {label}: {rate:,.0f} rows/s, {own:,.0f} per CPU second, "
                f"peak {peak:,.0f} MiB ({changed})",
                flush=True,
            )
        database.dispose()


def _import(database: Database, rows: int) -> subscribers.Imported:
    return subscribers.import_csv(
        database.transaction,
        Endless(rows),  # type: ignore[arg-type] # all that is asked of a stream is read
        keys=subscribers.Keys(("a secret for the bench only, not for use",)),
        publication="weekly",
        consent=subscribers.Consent(text="They asked for it.", source="import", at=NOW),
        now=NOW,
    )


def _lines(rows: int) -> Iterator[str]:
    yield "email,name\n"
    for i in range(rows):
        yield (
            f"reader{i}@host{i % 997}.example.org,Reader Number {i}\n"
            if i % 200
            else f"reader{i}@@host,Nobody\n"
        )


def _databases() -> Iterator[tuple[str, Database]]:
    with tempfile.TemporaryDirectory() as folder:
        yield "SQLite", Database(f"sqlite:///{Path(folder) / 'bench.db'}")
    try:
        with postgres.server() as server, _scratch(server) as url:
            yield "PostgreSQL", Database(url)
    except postgres.NoPostgres as error:
        print(f"import  {error}")


@contextmanager
def _scratch(server: str) -> Iterator[str]:
    import psycopg
    from sqlalchemy import make_url

    url = make_url(server)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {SCRATCH}")
        try:
            yield url.set(database=SCRATCH).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
