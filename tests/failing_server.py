"""A mail server as a process of its own, that fails where it is told to and keeps a file of what it really accepted.

    python -m tests.failing_server FILE [--no-pipelining] [--certificate PEM]

It prints its port, then one JSON line whenever it has reached a fault. On standard input it is told, as JSON lines,
{"faults": [...]} or {"go": true} to go on from where it holds. Each line of FILE is one fact: a recipient whose body
may begin (354 was said), or whose message is kept; it is written before the answer leaves. `tests.crashing` drives it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
from typing import Any

PHASES = ("connect", "ehlo", "tls", "mail", "rcpt", "data", "body", "dot", "kept", "answered")
MIDDLE = 2_000  # octets of the message after which it is called half-way
_LIMIT = 2**22
_PATIENCE = 60.0
_A_MOMENT = 0.02  # in which the end of a connection is heard of
_CUT = b"421 4.3.2 closing the connection\r\n"
_UNKNOWN = b"550 5.1.1 nobody is known here by that name\r\n"
_HANDLED = (
    asyncio.IncompleteReadError,
    asyncio.LimitOverrunError,
    ConnectionError,
    ssl.SSLError,
    TimeoutError,
)


class Ended(Exception):
    """This conversation is over."""


class Server:
    def __init__(self, record: int, *, pipelining: bool, tls: ssl.SSLContext | None) -> None:
        self.faults: list[dict[str, Any]] = []
        self.free = asyncio.Event()  # not set while the server holds; then nobody comes further
        self.free.set()
        self.tls = tls
        self._record = record
        self._offers = ["mail.test.example", "SIZE 10485760", "8BITMIME", "ENHANCEDSTATUSCODES"]
        self._offers += ["PIPELINING"] if pipelining else []

    async def met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Conversation(self, reader, writer).run()
        except (*_HANDLED, Ended):
            pass
        finally:
            writer.transport.abort()

    def fault(self, phase: str, who: str) -> dict[str, Any] | None:
        """The fault whose turn it is at `phase`; each happens once, at its `nth` time of being met."""
        for fault in self.faults:
            if fault["phase"] == phase and fault.get("who", "") in {"", who}:
                fault["nth"] -= 1
                if fault["nth"] <= 0:
                    self.faults.remove(fault)
                    return fault
        return None

    def offers(self, *, secure: bool) -> bytes:
        lines = [*self._offers, *(["STARTTLS"] if self.tls and not secure else [])]
        return "".join(f"250{' ' if line == lines[-1] else '-'}{line}\r\n" for line in lines).encode()

    def note(self, what: str, rcpt: str) -> None:
        os.write(self._record, f"{json.dumps({'what': what, 'rcpt': rcpt})}\n".encode())


class _Conversation:
    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._who = ""
        self._rcpt = ""
        self._secure = False

    async def run(self) -> None:
        await self._at("connect")
        await self._say(b"220 mail.test.example ESMTP\r\n")
        while line := await self._reader.readline():
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            await self._answer(verb.upper(), rest)

    async def _answer(self, verb: str, rest: str) -> None:
        if verb in {"EHLO", "HELO"}:
            self._who = rest
            await self._at("ehlo")
            await self._say(self._server.offers(secure=self._secure))
        elif verb == "STARTTLS" and self._server.tls and not self._secure:
            await self._say(b"220 2.0.0 ready\r\n")
            await self._at("tls")
            await self._writer.start_tls(self._server.tls)
            self._secure = True
        elif verb == "MAIL":
            self._rcpt = ""
            await self._at("mail")
            await self._say(b"250 2.1.0 ok\r\n")
        elif verb == "RCPT":
            rcpt = rest.partition("<")[2].partition(">")[0]
            if await self._at("rcpt", rcpt) == "refuse":
                await self._say(_UNKNOWN)
                return
            self._rcpt = rcpt
            await self._say(b"250 2.1.5 ok\r\n")
        elif verb == "DATA" and self._rcpt:
            await self._at("data")
            self._server.note("began", self._rcpt)
            await self._say(b"354 go ahead\r\n")
            await self._message()
        elif verb == "QUIT":
            await self._say(b"221 2.0.0 bye\r\n")
            raise Ended
        elif verb in {"RSET", "NOOP"}:
            await self._say(b"250 2.0.0 ok\r\n")
        else:
            await self._say(b"503 5.5.1 not now\r\n")

    async def _message(self) -> None:
        first = await self._reader.readline()
        if first == b".\r\n":
            await self._say(b"554 5.6.0 nothing in it\r\n")
            return
        await self._reader.readexactly(MIDDLE)
        await self._at("body")
        await self._reader.readuntil(b"\r\n.\r\n")
        await self._at("dot")
        rcpt, self._rcpt = self._rcpt, ""
        self._server.note("kept", rcpt)
        await self._at("kept", rcpt)
        await self._say(b"250 2.0.0 queued\r\n")
        await self._at("answered", rcpt)

    async def _at(self, phase: str, rcpt: str = "") -> str:
        """Do what is planned for this moment: wait, hold until told to go on, or end the conversation."""
        if not self._server.free.is_set():
            await self._held(phase)
        fault = self._server.fault(phase, self._who)
        if fault is None:
            return ""
        what = fault["what"]
        if what == "hold":
            self._server.free.clear()  # before it is told, so that the answer cannot come too early
        told = {"phase": phase, "what": what, "rcpt": rcpt or self._rcpt, "who": self._who}
        print(json.dumps(told), flush=True)
        if what == "hold":
            await self._held(phase)
        elif what == "slow":
            await asyncio.sleep(fault["seconds"])
        elif what == "silence":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone(), _PATIENCE)
            raise Ended
        elif what == "421":
            await self._say(_CUT)
            raise Ended
        elif what == "drop":
            raise Ended
        return str(what)

    async def _held(self, phase: str) -> None:
        """Wait until told to go on. Who has died before the message began is gone; later its octets are here already,

        and a server keeps what it has whole, whether anybody waits for the answer or not.
        """
        await self._server.free.wait()
        await asyncio.sleep(_A_MOMENT)
        if PHASES.index(phase) <= PHASES.index("data") and self._reader._eof:  # type: ignore[attr-defined]
            raise Ended

    async def _gone(self) -> None:
        """Returns when the other side has given up."""
        while await self._reader.read(65_536):
            pass

    async def _say(self, answer: bytes) -> None:
        self._writer.write(answer)
        await self._writer.drain()


async def _listen(server: Server) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    told = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)
    listening = await asyncio.start_server(server.met, "127.0.0.1", 0, limit=_LIMIT, backlog=256)
    print(listening.sockets[0].getsockname()[1], flush=True)
    order = asyncio.create_task(_obey(server, told))
    done, _ = await asyncio.wait(
        [order, asyncio.create_task(ended.wait())], return_when=asyncio.FIRST_COMPLETED
    )
    listening.close()
    for task in done:
        task.result()


async def _obey(server: Server, told: asyncio.StreamReader) -> None:
    """Follow what standard input says; its end is the end of the server."""
    while line := await told.readline():
        order = json.loads(line)
        if order.get("go"):
            server.free.set()
        if "faults" in order:
            server.faults[:] = order["faults"]
            print(json.dumps({"planned": len(server.faults)}), flush=True)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("record")
    options.add_argument("--no-pipelining", action="store_true")
    options.add_argument("--certificate", default="")
    given = options.parse_args()
    tls = None
    if given.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(given.certificate)
    record = os.open(given.record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    asyncio.run(_serve(record, pipelining=not given.no_pipelining, tls=tls))


async def _serve(record: int, *, pipelining: bool, tls: ssl.SSLContext | None) -> None:
    await _listen(Server(record, pipelining=pipelining, tls=tls))


if __name__ == "__main__":
    main()
