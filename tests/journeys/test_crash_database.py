"""The database goes in the middle of a mailing and comes back: nobody gets a second copy and nobody is forgotten."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from tests import crashing
from tests.crashing import Fault, Sending, Server, StoppablePostgres
from tests.journeys.place import wait_until

READERS = 120
LANES = 3
_AWAY_SECONDS = 0.5
_LEASE_OVER = timedelta(minutes=20)
_LOOKS = 300
_UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
_ROOM = 16_384  # octets that the disk still has when it is about to be full

WHOLE = os.environ.get("DIGEST_CRASH_MATRIX") == "whole"
PHASES = ("connect", "mail", "rcpt", "data", "body", "dot", "kept", "answered")
UnderWay = Callable[[str, int], str]


@pytest.mark.parametrize("groups", [True, False] if WHOLE else [True])
def test_a_database_server_that_falls_over_and_comes_back_costs_no_reader_a_copy(
    groups: bool, tmp_path: Path, stoppable_postgres: StoppablePostgres
) -> None:
    database = stoppable_postgres.under_way(tmp_path, READERS)

    def fall_over(_worker: subprocess.Popen[str], server: Server) -> None:
        stoppable_postgres.stop()
        try:
            server.go()
            _wait(_AWAY_SECONDS)
        finally:
            stoppable_postgres.start()

    phases = PHASES if WHOLE else ("rcpt", "body", "kept", "answered")
    _suffered(tmp_path, database, fall_over, phases=phases, groups=groups)


@pytest.mark.parametrize("groups", [True, False] if WHOLE else [False])
def test_a_full_disk_under_the_database_costs_no_reader_a_copy(
    groups: bool, tmp_path: Path, under_way: UnderWay
) -> None:
    def fill_up(worker: subprocess.Popen[str], server: Server) -> None:
        """Its files cannot grow beyond what they are and a little more, as on a full disk; then they can again."""
        log = tmp_path / "digest.db-wal"
        size = log.stat().st_size + _ROOM
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        server.go()
        wait_until(lambda: worker.poll() is not None or log.stat().st_size > size - _ROOM // 2, seconds=240)
        with suppress(subprocess.TimeoutExpired):
            worker.wait(_AWAY_SECONDS)
        if worker.poll() is None:
            resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, _UNLIMITED)

    phases = PHASES if WHOLE else ("rcpt", "kept", "answered")
    _suffered(tmp_path, under_way("sqlite", READERS), fill_up, phases=phases, groups=groups)


def test_a_database_that_another_program_locks_for_a_while_only_makes_a_mailing_wait(
    tmp_path: Path, under_way: UnderWay
) -> None:
    def lock(_worker: subprocess.Popen[str], server: Server) -> None:
        with closing(sqlite3.connect(tmp_path / "digest.db", timeout=30, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            server.go()
            _wait(2 * _AWAY_SECONDS)
            other.execute("ROLLBACK")

    workers = _suffered(
        tmp_path,
        under_way("sqlite", READERS),
        lock,
        phases=("data", "dot", "answered"),
        groups=True,
        at_risk=0,
    )
    assert workers == 1


def _suffered(
    home: Path,
    database: str,
    harm: Callable[[subprocess.Popen[str], Server], None],
    *,
    phases: Sequence[str],
    groups: bool,
    at_risk: int = LANES,
) -> int:
    """A mailing comes to each phase in turn and is harmed there; how many workers it took, if everything holds.

    A worker that ends is started again later, as whatever supervises it would; one that goes on is left alone.
    """
    with (
        crashing.failing_server(home / "record", pipelining=groups) as server,
        crashing.sending(home, database, port=server.port, count=READERS, lanes=LANES) as (going, parts),
        crashing.Watch(parts, READERS) as watch,
    ):
        for phase in phases:
            server.plan(Fault(phase=phase, what="hold", nth=1 if phase == "connect" else 9))
            harm(_at_work(going, server), server)
        for worker in going.workers:
            if worker.poll() is None:
                going.ended(worker)
        going.finish(parts)
        bound = at_risk * len(phases)
        assert crashing.held(going, parts, watch, server, may_be_uncertain=bound) == []
    return len(going.workers)


def _at_work(going: Sending, server: Server) -> subprocess.Popen[str]:
    """The worker that has come to where the server holds; a new one where the last has ended."""
    for _ in range(_LOOKS):
        if not going.workers or going.workers[-1].poll() is not None:
            going.worker(after=len(going.workers) * _LEASE_OVER)
        if server.reached(seconds=1):
            return going.workers[-1]
    raise AssertionError("the mailing did not go on")


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)
