"""A session with a mail server: aiosmtplib connects, secures, greets and logs in; then the conversation is ours."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

import aiosmtplib

from digest.deliveries import replies
from digest.deliveries.model import Phase
from digest.deliveries.transports import opening
from digest.deliveries.transports.base import CannotOpen, TransportConfig
from digest.deliveries.transports.conversation import Conversation
from digest.deliveries.transports.oauth import AccessToken

_NOT_THIS_WAY = frozenset({500, 501, 502, 503, 504, 534, 538})  # the mechanism is refused, not the password


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that is open, and which extensions the server offers on it."""

    talk: Conversation
    pipelining: bool
    size: bool
    smtputf8: bool
    eightbit: bool


async def begin(config: TransportConfig, tls: ssl.SSLContext | None, token: AccessToken | None) -> Session:
    """Connect, secure, greet and log in; raises `CannotOpen` with the phase that failed."""
    client = aiosmtplib.SMTP(
        hostname=config.host,
        port=config.port,
        local_hostname=config.ehlo_name or "[127.0.0.1]",
        use_tls=config.security == "tls",
        start_tls=False,
        tls_context=tls,
        timeout=config.command_timeout,
    )
    try:
        await _introduce(client, config, token)
    except BaseException:
        client.close()
        raise
    transport = client.transport
    if not isinstance(transport, asyncio.Transport) or transport.is_closing():
        client.close()
        raise opening.failed(
            Phase.EHLO,
            ConnectionError(),
            f"{config.host}:{config.port}",
            said="it hung up after the greeting",
        )
    return Session(
        talk=Conversation(transport),
        pipelining=client.supports_extension("pipelining"),
        size=client.supports_extension("size"),
        smtputf8=client.supports_extension("smtputf8"),
        eightbit=client.supports_extension("8bitmime"),
    )


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
