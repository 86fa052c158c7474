"""How many addresses a second an import takes, on each database: `python -m bench.imports`.

PostgreSQL is measured where DIGEST_TEST_POSTGRES names a server; a scratch database is made there and dropped.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import subscribers
from digest.database import Database

ROWS = 100_000
SCRATCH = "digest_bench_imports"
NOW = datetime(2026, 11, 19, 9, tzinfo=UTC)


def main() -> None:
    for name, database in _databases():
        subscribers.metadata.create_all(database.engine)
        for label in ("new", "again"):
            start, busy = time.perf_counter(), time.process_time()
            imported = _import(database)
            rate, own = ROWS / (time.perf_counter() - start), ROWS / (time.process_time() - busy)
            changed = (
                f"{imported.added:,} added, {imported.unchanged:,} unchanged, {imported.refused:,} refused"
            )
            print(
                f"import  {ROWS:,} rows, {name}, {label}: {rate:,.0f} rows/s, {own:,.0f} per CPU second ({changed})"
            )
        database.dispose()


def _import(database: Database) -> subscribers.Imported:
    return subscribers.import_csv(
        database.transaction,
        io.BytesIO(_list()),
        keys=subscribers.Keys(("a secret for the bench only, not for use",)),
        publication="weekly",
        consent=subscribers.Consent(text="They asked for it.", source="import", at=NOW),
        now=NOW,
    )


def _list() -> bytes:
    """A list as they come: one row in two hundred is no address."""
    people = (
        f"reader{i}@host{i % 997}.example.org,Reader Number {i}\n" if i % 200 else f"reader{i}@@host,Nobody\n"
        for i in range(ROWS)
    )
    return ("email,name\n" + "".join(people)).encode()


def _databases() -> Iterator[tuple[str, Database]]:
    with tempfile.TemporaryDirectory() as folder:
        yield "SQLite", Database(f"sqlite:///{Path(folder) / 'bench.db'}")
    server = os.environ.get("DIGEST_TEST_POSTGRES")
    if not server:
        print("import  PostgreSQL is not measured: DIGEST_TEST_POSTGRES names no server")
        return
    with _scratch(server) as url:
        yield "PostgreSQL", Database(url)


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
    main()
