"""A scripted SMTP server that records what it really accepted; it runs in its own thread on loopback.

    async with recording_server(lambda step: "550 5.1.1 no such user" if step.rcpt == "x@y.example" else None) as server:
        ...                                  # or `with`, from code that is not async
    server.port, server.messages             # each message: mail_from, rcpt, data (bytes, dots unstuffed)

The script is asked at every step (`Step.name`: greeting, ehlo, starttls, auth, mail, rcpt, data, body, dot, quit) and
answers None for the usual reply, a reply line, `DROP` (close the connection) or `SILENCE` (never answer). At `dot`,
`ACCEPT_AND_DROP` records the message and then loses the connection before saying so.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

DROP = "\0drop"
SILENCE = "\0silence"
ACCEPT_AND_DROP = "\0accept and drop"
EXTENSIONS = ("PIPELINING", "SIZE 10485760", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")


@dataclass(frozen=True)
class Received:
    """One message that the server said 250 to (or accepted and then dropped the connection)."""

    mail_from: str
    rcpt: str
    data: bytes
    options: str = ""
    connection: int = 0


@dataclass(frozen=True)
class Step:
    """Where a conversation stands: `name` of the step, the argument, and counters from 1."""

    name: str
    argument: str = ""
    rcpt: str = ""
    connection: int = 0
    message: int = 0


Script = Callable[[Step], str | None]


@dataclass
class _Transaction:
    mail_from: str | None = None
    options: str = ""
    rcpt: list[str] = field(default_factory=list)


class RecordingServer:
    """The running server; `messages`, `commands` and `connections` may be read from any thread."""

    def __init__(
        self,
        script: Script | None,
        *,
        extensions: tuple[str, ...],
        tls: ssl.SSLContext | None,
        implicit_tls: bool,
        login: tuple[str, str] | None,
        mechanisms: str,
    ) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.messages: list[Received] = []
        self.commands: list[str] = []
        self.connections = 0
        self._script = script or (lambda _step: None)
        self._extensions = extensions
        self._tls = tls
        self._implicit = implicit_tls
        self.login = login
        self._mechanisms = mechanisms
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10), "the SMTP test server did not start"
        if self._failure:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop and self._stop
        assert self._thread
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)

    def _run(self, ready: threading.Event) -> None:
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        conversations: set[asyncio.Task[None]] = set()

        async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task
            conversations.add(task)
            try:
                with contextlib.suppress(
                    asyncio.CancelledError,
                    asyncio.IncompleteReadError,
                    ConnectionError,
                    ssl.SSLError,
                    TimeoutError,
                ):
                    await self._converse(reader, writer)
            finally:
                conversations.discard(task)
                writer.transport.abort()

        try:
            server = await asyncio.start_server(
                met, self.host, 0, limit=2**22, ssl=self._tls if self._implicit else None
            )
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for us
            self._failure = error
            ready.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()
        for task in list(conversations):
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection, secure, logged_in = self.connections, self._implicit, self.login is None
        tx = _Transaction()

        async def say(
            name: str, usual: str, argument: str = "", *, record: Callable[[], None] | None = None
        ) -> str:
            """Ask the script, record, answer, and return the reply; raises ConnectionError to end it all."""
            step = Step(name, argument, tx.rcpt[-1] if tx.rcpt else "", connection, len(self.messages) + 1)
            if name == "rcpt":
                step = Step(name, argument, argument, connection, len(self.messages) + 1)
            reply = self._script(step)
            if reply == SILENCE:
                await asyncio.Event().wait()
            accepted = reply == ACCEPT_AND_DROP or (usual if reply is None else reply).startswith("250")
            if record and accepted:
                record()
            if reply in (DROP, ACCEPT_AND_DROP):
                raise ConnectionError
            reply = reply if reply is not None else usual
            if reply:
                writer.write(reply.replace("\n", "\r\n").encode("utf-8", "surrogateescape") + b"\r\n")
                await writer.drain()
            if reply.startswith("421"):
                raise ConnectionError
            return reply

        await say("greeting", "220 mail.test.example ESMTP")
        while line := await reader.readline():
            command = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            self.commands.append(command)
            verb, _, rest = command.partition(" ")
            verb = verb.upper()
            if verb in ("EHLO", "HELO"):
                offers = ["mail.test.example", *self._extensions]
                if self._tls and not secure:
                    offers.append("STARTTLS")
                if self.login:
                    offers.append(f"AUTH {self._mechanisms}")
                await say("ehlo", "\n".join([*(f"250-{o}" for o in offers[:-1]), f"250 {offers[-1]}"]), rest)
            elif verb == "STARTTLS" and self._tls and not secure:
                if (await say("starttls", "220 2.0.0 ready")).startswith("220"):
                    await writer.start_tls(self._tls)
                    secure = True
            elif verb == "AUTH":
                given = await self._credentials(reader, writer, rest)
                good = given == self.login
                if not good and rest.upper().startswith("XOAUTH2"):
                    writer.write(b"334 eyJzdGF0dXMiOiI0MDAifQ==\r\n")
                    self.commands.append((await reader.readline()).decode().rstrip("\r\n"))
                reply = await say("auth", "235 2.7.0 welcome" if good else "535 5.7.8 bad login", rest)
                logged_in = reply.startswith("235")
            elif verb == "MAIL":
                usual = "250 2.1.0 ok" if logged_in else "530 5.7.0 authentication required"
                if (await say("mail", usual, rest)).startswith("250"):
                    address, _, options = rest.partition(">")
                    tx = _Transaction(mail_from=address.partition("<")[2], options=options.strip())
            elif verb == "RCPT":
                address = rest.partition("<")[2].rpartition(">")[0]
                if (await say("rcpt", "250 2.1.5 ok", address)).startswith("25"):
                    tx.rcpt.append(address)
            elif verb == "DATA":
                usual = "354 go ahead" if tx.rcpt else "503 5.5.1 no valid recipients"
                if (await say("data", usual)).startswith("354"):
                    await self._body(reader, tx, say, connection)
                    tx = _Transaction()
            elif verb == "RSET":
                tx = _Transaction()
                await say("rset", "250 2.0.0 ok")
            elif verb == "NOOP":
                await say("noop", "250 2.0.0 ok")
            elif verb == "QUIT":
                await say("quit", "221 2.0.0 bye")
                return
            else:
                await say("unknown", "500 5.5.2 what?", command)

    async def _body(
        self,
        reader: asyncio.StreamReader,
        tx: _Transaction,
        say: Callable[..., Awaitable[str]],
        connection: int,
    ) -> None:
        lines: list[bytes] = []
        while True:
            line = await reader.readline()
            if not line:
                raise ConnectionError
            if (
                not lines
                and self._script(
                    Step("body", "", tx.rcpt[-1] if tx.rcpt else "", connection, len(self.messages) + 1)
                )
                == DROP
            ):
                raise ConnectionError
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        received = [
            Received(tx.mail_from or "", rcpt, b"".join(lines), tx.options, connection) for rcpt in tx.rcpt
        ]
        # Recorded before the answer leaves, so that whoever has the 250 finds the message.
        usual = "250 2.0.0 queued" if received else "554 5.5.1 no valid recipients"
        await say("dot", usual, record=lambda: self.messages.extend(received))

    async def _credentials(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rest: str
    ) -> tuple[str, str]:
        method, _, initial = rest.partition(" ")

        async def ask(prompt: str) -> str:
            writer.write(f"334 {prompt}\r\n".encode())
            await writer.drain()
            return (await reader.readline()).decode().strip()

        if method.upper() == "PLAIN":
            _, user, password = base64.b64decode(initial or await ask("")).decode().split("\0")
            return user, password
        if method.upper() == "XOAUTH2":
            user, _, bearer = base64.b64decode(initial).decode().partition("\1auth=Bearer ")
            return user.removeprefix("user="), bearer.removesuffix("\1\1")
        user = base64.b64decode(initial or await ask("VXNlcm5hbWU6")).decode()
        return user, base64.b64decode(await ask("UGFzc3dvcmQ6")).decode()


def recording_server(
    script: Script | None = None,
    *,
    extensions: tuple[str, ...] = EXTENSIONS,
    tls: ssl.SSLContext | None = None,
    implicit_tls: bool = False,
    login: tuple[str, str] | None = None,
    mechanisms: str = "PLAIN LOGIN",
) -> RecordingServer:
    """A server to be entered with `with` or `async with`; `tls` alone offers STARTTLS, `login` demands AUTH.

    `login` is a user and a password, or for XOAUTH2 among the `mechanisms` an access token.
    """
    return RecordingServer(
        script, extensions=extensions, tls=tls, implicit_tls=implicit_tls, login=login, mechanisms=mechanisms
    )
