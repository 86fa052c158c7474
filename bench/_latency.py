"""A road between two programs on this machine, with a length and no limit on its width: `python -m bench._latency`.

Every byte arrives so many milliseconds after it left, each way, however many there are: no slow start, no loss.
It speaks over its own pipes like `bench._sink`, and ends when its input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass, field

_READ = 1 << 18
_UNDER_WAY = 1 << 24  # bytes of one end that may be on the road; then no more are taken from it


@dataclass(slots=True, eq=False)
class End:
    """One end of a connection: what is to be written to it, and how much of what it said is under way."""

    connection: socket.socket
    other: End | None = None
    unsent: deque[bytes] = field(default_factory=deque)
    under_way: int = 0
    closing: bool = False
    shut: bool = False
    watched: int = 0


class Road:
    """Carries bytes between callers and `port`; all of them travel equally long, so one queue keeps their order."""

    def __init__(self, *, delay: float, port: int) -> None:
        self._delay = delay
        self._port = port
        self._selector = selectors.DefaultSelector()
        self._queue: deque[tuple[float, End, bytes]] = deque()

    def run(self) -> None:
        """Serve until the input ends."""
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, None)
            self._selector.register(0, selectors.EVENT_READ, None)
            _say({"port": listener.getsockname()[1]})
            while True:
                self._wait()
                for key, mask in self._selector.select(0):
                    if key.data is not None:
                        self._serve(key.data, mask)
                    elif key.fileobj is listener:
                        self._join(listener)
                    elif not os.read(0, 4096):
                        return
                    else:
                        _say({"cpu": time.process_time()})
                self._arrive()

    def _wait(self) -> None:
        # The selectors themselves wait in whole milliseconds; on one of them select() waits to the microsecond.
        wait = max(0.0, self._queue[0][0] - time.monotonic()) if self._queue else None
        select.select([self._selector.fileno()], [], [], wait)

    def _join(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            near = End(listener.accept()[0])
            far = End(socket.create_connection(("127.0.0.1", self._port)))
            near.other, far.other = far, near
            for one in (near, far):
                one.connection.setblocking(False)
                one.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._watch(one)

    def _serve(self, end: End, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._write(end)
        if mask & selectors.EVENT_READ and end.connection.fileno() >= 0:
            self._read(end)

    def _read(self, end: End) -> None:
        try:
            data = end.connection.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        assert end.other
        self._queue.append((time.monotonic() + self._delay, end.other, data))
        end.under_way += len(data)
        end.closing = not data
        self._watch(end)

    def _arrive(self) -> None:
        now = time.monotonic()
        while self._queue and self._queue[0][0] <= now:
            _, end, data = self._queue.popleft()
            if end.connection.fileno() >= 0:
                end.unsent.append(data)
                self._write(end)

    def _write(self, end: End) -> None:
        assert end.other
        while end.unsent:
            data = end.unsent.popleft()
            try:
                if not data:
                    end.connection.shutdown(socket.SHUT_WR)
                    end.shut = True
                    continue
                sent = end.connection.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._close(end)
                return
            end.other.under_way -= sent
            if sent < len(data):
                end.unsent.appendleft(data[sent:])
                break
        if end.shut and end.other.shut:
            self._close(end)
            return
        self._watch(end)
        self._watch(end.other)

    def _watch(self, end: End) -> None:
        """Listen for what this end can do now, and for nothing else."""
        if end.connection.fileno() < 0:
            return
        wanted = selectors.EVENT_WRITE if end.unsent else 0
        if not end.closing and end.under_way < _UNDER_WAY:
            wanted |= selectors.EVENT_READ
        if wanted == end.watched:
            return
        if not end.watched:
            self._selector.register(end.connection, wanted, end)
        elif wanted:
            self._selector.modify(end.connection, wanted, end)
        else:
            self._selector.unregister(end.connection)
        end.watched = wanted

    def _close(self, end: End) -> None:
        for one in (end, end.other):
            if one and one.connection.fileno() >= 0:
                if one.watched:
                    self._selector.unregister(one.connection)
                one.connection.close()


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    Road(delay=float(sys.argv[1]), port=int(sys.argv[2])).run()
