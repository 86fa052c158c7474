"""A mail server that throws everything away and counts: `python -m bench._sink`; it says SIZE, PIPELINING, 8BITMIME.

It speaks to whoever started it over its own pipes: a line in, one line of JSON out. It ends when its input does.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field

_READ = 1 << 18
_LONGEST = 4096  # of a command line; who sends more is no mail client
_END = b"\r\n.\r\n"
_EHLO = b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250 8BITMIME\r\n"
_REPLIES = {
    b"EHLO": _EHLO,
    b"HELO": b"250 sink.example\r\n",
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n",
    b"DATA": b"354 End data with <CR><LF>.<CR><LF>\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"NOOP": b"250 2.0.0 Ok\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}
_ACCEPTED = b"250 2.0.0 Ok: thrown away\r\n"
_UNKNOWN = b"502 5.5.2 Not here\r\n"


@dataclass(slots=True)
class Session:
    """One connection: what it has yet to be told, and where in a message it is."""

    connection: socket.socket
    rest: bytes = b""
    in_body: bool = False
    ended: bool = False
    unsent: bytearray = field(default_factory=bytearray)


class Sink:
    """Answers every session in one thread; what it counts is what it said 250 to after the dot."""

    def __init__(self) -> None:
        self.port = 0
        self._messages = self._bytes = 0
        self._first: float | None = None
        self._selector = selectors.DefaultSelector()
        self._room = memoryview(bytearray(_READ))

    def run(self) -> None:
        """Serve until the input ends."""
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, None)
            self._selector.register(0, selectors.EVENT_READ, None)
            _say({"port": listener.getsockname()[1]})
            while True:
                for key, _ in self._selector.select():
                    if key.data is not None:
                        self._turn(key.data)
                    elif key.fileobj is listener:
                        self._welcome(listener)
                    elif not self._answer(os.read(0, 4096)):
                        return

    def _answer(self, asked: bytes) -> bool:
        for line in asked.split():
            if line == b"forget":
                self._first = None
            used = time.process_time()
            _say({"messages": self._messages, "bytes": self._bytes, "first": self._first, "cpu": used})
        return bool(asked)

    def _welcome(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = Session(connection)
        self._selector.register(connection, selectors.EVENT_READ, session)
        self._tell(session, b"220 sink.example ESMTP\r\n")

    def _turn(self, session: Session) -> None:
        """Read once, answer once; a reply that found no room goes before anything more is read."""
        if session.unsent:
            self._tell(session, b"")
            return
        try:
            size = session.connection.recv_into(self._room)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            self._close(session)
            return
        self._tell(session, b"".join(self._replies(session, session.rest + self._room[:size])))
        if session.ended and not session.unsent:
            self._close(session)

    def _replies(self, session: Session, data: bytes) -> list[bytes]:
        replies: list[bytes] = []
        at = 0
        while True:
            if session.in_body:
                found = data.find(_END, at)
                if found < 0:
                    # The line end before a dot may be at the end of what we have; an empty message has only this.
                    keep = max(at, len(data) - len(_END) + 1)
                    self._bytes += keep - at
                    session.rest = data[keep:]
                    return replies
                self._count(found - at)
                session.in_body = False
                replies.append(_ACCEPTED)
                at = found + len(_END)
                continue
            found = data.find(b"\r\n", at)
            if found < 0:
                session.rest = data[at:]
                session.ended = session.ended or len(session.rest) > _LONGEST
                return replies
            verb = data[at : at + 4].upper()
            replies.append(_REPLIES.get(verb, _UNKNOWN))
            session.in_body, session.ended = verb == b"DATA", session.ended or verb == b"QUIT"
            at = found + (0 if session.in_body else 2)  # so that a body that is only a dot ends as any other

    def _count(self, size: int) -> None:
        self._bytes += size
        self._messages += 1
        if self._first is None:
            self._first = time.monotonic()

    def _tell(self, session: Session, reply: bytes) -> None:
        waited = bool(session.unsent)
        session.unsent += reply
        try:
            del session.unsent[: session.connection.send(session.unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._close(session)
            return
        if bool(session.unsent) != waited:
            wanted = selectors.EVENT_WRITE if session.unsent else selectors.EVENT_READ
            self._selector.modify(session.connection, wanted, session)

    def _close(self, session: Session) -> None:
        if session.connection.fileno() >= 0:
            self._selector.unregister(session.connection)
            session.connection.close()


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    Sink().run()
