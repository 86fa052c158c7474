"""Mail by SMTP submission: aiosmtplib opens the session, and each message is driven through it in stages.

Only a transaction in stages knows on which side of the final dot a line dropped, and so what may be sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import aiosmtplib

from digest.deliveries import replies
from digest.deliveries.model import Outcome, Phase, Verdict
from digest.deliveries.transports import envelope, opening
from digest.deliveries.transports.base import BeforeBody, CannotOpen, Lane, TransportConfig
from digest.deliveries.transports.oauth import AccessToken, NoToken, Tokens
from digest.messages.model import Addressed

_QUIT_SECONDS = 10.0
_NOT_THIS_WAY = frozenset({500, 501, 502, 503, 504, 534, 538})  # the mechanism is refused, not the password
_Gone = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, ConnectionError, TimeoutError)


class Smtp:
    """A mail server that takes our mail; every lane is one connection to it, reused for many messages."""

    name = "smtp"

    def __init__(self, config: TransportConfig) -> None:
        self._config = config
        self._tls = None if config.security == "none" else opening.tls_context(config.ca_file)
        # A context of its own: an HTTP library sets on it what a mail server would not understand (ALPN).
        self._tokens = Tokens(config.oauth, tls=opening.tls_context(config.ca_file)) if config.oauth else None

    def lane(self) -> Lane:
        """A connection, not yet open."""
        return _SmtpLane(self._config, self._tls, self._tokens)


class _SmtpLane:
    def __init__(self, config: TransportConfig, tls: ssl.SSLContext | None, tokens: Tokens | None) -> None:
        self._config = config
        self._tls = tls
        self._tokens = tokens
        self._client: aiosmtplib.SMTP | None = None
        self._sent = 0

    async def open(self) -> None:
        if self._client and self._client.is_connected:
            return
        self._drop()
        token = await self._token()
        try:
            client = await self._session(token)
        except CannotOpen as error:
            result = error.outcome
            if token is None or (result.phase, result.reply.code) != (Phase.AUTH, 535):
                raise
            # A token may be withdrawn before its time; when a fresh one is refused too, a person must look.
            client = await self._session(await self._token(instead_of=token))
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

    async def _token(self, *, instead_of: AccessToken | None = None) -> AccessToken | None:
        if self._tokens is None:
            return None
        try:
            return await self._tokens.get(instead_of=instead_of)
        except NoToken as error:
            verdict = Verdict.DEFERRED if error.passing else Verdict.REFUSED
            raise opening.cannot(Phase.AUTH, str(error), verdict=verdict) from None

    async def _session(self, token: AccessToken | None) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(
            hostname=self._config.host,
            port=self._config.port,
            local_hostname=self._config.ehlo_name or "[127.0.0.1]",
            use_tls=self._config.security == "tls",
            start_tls=False,
            tls_context=self._tls,
            timeout=self._config.command_timeout,
        )
        try:
            await _introduce(client, self._config, token)
        except BaseException:
            client.close()
            raise
        return client

    async def _try(self, mail: Addressed, before_body: BeforeBody) -> Outcome:
        if refusal := envelope.smuggled(mail):
            return refusal
        try:
            await self.open()
        except CannotOpen as error:
            return error.outcome
        assert self._client
        if envelope.needs_smtputf8(mail) and not self._client.supports_extension("smtputf8"):
            return envelope.beyond_ascii(mail)
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


async def _introduce(client: aiosmtplib.SMTP, config: TransportConfig, token: AccessToken | None) -> None:
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
                raise opening.cannot(
                    phase,
                    f"The mail server {where} does not offer STARTTLS, so nothing was sent; "
                    'set mail.security to "tls" if it speaks TLS from the start.',
                )
            await client.starttls()
            phase = Phase.EHLO
            await (
                client.ehlo()
            )  # what was offered before TLS may have been anybody's words (RFC 3207 section 4.2)
        if config.username:
            phase = Phase.AUTH
            await _log_in(client, config, token, where)
    except (aiosmtplib.SMTPException, OSError) as error:
        text = error.message if isinstance(error, aiosmtplib.SMTPResponseException) else str(error)
        said = opening.without_secrets(text, config.username, config.password, token.value if token else "")
        if isinstance(error, aiosmtplib.SMTPResponseException):
            raise CannotOpen(replies.outcome(phase, replies.parse(error.code, said), closed=True)) from None
        raise opening.failed(phase, error, where, said=said) from error


async def _log_in(
    client: aiosmtplib.SMTP, config: TransportConfig, token: AccessToken | None, where: str
) -> None:
    """AUTH by token or password; never in the clear, except to this machine itself."""
    if client.get_transport_info("sslcontext") is None and not opening.is_loopback(config.host):
        raise opening.cannot(
            Phase.AUTH, f"The connection to {where} is not protected, so no password or token was sent."
        )
    if not client.supports_extension("auth"):
        raise opening.cannot(
            Phase.AUTH, f"The mail server {where} does not ask for a login; unset mail.username."
        )
    offered = client.server_auth_methods
    if token is None:
        await _give_password(client, config, offered, where)
    elif "xoauth2" in offered:
        await client.auth_xoauth2(config.username, token.value)
    else:
        raise opening.cannot(
            Phase.AUTH,
            f"The mail server {where} takes no access tokens (XOAUTH2), "
            'so none was sent; set mail.auth to "password".',
        )


async def _give_password(
    client: aiosmtplib.SMTP, config: TransportConfig, offered: list[str], where: str
) -> None:
    """Log in by the first way that the server really has; a password refused is not tried again another way."""
    ways = {"plain": client.auth_plain, "login": client.auth_login, "cram-md5": client.auth_crammd5}
    usable = [way for name, way in ways.items() if name in offered]
    if not usable:
        hint = '; set mail.auth to "oauth"' if "xoauth2" in offered else ""
        raise opening.cannot(
            Phase.AUTH, f"The mail server {where} offers no login by password that we know{hint}."
        )
    for n, way in enumerate(usable, start=1):
        try:
            await way(config.username, config.password)
        except aiosmtplib.SMTPAuthenticationError as error:
            if error.code not in _NOT_THIS_WAY or n == len(usable):
                raise
        else:
            return


async def _envelope(client: aiosmtplib.SMTP, mail: Addressed) -> Outcome | None:
    """MAIL, RCPT and DATA; None when the server waits for the message, else what came of it."""
    options = b""
    if client.supports_extension("size"):
        options += b" SIZE=%d" % len(mail.data)
    if envelope.needs_smtputf8(mail):
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
