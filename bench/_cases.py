"""One run of one sender against one server, counted on both sides."""

from __future__ import annotations

import json
import resource
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import _installation as installations
from bench._installation import Installation
from bench._processes import HERE, PATIENCE, BenchFailed, child, cores, module, on_core, program
from bench._senders import READER, SENDER
from bench._servers import Server, settled_count

OURS, SMTP_SOURCE, AIOSMTPLIB, SMTPLIB = "this program", "smtp-source", "aiosmtplib", "smtplib, threads"
_MODULE_OF = {AIOSMTPLIB: "aiosmtplib", SMTPLIB: "smtplib"}
_MORE_TIME = (1, 4, 16)
_TRIPS = 4.2  # round trips a message by smtp-source: MAIL, RCPT, DATA, the dot; and a little for connecting


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is sent to whom over what: `size` in kB, `away` in milliseconds there and back, `lanes` connections."""

    server: str
    size: int = 50
    lanes: int = 64
    away: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A sender at a place. The rest is for this program: where its database is, how many workers, signed or not."""

    place: Place
    sender: str
    database: str = ""
    workers: int = 1
    signed: bool = False

    @property
    def label(self) -> str:
        """As a row of a table names it."""
        if self.sender != OURS:
            return self.sender
        workers = f", {self.workers} workers" if self.workers > 1 else ""
        return f"{OURS}, {self.database}{workers}{', RSA-2048' if self.signed else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run came to: messages that the server accepted, in how many seconds, and what it cost.

    `cpu` is the senders' processor time in seconds, all workers together; `peak` the memory of the largest in kB.
    """

    sent: int
    seconds: float
    cpu: float
    server_cpu: float = 0.0
    peak: int = 0

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.sent / self.seconds

    @property
    def each(self) -> float:
        """Microseconds of the senders' processor time for each message."""
        return self.cpu / self.sent * 1e6


@dataclass(slots=True, kw_only=True)
class Range:
    """Where cases are run: the servers by place, the installations by database, the messages by size."""

    seconds: float
    servers: dict[str, Server]
    ports: dict[tuple[str, int], int]
    installations: dict[str, Installation]
    messages: dict[int, Path]
    key: Path
    rates: dict[Place, float] = field(default_factory=dict)  # of smtp-source, to give it enough for the time

    def run(self, case: Case) -> Run:
        """Run a case; raises `BenchFailed` when the server counted anything but what the sender says.

        On a machine so busy that the time was over before the first message, there is more time.
        """
        for seconds in (self.seconds * factor for factor in _MORE_TIME):
            ran = self._counted(case, seconds)
            if ran.sent:
                return ran
        raise BenchFailed(f"{case.label} sent nothing to {case.place.server} in {seconds:.0f} seconds.")

    def _counted(self, case: Case, seconds: float) -> Run:
        server = self.servers[case.place.server]
        before, used = server.count(), server.cpu()
        ran = self._ours(case, seconds) if case.sender == OURS else self._others(case, seconds)
        counted = settled_count(server, before + ran.sent) - before
        if counted != ran.sent:
            raise BenchFailed(
                f"{case.label} says that {ran.sent} messages were accepted, and {case.place.server} counted {counted}."
            )
        return replace(ran, server_cpu=server.cpu() - used)

    def _others(self, case: Case, seconds: float) -> Run:
        port = self.ports[case.place.server, case.place.away]
        message = self.messages[case.place.size]
        if case.sender == SMTP_SOURCE:
            return self._smtp_source(case.place, port, message, seconds)
        how = [_MODULE_OF[case.sender], port, message, case.place.lanes, seconds]
        done = subprocess.run(
            on_core(module("_senders", *how), 1),
            stdout=subprocess.PIPE,
            cwd=HERE,
            timeout=seconds + 2 * PATIENCE,
            check=False,
        )
        if done.returncode != 0:
            raise BenchFailed(f"{case.sender} failed; what it said stands above.")
        told = json.loads(done.stdout)
        return Run(sent=told["sent"], seconds=told["seconds"], cpu=told["cpu"])

    def _smtp_source(self, place: Place, port: int, message: Path, seconds: float) -> Run:
        """It knows no time, only a number of messages: as many as it sends in the time, by its last run's rate."""
        found = program("smtp-source")
        assert found
        lanes = place.lanes
        guess = lanes / (_TRIPS * place.away / 1000) if place.away else 1000.0 if lanes < 4 else 3000.0
        count = max(lanes * 2, int(self.rates.get(place, guess) * seconds))
        how = ["-d", "-F", str(message.with_suffix(".lf")), "-f", SENDER, "-t", READER, "-s", str(lanes)]
        used = _used_by_children()
        start = time.monotonic()
        done = subprocess.run(
            on_core([found, *how, "-m", str(count), f"127.0.0.1:{port}"], 1),
            timeout=seconds * 20 + PATIENCE,
            check=False,
        )
        taken, cpu = time.monotonic() - start, _used_by_children() - used
        if done.returncode != 0:
            raise BenchFailed("smtp-source failed; what it said stands above.")
        self.rates[place] = count / taken
        return Run(sent=count, seconds=taken, cpu=cpu)

    def _ours(self, case: Case, seconds: float) -> Run:
        place, installation = case.place, self.installations[case.database]
        signing = {"DIGEST_MAIL_DKIM_SELECTOR": "bench", "DIGEST_MAIL_DKIM_KEY": str(self.key)}
        env = installation.env(
            port=self.ports[place.server, place.away],
            lanes=max(1, place.lanes // case.workers),
            **(signing if case.signed else {}),
        )
        with installations.opened(installation) as parts:
            edition = installations.launched(parts, f"brief-{place.size}")
            parts.database.dispose()  # nothing of ours stays open beside the workers
            told = _workers(installation.home, env, edition.id, case.workers, seconds)
            accepted = installations.accepted(parts, edition)
            installations.put_away(parts, edition)
        return Run(
            sent=accepted,
            seconds=max(one["end"] for one in told) - min(one["start"] for one in told),
            cpu=sum(one["cpu"] for one in told),
            peak=max(one["peak"] for one in told),
        )


def _workers(
    home: Path, env: dict[str, str], edition_id: int, count: int, seconds: float
) -> list[dict[str, Any]]:
    """So many workers on one edition, begun at the same moment; one alone has a core for itself."""
    with ExitStack() as stack:
        command = module("_ours", home, edition_id, seconds, 0)
        at_work = [
            stack.enter_context(child(command, core=1 if count == 1 else None, env=env)) for _ in range(count)
        ]
        for one in at_work:
            one.hear()
        for one in at_work:
            one.say("go")
        return [one.hear() for one in at_work]


def _used_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def most_workers() -> int:
    """A worker for each core, and two where there is one."""
    return max(2, min(4, len(cores())))
