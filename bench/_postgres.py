"""A private PostgreSQL server for a measurement, as initdb leaves it, so with every commit on the disk."""

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

from bench._processes import PATIENCE, BenchFailed, until

_CLUSTER = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C")
# Reached by a socket only; durable, as fsync, full_page_writes and synchronous_commit stay on.
_OPTIONS = ("--listen_addresses=", "--max_connections=100")


@contextmanager
def server(parent: Path) -> Iterator[str | None]:
    """The URL of a server's maintenance database, with its files in a folder below `parent`; None without one."""
    programs = _programs()
    if programs is None:
        yield None
        return
    home = Path(tempfile.mkdtemp(prefix="pg-", dir=parent))
    home.chmod(0o755)
    data, account = home / "data", _account(home)
    process: subprocess.Popen[bytes] | None = None
    try:
        initdb = [str(programs / "initdb"), "-D", str(data), *_CLUSTER]
        subprocess.run(initdb, check=True, capture_output=True, cwd=home, **account)
        line = [str(programs / "postgres"), "-D", str(data), "-k", str(home), *_OPTIONS]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(line, stdout=log, stderr=log, cwd=home, **account)
        url = f"postgresql+psycopg://postgres@/postgres?host={home}"
        _wait(url, process, home / "log")
        yield url
    finally:
        if process is not None:
            process.send_signal(signal.SIGQUIT)  # nothing here is worth keeping
            process.wait(timeout=PATIENCE)
        shutil.rmtree(home, ignore_errors=True)


def database(url: str, name: str) -> str:
    """A new empty database of that server; its URL."""
    _tell(url, f"CREATE DATABASE {name}")
    return url.replace("/postgres?", f"/{name}?")


def not_waiting(url: str) -> str:
    """The same database for a program that does not wait until its commits are on the disk."""
    return f"{url}&options=-csynchronous_commit%3Doff"


def _tell(url: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(statement.encode())


def _programs() -> Path | None:
    """The folder of the newest server's programs, if its driver is here too; initdb is often outside PATH."""
    try:
        import psycopg  # noqa: F401  only whether it is there
    except ImportError:
        return None
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name.split(".")[0]))
    on_path = shutil.which("initdb")
    places += [Path(on_path).resolve().parent] if on_path else []
    places = [place for place in places if (place / "initdb").exists() and (place / "postgres").exists()]
    return places[-1] if places else None


def _account(home: Path) -> dict[str, Any]:
    """Who runs the server: PostgreSQL refuses root, so root hands it to an unprivileged account."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    for _ in until(time.monotonic() + PATIENCE):
        try:
            _tell(url, "SELECT 1")
            return
        except psycopg.OperationalError:
            if process.poll() is not None:
                break
    raise BenchFailed(f"The PostgreSQL server did not start:\n{log.read_text()}")
