"""Processes of a measurement: started on a core of their own, asked over pipes, and gone on every way out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

HERE = Path(__file__).resolve().parent.parent
PATIENCE = 30.0  # seconds for a child to be ready, or to end once it was told to
_OUTSIDE = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # where Debian keeps what ordinary users seldom run


class BenchFailed(Exception):
    """A measurement went wrong, so that its figures would mean nothing."""


def program(name: str) -> str | None:
    """Where a program is, also outside an ordinary user's PATH; None where it is not."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_OUTSIDE]))


def cores() -> list[int]:
    """The cores that we may use, by number."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def on_core(command: Sequence[str], place: int | None) -> list[str]:
    """`command` kept on our first (0) or second (1) core; as it is where there is only one, or with None."""
    ours, taskset = cores(), program("taskset")
    if place is None or len(ours) < 2 or taskset is None:
        return list(command)
    return [taskset, "-c", str(ours[place]), *command]


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs one of these modules in an interpreter of its own."""
    return [sys.executable, "-m", f"bench.{name}", *(str(one) for one in arguments)]


class Child:
    """A child that answers each line on its standard input with one line of JSON, and ends when that is closed."""

    def __init__(
        self, command: Sequence[str], *, core: int | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self._process = subprocess.Popen(
            on_core(command, core),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=HERE,
            env={**os.environ, **(env or {})},
            text=True,
        )
        self.pid = self._process.pid

    def ask(self, line: str) -> dict[str, Any]:
        """Say `line` and hear the answer."""
        self.say(line)
        return self.hear()

    def say(self, line: str) -> None:
        """Say `line`."""
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except OSError as error:
            raise BenchFailed(f"{self._name()} ended too early; what it said stands above.") from error

    def hear(self) -> dict[str, Any]:
        """Wait for the next answer; raises `BenchFailed` when the child ended without one."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise BenchFailed(f"{self._name()} ended too early; what it said stands above.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """Let it end; one that does not is killed."""
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe:
                    pipe.close()
        end(self._process, gently=True)

    def _name(self) -> str:
        return " ".join(str(word) for word in self._process.args if "/" not in str(word))  # type: ignore[union-attr]


@contextmanager
def child(
    command: Sequence[str], *, core: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """A `Child` for the time of a block; an alarm kills it when it says nothing for too long."""
    started = Child(command, core=core, env=env)
    try:
        yield started
    finally:
        started.close()


def end(process: subprocess.Popen[Any], *, gently: bool = False) -> None:
    """See that a process is gone; `gently` gives one that is ending by itself the time for it."""
    if gently:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=PATIENCE)
    if process.poll() is None:
        process.kill()
    process.wait()


def cpu_seconds(pid: int) -> float:
    """The processor time that a running process has used so far, its own and the system's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def nothing_hangs(seconds: float) -> Iterator[None]:
    """End the block with `BenchFailed` when it takes longer; a signal to terminate unwinds it like an error.

    So whatever happens, every `finally` runs: no process and no directory is left behind.
    """

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise BenchFailed(f"The measurement did not end within {seconds:.0f} seconds.")

    def told(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(143)

    before = signal.signal(signal.SIGALRM, late), signal.signal(signal.SIGTERM, told)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before[0])
        signal.signal(signal.SIGTERM, before[1])


def until(deadline: float) -> Iterator[None]:
    """Look again and again, with a pause between, until the monotonic clock shows `deadline`."""
    while time.monotonic() < deadline:
        yield
        time.sleep(0.01)
