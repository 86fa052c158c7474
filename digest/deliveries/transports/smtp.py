"""Mail by SMTP submission: aiosmtplib opens the session, and each message is driven through it in stages.

Only a transaction in stages knows on which side of the final dot a line dropped, and so what may be sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import aiosmtplib

from digest.deliveries import replies
from digest.deliveries.model import Outcome, Phase, Reply, Scope, Verdict
from digest.deliveries.transports.base import BeforeBody, CannotOpen, Lane, TransportConfig
from digest.errors import DigestError
from digest.messages.model import Addressed

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_QUIT_SECONDS = 10.0
_Gone = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, ConnectionError, TimeoutError)


class Smtp:
    """A mail server that takes our mail; every lane is one connection to it, reused for many messages."""

    name = "smtp"

    def __init__(self, config: TransportConfig) -> None:
        self._config = config
        self._tls = None if config.security == "none" else _context(config.ca_file)

    def lane(self) -> Lane:
        """A connection, not yet open."""
        return _SmtpLane(self._config, self._tls)


class _SmtpLane:
    def __init__(self, config: TransportConfig, tls: ssl.SSLContext | None) -> None:
        self._config = config
        self._tls = tls
        self._client: aiosmtplib.SMTP | None = None
        self._sent = 0

    async def open(self) -> None:
        if self._client and self._client.is_connected:
            return
        self._drop()
        client = aiosmtplib.SMTP(
            hostname=self._config.host,
            port=self._config.port,
            local_hostname=self._config.ehlo_name or "localhost",
            use_tls=self._config.security == "tls",
            start_tls=False,
            tls_context=self._tls,
            timeout=self._config.command_timeout,
        )
        try:
            await _introduce(client, self._config)
        except CannotOpen:
            client.close()
            raise
        self._client, self._sent = client, 0

    async def send(self, mail: Addressed, *, before_body: BeforeBody) -> Outcome:
        if self._sent >= self._config.max_per_connection:
            await self.close()
        reused = self._sent > 0 and self._client is not None and self._client.is_connected
        result = await self._try(mail, before_body)
        # A server may end an idle or well-used connection at any time; that says nothing about this message.
        if reused and result.closed and result.verdict is Verdict.DEFERRED and result.phase is Phase.MAIL:
            result = await self._try(mail, before_body)
        return result

    async def close(self) -> None:
        client = self._client
        if client and client.is_connected:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_QUIT_SECONDS)
        self._drop()

    async def _try(self, mail: Addressed, before_body: BeforeBody) -> Outcome:
        try:
            await self.open()
        except CannotOpen as error:
            return error.outcome
        assert self._client
        if mail.smtputf8 and not self._client.supports_extension("smtputf8"):
            return Outcome(
                verdict=Verdict.REFUSED,
                phase=Phase.CHECK,
                scope=Scope.RECIPIENT,
                reply=Reply(text="the mail server does not take addresses outside ASCII (SMTPUTF8)"),
            )
        result = await self._transact(self._client, mail, before_body)
        self._sent += 1
        if result.closed:
            self._drop()
        elif result.verdict is not Verdict.ACCEPTED:
            await self._reset()
        return result

    async def _transact(self, client: aiosmtplib.SMTP, mail: Addressed, before_body: BeforeBody) -> Outcome:
        refusal = await _envelope(client, mail)
        if refusal:
            return refusal
        try:
            await before_body()
        except BaseException:
            self._drop()  # the server waits for a message that must not come now
            raise
        return await _body(client, mail, timeout=self._config.dot_timeout)

    async def _reset(self) -> None:
        assert self._client
        try:
            await self._client.rset()
        except (aiosmtplib.SMTPException, OSError):
            self._drop()

    def _drop(self) -> None:
        if self._client:
            self._client.close()
        self._client = None


def _context(ca_file: str) -> ssl.SSLContext:
    """One verifying context for all lanes; making one costs more than a message."""
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise DigestError(
                f"mail.ca_file {ca_file} cannot be read as PEM certificates: {error}."
            ) from error
    return context


async def _introduce(client: aiosmtplib.SMTP, config: TransportConfig) -> None:
    """Connect, secure, greet and log in; raises `CannotOpen` with the phase that failed."""
    where = f"{config.host}:{config.port}"
    phase = Phase.CONNECT
    try:
        await client.connect()
        phase = Phase.EHLO
        await client.ehlo()
        if config.security == "starttls":
            phase = Phase.TLS
            if not client.supports_extension("starttls"):
                raise _cannot(
                    phase,
                    f"The mail server {where} does not offer STARTTLS, so nothing was sent; "
                    'set mail.security to "tls" if it speaks TLS from the start.',
                )
            await client.starttls()
            phase = Phase.EHLO
            await client.ehlo()
        if config.username:
            phase = Phase.AUTH
            await _log_in(client, config, where)
    except aiosmtplib.SMTPResponseException as error:
        raise CannotOpen(
            replies.outcome(phase, replies.parse(error.code, error.message), closed=True)
        ) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _unopened(phase, error, where) from error


async def _log_in(client: aiosmtplib.SMTP, config: TransportConfig, where: str) -> None:
    secure = client.get_transport_info("sslcontext") is not None
    if not secure and config.security != "none" and config.host not in _LOOPBACK:
        raise _cannot(Phase.AUTH, f"The connection to {where} is not protected, so no password was sent.")
    if not client.supports_extension("auth"):
        raise _cannot(Phase.AUTH, f"The mail server {where} does not ask for a login; unset mail.username.")
    await client.login(config.username, config.password)


def _unopened(phase: Phase, error: BaseException, where: str) -> CannotOpen:
    """Why no session came about: a certificate is a matter for a person, a silence may pass."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            wrong = cause.verify_message or str(cause)
            name = "does not belong to that name" if cause.verify_code == 62 else "is not trusted"
            return _cannot(
                Phase.TLS,
                f"The certificate of the mail server {where} {name} ({wrong}), so nothing was sent.",
            )
        if isinstance(cause, ssl.SSLError):
            return _cannot(
                Phase.TLS,
                f"No protected connection to the mail server {where} came about: {cause.reason or cause}.",
            )
    detail = replies.redact(str(error)) or type(error).__name__
    return _cannot(phase, f"The mail server {where} cannot be reached: {detail}.", verdict=Verdict.DEFERRED)


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _cannot(phase: Phase, sentence: str, *, verdict: Verdict = Verdict.REFUSED) -> CannotOpen:
    return CannotOpen(
        Outcome(
            verdict=verdict,
            phase=phase,
            scope=Scope.SENDER,
            reply=Reply(text=sentence),
            stop=sentence,
            closed=True,
        )
    )


async def _envelope(client: aiosmtplib.SMTP, mail: Addressed) -> Outcome | None:
    """MAIL, RCPT and DATA; None when the server waits for the message, else what came of it."""
    options = b""
    if client.supports_extension("size"):
        options += b" SIZE=%d" % len(mail.data)
    if mail.smtputf8:
        options += b" SMTPUTF8 BODY=8BITMIME" if client.supports_extension("8bitmime") else b" SMTPUTF8"
    commands = (
        (Phase.MAIL, f"MAIL FROM:<{mail.mail_from}>".encode() + options, (250,)),
        (Phase.RCPT, f"RCPT TO:<{mail.rcpt_to}>".encode(), (250, 251, 252)),
        (Phase.DATA, b"DATA", (354,)),
    )
    for phase, command, wanted in commands:
        try:
            response = await client.execute_command(command)
        except aiosmtplib.SMTPResponseException as error:
            return replies.lost(phase, f"the server's answer could not be understood: {error.message}")
        except _Gone as error:
            return replies.lost(phase, _silence(error))
        if response.code not in wanted:
            reply = replies.parse(response.code, response.message)
            if 200 <= response.code <= 299:  # a yes to another question than the one asked
                return replies.lost(phase, f"unexpected answer {response.code}", reply=reply)
            return replies.outcome(phase, reply, closed=not client.is_connected)
    return None


async def _body(client: aiosmtplib.SMTP, mail: Addressed, *, timeout: float) -> Outcome:
    """The message and the dot. From the first octet on, silence leaves the message uncertain."""
    protocol = client.protocol
    if protocol is None:
        return replies.lost(Phase.DATA, "the connection was lost")
    try:
        protocol.write(_stuffed(mail.data))
    except _Gone:
        return replies.lost(Phase.DATA, "the connection was lost")
    try:
        response = await protocol.read_response(timeout=timeout)
    except aiosmtplib.SMTPResponseException as error:
        return replies.lost(Phase.DOT, f"the server's answer could not be understood: {error.message}")
    except _Gone as error:
        return replies.lost(Phase.DOT, _silence(error))
    return replies.outcome(Phase.DOT, replies.parse(response.code, response.message))


def _stuffed(data: bytes) -> bytes:
    """The message as DATA takes it. Editions never need the stuffing; searching for it costs next to nothing."""
    if data.startswith(b".") or b"\r\n." in data:
        data = data.replace(b"\r\n.", b"\r\n..")
        data = b"." + data if data.startswith(b".") else data
    return data + (b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n")


def _silence(error: BaseException) -> str:
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "the server did not answer in time"
    return "the connection was lost"
