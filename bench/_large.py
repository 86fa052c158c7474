"""A list of a million readers: how long its launch takes, what a worker needs in memory, and when the first mail leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from bench import _installation as installations
from bench._installation import Installation
from bench._processes import BenchFailed, child, module, until
from bench._servers import OurSink, settled_count
from digest.workflows import launch

READERS = 1_000_000
FEW = 100  # readers of the edition whose first message is waited for
_LANES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Kilobytes that a worker used: after `early` messages, at the end after `late`, and at most."""

    early: int
    at_early: int
    late: int
    at_late: int
    peak: int


def launches(installation: Installation, *, times: int) -> Iterator[float]:
    """Seconds from the command to the frozen and committed audience of all readers."""
    with installations.opened(installation) as parts:
        for _ in range(times):
            edition = installations.approved(parts, "all")
            start = time.monotonic()
            sending = launch.launch(parts, edition.id, now=datetime.now(UTC))
            yield time.monotonic() - start
            installations.put_away(parts, sending)


def memory(installation: Installation, sink: OurSink, *, most: int, seconds: float) -> Memory:
    """One worker on an edition for all readers, until so many messages or seconds, then stopped gently."""
    with installations.opened(installation) as parts:
        edition = installations.launched(parts, "all")
        parts.database.dispose()
        before = sink.count()
        env = installation.env(port=sink.port, lanes=_LANES)
        with child(module("_ours", installation.home, edition.id, seconds, most), core=1, env=env) as worker:
            worker.hear()
            told = worker.ask("go")
        accepted = installations.accepted(parts, edition)
        installations.put_away(parts, edition)
    _same("the worker with a million readers", accepted, settled_count(sink, before + accepted) - before)
    (early, at_early), (late, at_late) = told["seen"][0], told["seen"][-1]
    return Memory(early=early, at_early=at_early, late=late, at_late=at_late, peak=told["peak"])


def first_messages(installation: Installation, sink: OurSink, *, times: int) -> Iterator[float]:
    """Seconds from a launch to its first message complete at the server, by a worker that waits for work."""
    sent = 0
    before = sink.count()
    command = module("_ours", installation.home, 0, 600, 0)
    env = installation.env(port=sink.port)
    with installations.opened(installation) as parts, child(command, core=1, env=env) as worker:
        worker.hear()
        worker.say("go")
        for attempt in range(times):
            time.sleep(
                0.3 + 0.17 * attempt
            )  # so that a worker that looks each second is met at different moments
            sink.forget()
            edition = installations.approved(parts, "few")
            start = time.monotonic()
            launch.launch(parts, edition.id, now=datetime.now(UTC))
            yield _first(sink) - start
            sent += FEW
            settled_count(sink, before + sent)
        worker.ask("stop")
    _same("the worker that waited", sent, settled_count(sink, before + sent) - before)


def _first(sink: OurSink) -> float:
    for _ in until(time.monotonic() + 30):
        if (at := sink.first()) is not None:
            return at
    raise BenchFailed("No message left within 30 seconds of a launch.")


def _same(who: str, said: int, counted: int) -> None:
    if said != counted:
        raise BenchFailed(f"By the ledger {who} sent {said} messages, and the server counted {counted}.")
