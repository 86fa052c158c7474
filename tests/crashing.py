"""What the tests of crashes share: an edition under way to copy, workers to kill, a server that fails, and a judge.

Everything is black box: real `digest worker` processes on a real database, and a mail server in a process of its own
(`tests.failing_server`). Only the ledger is read in this process, through the same door as `digest deliveries` reads
it, because a command for every reader would take minutes.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from digest import settings, wiring
from digest.database import DatabaseUnavailable
from digest.workflows import look
from digest.workflows.parts import Parts
from tests import postgres
from tests.journeys.place import BlogSite, Installation, SitePost

EDITION = 1
LATER = tuple(
    timedelta(minutes=m) for m in (20, 80, 200, 500, 900, 1_500, 2_500)
)  # each after a wait of a retry's
_HERE = Path(__file__).resolve().parents[1]
_PATIENCE = 240.0  # a machine may be busy with other tests
_PUBLICATION = """
[publications.weekly]
name = "The Weekly Brief"
from = "The Weekly Brief <brief@example.org>"
postal_address = "1 Example Street, Example City"
timezone = "Europe/London"
cut_off = "wed 15:00"
send = "thu 09:00"
lateness = "9d"
first_edition = 3
[[publications.weekly.sources]]
kind = "rss"
url = "{url}/feed/"
allow_private = true
"""


# --- an edition under way --------------------------------------------------------------------------------------


def readers(count: int) -> list[str]:
    """The addresses of an audience of that many."""
    return [f"reader{n}@d{n % 7}.example" for n in range(count)]


def launched(home: Path, database: str, *, count: int) -> None:
    """Bring the database to where an edition to `count` readers is launched and nobody has been mailed."""
    place = Installation(home=home, database=database)
    (home / "readers.csv").write_text("email\n" + "".join(f"{one}\n" for one in readers(count)))
    with BlogSite() as site:
        site.posts = [
            SitePost(
                guid=f"post-{n}",
                title=f"Post number {n} of the blog",
                published=datetime.now(UTC) - timedelta(hours=n),
                excerpt=f"<p>What post {n} says first, and then some more of it.</p>",
            )
            for n in range(1, 4)
        ]
        place.configure(_PUBLICATION.format(url=site.url))
        consent = ["--publication", "weekly", "--consent", "Fair"]
        _digest(
            place,
            ["migrate"],
            ["subscribers", "import", str(home / "readers.csv"), *consent],
            ["collect"],
            ["editions", "cut", "weekly"],
            ["editions", "approve", str(EDITION)],
            ["worker", "--once"],  # what staff are told goes to the outbox, and stands in no test's way
            ["editions", "send", str(EDITION)],
        )


def _digest(place: Installation, *commands: list[str]) -> None:
    """Several commands in one process: most of the time of a short command is its start."""
    run = "import json, sys; from digest.cli import app; [app(one, standalone_mode=False) for one in json.load(sys.stdin)]"
    lines = [[*command, "--config", str(place.config)] for command in commands]
    done = subprocess.run(
        [sys.executable, "-c", run], input=json.dumps(lines), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@dataclass(kw_only=True)
class Sending:
    """One installation in the middle of a mailing, and the processes that are at it."""

    place: Installation
    addresses: Sequence[str]
    lanes: int
    start: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(seconds=2))
    workers: list[subprocess.Popen[str]] = field(default_factory=list)
    kills: int = 0
    latest: timedelta = timedelta()

    def worker(self, *args: str, after: timedelta = timedelta(), **environ: str) -> subprocess.Popen[str]:
        """A worker that does what is due `after` the start of the mailing, and ends."""
        self.place.environ = {"DIGEST_MAIL_EHLO_NAME": f"worker{len(self.workers)}.example", **environ}
        self.latest = max(self.latest, after)
        now = (self.start + after).isoformat()
        started = self.place.start("worker", *(args or ("--once", "--now", now)))
        self.workers.append(started)
        return started

    def who(self, name: str) -> subprocess.Popen[str]:
        """The worker that introduced itself to the server by that name; any where it had not yet."""
        return self.workers[int(name.removeprefix("worker").partition(".")[0])] if name else self.workers[-1]

    def kill(self, worker: subprocess.Popen[str]) -> None:
        """Kill it as `kill -9` does, and wait until nothing of it is left."""
        worker.kill()
        worker.wait(_PATIENCE)
        self.kills += 1

    def ended(self, worker: subprocess.Popen[str]) -> str:
        """What a worker said, once it has ended by itself."""
        return worker.communicate(timeout=_PATIENCE)[0]

    def finish(self, parts: Parts) -> None:
        """Run workers at later and later moments until the edition is sent; resume it as a person would."""
        latest = self.latest
        for wait in LATER:
            if self.state(parts) == "paused":
                self.place.digest("editions", "resume", str(EDITION))
            if self.state(parts) == "sent":
                return
            self.ended(self.worker(after=latest + wait))
        assert self.state(parts) == "sent", look.delivery_status(parts, EDITION)

    def state(self, parts: Parts) -> str:
        return str(look.delivery_status(parts, EDITION).state)

    def end(self) -> None:
        """Leave no process behind, whatever happened."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.communicate(timeout=_PATIENCE)


@contextmanager
def sending(
    home: Path, database: str, *, port: int, count: int, lanes: int, mail: str = "", security: str = "none"
) -> Iterator[tuple[Sending, Parts]]:
    """The installation on a copy of what `launched` made, sending to the server at `port`; and its parts, to look."""
    place = Installation(home=home, database=database)
    table = f'[mail]\ntransport = "smtp"\nhost = "127.0.0.1"\nport = {port}\nsecurity = "{security}"\nlanes = {lanes}\n'
    place.configure(_PUBLICATION.format(url="http://127.0.0.1:9"), mail=table + mail)
    parts = wiring.build(settings.load(place.config, environ={}), home=home)
    going = Sending(place=place, addresses=readers(count), lanes=lanes)
    try:
        yield going, parts
    finally:
        going.end()
        parts.database.dispose()


# --- the server ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong: `what` (hold, drop, 421, silence, slow, refuse) the `nth` time that `phase` is reached."""

    phase: str
    what: str
    nth: int = 1
    seconds: float = 0.0
    who: str = ""


class Server:
    """The failing server's process, as a test talks to it."""

    def __init__(self, record: Path, process: subprocess.Popen[str]) -> None:
        self._record = record
        self._process = process
        self._told: queue.Queue[dict[str, Any]] = queue.Queue()
        assert process.stdout is not None
        self.port = int(process.stdout.readline())
        threading.Thread(target=self._listen, daemon=True).start()

    def plan(self, *faults: Fault) -> None:
        """From now on these go wrong, each once; returns when the server knows."""
        self._order({"faults": [asdict(fault) for fault in faults]})
        while "planned" not in self._told.get(timeout=_PATIENCE):
            pass

    def reached(self, seconds: float = _PATIENCE) -> dict[str, Any] | None:
        """Where the next fault happened: phase, recipient and who was talking; None when none did in time."""
        with suppress(queue.Empty):
            return self._told.get(timeout=seconds)
        return None

    def go(self) -> None:
        """Let it go on from where it holds."""
        self._order({"go": True})

    @property
    def kept(self) -> Counter[str]:
        """How many messages the server really accepted, by recipient."""
        return Counter(one["rcpt"] for one in self._facts() if one["what"] == "kept")

    @property
    def began(self) -> set[str]:
        """Those whose message may have begun to leave: the server had asked for it."""
        return {one["rcpt"] for one in self._facts() if one["what"] == "began"}

    def _facts(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self._record.read_text().splitlines()]

    def _order(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.put(json.loads(line))


@contextmanager
def failing_server(record: Path, *, pipelining: bool = True, certificate: str = "") -> Iterator[Server]:
    """A server in a process of its own; what it accepted stays in the file `record`."""
    command = [sys.executable, "-m", "tests.failing_server", str(record)]
    command += [] if pipelining else ["--no-pipelining"]
    command += ["--certificate", certificate] if certificate else []
    environ = os.environ | {"PYTHONPATH": str(_HERE)}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_HERE, env=environ
    )
    try:
        yield Server(record, process)
    finally:
        process.terminate()
        process.communicate(timeout=_PATIENCE)


# --- a database that can be stopped -----------------------------------------------------------------------------


class StoppablePostgres:
    """A PostgreSQL server of our own; `stop` is a power cut for everybody who is connected."""

    def __init__(self, home: Path, programs: Path) -> None:
        self.url = f"postgresql+psycopg://postgres@/postgres?host={home}"
        self._home = home
        self._programs = programs
        self._account = postgres._account(home)
        self._process: subprocess.Popen[bytes] | None = None
        self._made: dict[int, str] = {}
        self._numbers = itertools.count(1)
        cluster = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        initdb = [str(programs / "initdb"), "-D", str(home / "data"), *cluster]
        subprocess.run(initdb, check=True, capture_output=True, cwd=home, **self._account)

    def start(self) -> None:
        """Start it, after a `stop` from what was committed."""
        # Commits are in the log of the database when they are answered; what a power cut of the machine would do to
        # files is not tried here.
        options = ["--fsync=off", "--listen_addresses=", "--shared_buffers=32MB", "--max_connections=60"]
        line = [str(self._programs / "postgres"), "-D", str(self._home / "data"), "-k", str(self._home)]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*line, *options], stdout=log, stderr=log, cwd=self._home, **self._account
            )
        postgres._wait(self.url, self._process, self._home / "log")

    def stop(self) -> None:
        """End it at once, in the middle of whatever it does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=_PATIENCE)

    def under_way(self, home: Path, count: int) -> str:
        """A new database on it where an edition to `count` readers is launched."""
        if count not in self._made:
            self._made[count] = self._new("template0")
            launched(home, self._named(self._made[count]), count=count)
        return self._named(self._new(self._made[count]))

    def _new(self, template: str) -> str:
        name = f"stoppable_{next(self._numbers)}"
        postgres.command(self.url, f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def _named(self, name: str) -> str:
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def stoppable_postgres() -> Iterator[StoppablePostgres | None]:
    """A started server of our own; None where this machine has no program for one."""
    programs = postgres._programs()
    if programs is None:
        yield None
        return
    home = Path(tempfile.mkdtemp(prefix="digest-pg-"))
    server = StoppablePostgres(home, programs)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


# --- the judge -------------------------------------------------------------------------------------------------


class Watch:
    """Counts the ledger over and over while a mailing goes on: at no moment may anybody be in no state, or in two."""

    def __init__(self, parts: Parts, audience: int, *, every: float = 0.03) -> None:
        self.wrong: list[str] = []
        self.looks = 0
        self._parts = parts
        self._audience = audience
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while not self._over.wait(self._every):
            with suppress(DBAPIError, DatabaseUnavailable):  # it may be the database's turn to be gone
                found = look.delivery_status(self._parts, EDITION)
                self.looks += 1
                if sum(found.counts.values()) != self._audience or found.audience != self._audience:
                    self.wrong.append(f"the counts do not add up to {self._audience}: {found.counts}")


def held(going: Sending, parts: Parts, watch: Watch, server: Server, *, may_be_uncertain: int) -> list[str]:
    """What is wrong in the end, with the ledger at any moment or with what the server has; see `judged`."""
    wrong = [] if watch.looks else ["nobody watched"]
    found = judged(
        parts,
        going.addresses,
        kept=server.kept,
        began=server.began,
        may_be_uncertain=may_be_uncertain,
    )
    return wrong + watch.wrong + found


def judged(
    parts: Parts,
    addresses: Sequence[str],
    *,
    kept: Counter[str],
    began: set[str] | None,
    may_be_uncertain: int,
) -> list[str]:
    """What is wrong with the ledger as against what the server really has; nothing, if the claims hold.

    `began` are those whose message may have begun to leave; None where the server cannot say.
    """
    wrong = [f"{rcpt} has {number} copies" for rcpt, number in kept.items() if number > 1]
    wrong += [f"{rcpt} was never in the audience" for rcpt in kept if rcpt not in set(addresses)]
    uncertain = []
    ledger = {
        one.address: one
        for one in look.listed(parts, EDITION, limit=len(addresses) + 1, whole_addresses=True)
    }
    wrong += [] if set(ledger) == set(addresses) else ["the ledger does not have the audience"]
    for address, found in ledger.items():
        has = kept[address]
        last = found.attempts[-1].outcome if found.attempts else ""
        match found.state:
            case "accepted":
                wrong += [] if has else [f"{address} is called accepted, and the server has nothing"]
            case "uncertain":
                uncertain.append(address)
                wrong += [] if last == "uncertain" else [f"{address} is uncertain without evidence"]
                wrong += (
                    [] if began is None or address in began else [f"{address} is uncertain before its body"]
                )
            case "refused" | "failed" | "skipped":
                wrong += [f"{address} is called {found.state}, and the server has it"] if has else []
                wrong += [] if found.reason else [f"{address} is {found.state} for no reason"]
            case other:
                wrong.append(f"{address} is lost: {other} at the end")
    if len(uncertain) > may_be_uncertain:
        wrong.append(f"{len(uncertain)} are uncertain, where at most {may_be_uncertain} may be: {uncertain}")
    return wrong
