"""The mail servers of a measurement: Postfix's smtp-sink and our own, both with a count of what they accepted."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench._processes import (
    PATIENCE,
    BenchFailed,
    Child,
    child,
    cpu_seconds,
    end,
    module,
    on_core,
    program,
    until,
)

SMTP_SINK, OUR_SINK = "smtp-sink", "our sink"
_CONNECTIONS = 1024


class Server(Protocol):
    """Where messages go: its port, and what it has accepted and used since it started."""

    port: int

    def count(self) -> int:
        """Messages to which it said 250 after the dot."""

    def cpu(self) -> float:
        """Seconds of processor time."""


@dataclass(slots=True, kw_only=True)
class OurSink:
    """`bench._sink`, which speaks over its pipes."""

    talk: Child
    port: int

    def count(self) -> int:
        """Messages to which it said 250 after the dot."""
        return int(self.talk.ask("count")["messages"])

    def cpu(self) -> float:
        """Seconds of processor time."""
        return float(self.talk.ask("count")["cpu"])

    def forget(self) -> None:
        """Wait for a first message anew."""
        self.talk.ask("forget")

    def first(self) -> float | None:
        """When the first message since then was complete, on the monotonic clock of this machine."""
        told = self.talk.ask("count")["first"]
        return None if told is None else float(told)


@dataclass(slots=True, kw_only=True)
class SmtpSink:
    """Postfix's smtp-sink with its running counters in a file."""

    pid: int
    port: int
    counters: Path

    def count(self) -> int:
        """Messages to which it said 250 after the dot."""
        with self.counters.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 200))
            told = re.findall(rb"mesg=(\d+)\r", file.read())
        return int(told[-1]) if told else 0

    def cpu(self) -> float:
        """Seconds of processor time."""
        return cpu_seconds(self.pid)


@contextmanager
def our_sink() -> Iterator[OurSink]:
    """Our own sink, on the first core."""
    with child(module("_sink"), core=0) as talk:
        yield OurSink(talk=talk, port=int(talk.hear()["port"]))


@contextmanager
def smtp_sink(folder: Path) -> Iterator[SmtpSink | None]:
    """Postfix's sink, on the first core; None where it is not installed."""
    found = program("smtp-sink")
    if found is None:
        yield None
        return
    port, counters = _free_port(), folder / "smtp-sink.counters"
    account = ["-u", "nobody"] if os.geteuid() == 0 else []
    listen = [*account, "-c", "-m", str(_CONNECTIONS), f"127.0.0.1:{port}", str(_CONNECTIONS)]
    with counters.open("wb") as out, (folder / "smtp-sink.log").open("wb") as log:
        process = subprocess.Popen(on_core([found, *listen], 0), stdout=out, stderr=log)
    try:
        _wait(port, process)
        yield SmtpSink(pid=process.pid, port=port, counters=counters)
    finally:
        process.terminate()
        end(process, gently=True)


@contextmanager
def far_away(port: int, *, milliseconds: int) -> Iterator[int]:
    """The port at which the server at `port` seems so far away, there and back."""
    with child(module("_latency", milliseconds / 2000, port)) as road:
        yield int(road.hear()["port"])


def settled_count(server: Server, expected: int) -> int:
    """What the server has counted, once that is `expected`; after a while, whatever it is."""
    for _ in until(time.monotonic() + 5):
        if server.count() == expected:
            break
    return server.count()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in until(time.monotonic() + PATIENCE):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
            return
        except OSError:
            if process.poll() is not None:
                break
    raise BenchFailed(f"smtp-sink did not start on port {port}.")
