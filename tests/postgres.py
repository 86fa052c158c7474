"""A PostgreSQL server for the tests: one found on this machine, or one that DIGEST_TEST_POSTGRES names."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

MISSING = "PostgreSQL is not here: no server binary was found and DIGEST_TEST_POSTGRES names none"
_PATIENCE_SECONDS = 60
_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "listen_addresses": "",
    "timezone": "Asia/Kathmandu",  # a server whose clock is not in UTC finds every time that forgot its zone
}


_EMPTY = """
DO $$ DECLARE one record; filled int; BEGIN
  FOR one IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
    EXECUTE format('SELECT 1 FROM %I LIMIT 1', one.relname) INTO filled;
    IF filled IS NOT NULL THEN EXECUTE format('TRUNCATE %I CASCADE', one.relname); END IF;
  END LOOP;
  FOR one IN SELECT relname FROM pg_class WHERE relkind = 'S' LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', one.relname);
  END LOOP;
END $$
"""
_SHAPE = """
SELECT md5(string_agg(table_name || '.' || column_name || ' ' || data_type, ',' ORDER BY table_name, column_name))
FROM information_schema.columns WHERE table_schema = 'public'
"""


class NoPostgres(Exception):
    """There is no PostgreSQL server to test against."""


@contextmanager
def server() -> Iterator[str]:
    """The URL of the maintenance database of a running server; raises `NoPostgres` where none can be had."""
    named = os.environ.get("DIGEST_TEST_POSTGRES")
    if named:
        yield named
        return
    programs = _programs()
    if programs is None:
        raise NoPostgres(MISSING)
    with _own_server(programs) as url:
        yield url


def command(url: str, *statements: str) -> None:
    """Run statements that may not stand in a transaction, such as CREATE DATABASE."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def shape(url: str) -> str:
    """What tables and columns a database has, as one short text."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        (told,) = connection.execute(_SHAPE).fetchone() or ("",)
    return str(told)


def emptied(url: str, *, like: str) -> bool:
    """Empty a database and start its sequences anew; False where that cannot be, or its shape is not `like`."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute("SET statement_timeout = '10s'")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            connection.execute(_EMPTY)
        return shape(url) == like
    except psycopg.Error:
        return False


def _programs() -> Path | None:
    """The directory of the newest server's programs; initdb is often outside PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name.split(".")[0]))
    on_path = shutil.which("initdb")
    if on_path:
        places.append(Path(on_path).resolve().parent)
    places = [place for place in places if (place / "initdb").exists() and (place / "postgres").exists()]
    return places[-1] if places else None


@contextmanager
def _own_server(programs: Path) -> Iterator[str]:
    home = Path(tempfile.mkdtemp(prefix="digest-pg-"))
    account = _account(home)
    data = home / "data"
    process: subprocess.Popen[bytes] | None = None
    try:
        cluster = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        initdb = [str(programs / "initdb"), "-D", str(data), *cluster]
        subprocess.run(initdb, check=True, capture_output=True, cwd=home, **account)
        options = [f"--{name}={value}" for name, value in _OPTIONS.items()]
        line = [str(programs / "postgres"), "-D", str(data), "-k", str(home), *options]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(line, stdout=log, stderr=log, cwd=home, **account)
        url = f"postgresql+psycopg://postgres@/postgres?host={home}"
        _wait(url, process, home / "log")
        yield url
    finally:
        if process is not None:
            process.send_signal(signal.SIGQUIT)  # stop at once: nothing here is worth keeping
            process.wait(timeout=_PATIENCE_SECONDS)
        shutil.rmtree(home, ignore_errors=True)


def _account(home: Path) -> dict[str, Any]:
    """Who runs the server: PostgreSQL refuses root, so root hands it to an unprivileged account."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    patience = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            command(url, "SELECT 1")
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > patience:
                raise RuntimeError(f"The PostgreSQL server did not start:\n{log.read_text()}") from None
            time.sleep(0.02)  # the server has no other way to say that it is ready
