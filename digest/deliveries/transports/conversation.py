"""The words exchanged with a mail server on a session that is open: commands out, in groups where it takes them
so (RFC 2920), and replies in, one for each command, in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

_LONGEST_LINE = 8_192
_LONGEST_REPLY = 32_768
_MOST_AHEAD = 100  # replies that nobody has asked for yet


class Said(NamedTuple):
    """One reply as it came: its code, and its text with the lines joined by a line end."""

    code: int
    text: str


class Lost(Exception):
    """The conversation is over; the sentence says how it ended."""


class Garbled(Lost):
    """The server said something that is no reply; nothing after it can be understood."""


class Conversation(asyncio.Protocol):
    """One server's replies, in the order of the commands; it takes the transport over from who opened it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._partial = b""
        self._lines: list[bytes] = []
        self._size = 0
        self._said: deque[Said] = deque()
        self._end: Lost | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        transport.set_protocol(self)

    @property
    def is_ready(self) -> bool:
        """Whether it goes on, and the server has not said anything unasked, such as that it is about to hang up."""
        unasked = self._said or self._lines or self._partial
        return self._end is None and not unasked and not self._transport.is_closing()

    def say(self, data: bytes) -> None:
        """Send `data`; raises `Lost` when the connection is gone."""
        if self._end or self._transport.is_closing():
            raise self._end or Lost("the connection was lost")
        self._transport.write(data)

    async def hear(self, timeout: float) -> Said:
        """The next reply, within `timeout` seconds; raises `Lost` when none comes."""
        while not self._said:
            if self._end:
                raise self._end
            self._waiter = self._loop.create_future()
            self._due = self._loop.time() + timeout
            if self._timer and self._due < self._timer.when():
                self._timer.cancel()
                self._timer = None
            self._timer = self._timer or self._loop.call_at(self._due, self._look)
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._said.popleft()

    def hang_up(self) -> None:
        """End it here; what is still in our own buffers is not sent."""
        self._finish(Lost("the connection was lost"))
        self._transport.abort()

    # --- what the event loop calls --------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take the replies out of what came."""
        if self._end:
            return
        try:
            self._take(data)
        except Garbled as error:
            self._finish(error)
            self._transport.abort()
        if self._waiter and not self._waiter.done() and (self._said or self._end):
            self._waiter.set_result(None)

    def eof_received(self) -> bool:
        """The server said its last word."""
        self._finish(Lost("the connection was lost"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._finish(Lost("the connection was lost"))

    def _take(self, data: bytes) -> None:
        *whole, self._partial = (self._partial + data).split(b"\n")
        if len(self._partial) > _LONGEST_LINE:
            raise Garbled("the server's answer could not be understood: a line without end")
        for line in whole:
            code, after = line[:3], line[3:4]
            self._size += len(line)
            if len(line) > _LONGEST_LINE or self._size > _LONGEST_REPLY:
                raise Garbled("the server's answer could not be understood: it is too long")
            if not code.isdigit() or len(code) != 3 or after not in (b" ", b"-", b"\r", b""):
                shown = line[:80].decode("ascii", "replace")
                raise Garbled(f"the server's answer could not be understood: {shown}")
            self._lines.append(line[4:].strip(b" \t\r"))
            if after == b"-":
                continue
            text = b"\n".join(self._lines).decode("utf-8", "surrogateescape")
            self._lines, self._size = [], 0
            if len(self._said) >= _MOST_AHEAD:
                raise Garbled("the server's answer could not be understood: nobody asked for so many")
            self._said.append(Said(int(code), text))

    def _look(self) -> None:
        """Whether an answer is overdue. The timer is set anew only when it rings, not for every command."""
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() >= self._due:
            self._finish(Lost("the server did not answer in time"))
            self._transport.abort()
        else:
            self._timer = self._loop.call_at(self._due, self._look)

    def _finish(self, end: Lost) -> None:
        self._end = self._end or end
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
