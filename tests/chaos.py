"""Mailings in which everything goes wrong at random, one after the other for as long as is asked.

    python -m tests.chaos --seconds 3600 --seed 17      (make chaos SECONDS=3600 SEED=17)

Each mailing draws its engine, workers, lanes, server and faults from the seed and its number; whatever dies is started
again until the edition is sent. The first mailing that broke a promise ends it, and is named so that it can be repeated.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from digest.workflows.parts import Parts
from tests import crashing
from tests.crashing import EDITION, Fault, Sending, Server, StoppablePostgres

FEW, MANY = 120, 1_100  # many are more chunks than there are workers
_PHASES = ("connect", "ehlo", "mail", "rcpt", "data", "body", "dot", "kept", "answered")
_OPENING = {"connect", "ehlo"}
_SERVER_FAULTS = ("drop", "421", "silence", "slow", "refuse")
_HARMS = ("kill", "kill", "term", "database")
_MAIL = 'command_timeout = "5s"\ndot_timeout = "5s"\nmax_per_connection = 40\n'
_LEASE_OVER = timedelta(minutes=20)
_STARTS = 40


class Broken(AssertionError):
    """A promise was broken; the message names the mailing and what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Mailing:
    """What is drawn for one mailing."""

    engine: str
    workers: int
    lanes: int
    groups: bool
    faults: tuple[Fault, ...]

    @property
    def readers(self) -> int:
        return FEW if self.workers == 1 else MANY


def drawn(rng: random.Random, *, postgres: bool) -> Mailing:
    """One mailing and its faults."""
    engine = rng.choice(("sqlite", "postgresql")) if postgres else "sqlite"
    workers = rng.choice((1, 2)) if engine == "postgresql" else 1
    lanes = rng.randint(1, 8)
    most = FEW if workers == 1 else MANY
    faults = []
    for _ in range(rng.randint(1, 8)):
        phase = rng.choice(_PHASES)
        what = rng.choice((*_SERVER_FAULTS, *(["hold"] * 4)))
        if what == "refuse":
            phase = "rcpt"
        if (phase, what) == (
            "kept",
            "421",
        ):  # a server that says so of what it has makes the duplicate itself
            what = "drop"
        nth = rng.randint(1, lanes) if phase in _OPENING else rng.randint(1, most * 2 // 3)
        faults.append(Fault(phase=phase, what=what, nth=nth, seconds=rng.random()))
    return Mailing(
        engine=engine, workers=workers, lanes=lanes, groups=rng.random() < 0.7, faults=tuple(faults)
    )


def run(*, seconds: float, seed: int, say: Callable[[str], None] = print) -> int:
    """Go on for `seconds`; returns how many mailings held. Raises `Broken` with the first that did not."""
    say(f"seed {seed}, {seconds:g} seconds")
    until = time.monotonic() + seconds
    number = 0
    with _databases() as (database, server):
        while time.monotonic() < until:
            number += 1
            rng = random.Random(f"{seed}/{number}")
            mailing = drawn(rng, postgres=server is not None)
            with tempfile.TemporaryDirectory(prefix="digest-chaos-") as home:
                harms, wrong = _survive(mailing, Path(home), database(mailing, Path(home)), server, rng)
            harm = f", {', '.join(harms)}" if harms else ""
            faults = ", ".join(f"{f.what} at {f.phase} {f.nth}" for f in mailing.faults)
            told = (
                f"mailing {number}: {mailing.engine}, {mailing.workers} worker(s), {mailing.lanes} lane(s), "
                f"{'groups' if mailing.groups else 'steps'}; planned {faults}; done{harm or ' nothing by hand'}"
            )
            if wrong:
                raise Broken(f"seed {seed}, {told}: {'; '.join(wrong[:10])}")
            say(told)
    say(f"{number} mailings, and every promise held")
    return number


def _survive(
    mailing: Mailing, home: Path, database: str, postgres: StoppablePostgres | None, rng: random.Random
) -> tuple[list[str], list[str]]:
    """Bring one mailing to its end whatever happens; what was done to it, and what is wrong in the end."""
    harms: list[str] = []
    with (
        crashing.failing_server(home / "record", pipelining=mailing.groups) as server,
        crashing.sending(
            home, database, port=server.port, count=mailing.readers, lanes=mailing.lanes, mail=_MAIL
        ) as (going, parts),
        crashing.Watch(parts, mailing.readers) as watch,
    ):
        server.plan(*mailing.faults)
        while not _sent(going, parts):
            if len(going.workers) > _STARTS:
                return harms, ["it does not come to an end"]
            _staff(going, mailing.workers, rng)
            reached = server.reached(seconds=0.3)
            if reached and reached["what"] == "hold":
                kind = rng.choice(_HARMS)
                stoppable = postgres if mailing.engine == "postgresql" else None
                harms.append(_harm(kind, going, server, reached["who"], stoppable))
        bound = _may_be_uncertain(mailing, going, harms)
        kept, began = server.kept, server.began
        going.end()
        wrong = crashing.judged(parts, going.addresses, kept=kept, began=began, may_be_uncertain=bound)
    return harms, watch.wrong + wrong


def _sent(going: Sending, parts: Parts) -> bool:
    state = going.state(parts)
    if state == "paused":
        going.place.digest("editions", "resume", str(EDITION))
    return state == "sent"


def _staff(going: Sending, wanted: int, rng: random.Random) -> None:
    """Start whoever is missing: at first as many as are wanted, later one at a time and later by its clock."""
    if not going.workers:
        for _ in range(wanted):
            going.worker()
        return
    alive = [worker for worker in going.workers if worker.poll() is None]
    if not alive:
        going.worker(after=going.latest + _LEASE_OVER * rng.randint(1, 4) * len(going.workers))
    elif len(alive) < wanted and rng.random() < 0.3:
        going.worker(after=going.latest)


def _harm(kind: str, going: Sending, server: Server, who: str, postgres: StoppablePostgres | None) -> str:
    """What was done at this moment, while the server holds."""
    if kind == "database" and postgres is not None:
        postgres.stop()
        server.go()
        threading.Event().wait(0.3)
        postgres.start()
        return "database restarted"
    worker = going.who(who)
    if kind == "term":
        worker.terminate()
        server.go()
        return "SIGTERM"
    going.kill(worker)
    server.go()
    return "kill -9"


def _may_be_uncertain(mailing: Mailing, going: Sending, harms: list[str]) -> int:
    """One a lane of whoever was killed; one for each connection that went; all lanes for a lost database."""
    restarts = harms.count("database restarted")
    connections = sum(fault.what in {"drop", "421", "silence"} for fault in mailing.faults)
    return mailing.lanes * (going.kills + mailing.workers * restarts) + connections


@contextmanager
def _databases() -> Iterator[tuple[Callable[[Mailing, Path], str], StoppablePostgres | None]]:
    """A function that gives a mailing its database with a launched edition, and the server that may be stopped."""
    with ExitStack() as ends:
        server = ends.enter_context(crashing.stoppable_postgres())
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="digest-chaos-")))

        def database(mailing: Mailing, home: Path) -> str:
            if mailing.engine == "postgresql":
                assert server is not None
                return server.under_way(home, mailing.readers)
            original = folder / "digest.db"
            if not original.exists():
                crashing.launched(folder, f"sqlite:///{original}", count=FEW)
            shutil.copyfile(original, home / "digest.db")
            return f"sqlite:///{home / 'digest.db'}"

        yield database, server


def main() -> int:
    """The command line; 1 when a promise was broken."""
    options = argparse.ArgumentParser(description="Mailings in which everything goes wrong at random.")
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--seed", type=int, default=None, help="drawn and printed unless given")
    given = options.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    try:
        run(seconds=given.seconds, seed=seed, say=lambda line: print(line, flush=True))
    except Broken as broken:
        print(broken, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
