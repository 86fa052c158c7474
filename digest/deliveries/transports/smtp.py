"""Mail by SMTP submission: each message is driven through its session in stages, several of them in one breath.

Only a transaction in stages knows on which side of the final dot a line dropped, and so what may be sent again.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Mapping

from digest.deliveries import replies
from digest.deliveries.model import Outcome, Phase, Verdict
from digest.deliveries.transports import envelope, opening
from digest.deliveries.transports.base import BeforeBody, CannotOpen, Following, Lane, TransportConfig
from digest.deliveries.transports.conversation import Lost, Said
from digest.deliveries.transports.oauth import AccessToken, NoToken, Tokens
from digest.deliveries.transports.session import Session, begin
from digest.messages.model import Addressed

_QUIT_SECONDS = 10.0
_WANTED = {Phase.MAIL: (250,), Phase.RCPT: (250, 251, 252), Phase.DATA: (354,)}


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
        self._session: Session | None = None
        self._sent = 0
        self._ahead: Addressed | None = None  # its envelope is said already, behind the message before it
        self._refused = False  # the server keeps a transaction open that came to nothing

    async def open(self) -> None:
        if self._session and self._session.talk.is_ready:
            return
        self._drop()
        token = await self._token()
        try:
            session = await begin(self._config, self._tls, token)
        except CannotOpen as error:
            result = error.outcome
            if token is None or (result.phase, result.reply.code) != (Phase.AUTH, 535):
                raise
            session = await begin(self._config, self._tls, await self._token(instead_of=token))
        self._session, self._sent = session, 0

    async def send(
        self, mail: Addressed, *, before_body: BeforeBody, following: Following | None = None
    ) -> Outcome:
        if refusal := envelope.smuggled(mail):
            return refusal
        if self._ahead is not None and self._ahead is not mail:
            self._drop()  # the server waits for a message that will not come
        elif self._ahead is None and self._sent >= self._config.max_per_connection:
            await self.close()
        reused = self._sent > 0 and self._session is not None
        result = await self._try(mail, before_body, following)
        # A server may end an idle or well-used connection at any time; that says nothing about this message.
        if reused and result.closed and result.verdict is Verdict.DEFERRED and result.phase is Phase.MAIL:
            result = await self._try(mail, before_body, following)
        return result

    async def close(self) -> None:
        if self._session and self._session.talk.is_ready and self._ahead is None:
            with contextlib.suppress(Lost):
                self._session.talk.say(b"QUIT\r\n")
                await self._session.talk.hear(_QUIT_SECONDS)
        self._drop()

    async def _token(self, *, instead_of: AccessToken | None = None) -> AccessToken | None:
        if self._tokens is None:
            return None
        try:
            return await self._tokens.get(instead_of=instead_of)
        except NoToken as error:
            verdict = Verdict.DEFERRED if error.passing else Verdict.REFUSED
            raise opening.cannot(Phase.AUTH, str(error), verdict=verdict) from None

    async def _try(self, mail: Addressed, before_body: BeforeBody, following: Following | None) -> Outcome:
        if self._ahead is None:
            try:
                await self.open()
            except CannotOpen as error:
                return error.outcome
        session = self._session
        assert session
        if envelope.needs_smtputf8(mail) and not session.smtputf8:
            return envelope.beyond_ascii(mail)
        result = await self._transact(session, mail, before_body, following)
        self._sent += 1
        if result.closed:
            self._drop()
        return result

    async def _transact(
        self, session: Session, mail: Addressed, before_body: BeforeBody, following: Following | None
    ) -> Outcome:
        refusal = await self._envelope(session, mail)
        if refusal:
            return refusal
        try:
            await before_body()
        except BaseException:
            self._drop()  # the server waits for a message that must not come now
            raise
        return await self._body(session, mail, following)

    # --- the envelope ---------------------------------------------------------------------------------------

    async def _envelope(self, session: Session, mail: Addressed) -> Outcome | None:
        """MAIL, RCPT and DATA; None when the server waits for the message, else what came of it."""
        told, self._ahead = self._ahead is mail, None
        if self._refused and (gone := await self._reset(session)):
            return gone
        commands = _commands(session, mail)
        grouped = self._is_grouped(session)
        if grouped and not told and (gone := _say(session, Phase.MAIL, b"".join(commands.values()))):
            return gone
        refusal: Outcome | None = None
        for phase, command in commands.items():
            if not grouped and (gone := _say(session, phase, command)):
                return gone
            said = await self._hear(session, phase)
            if isinstance(said, Outcome):
                return refusal or said
            if said.code in _WANTED[phase]:
                if refusal and phase is Phase.DATA:
                    await self._nothing(session, refusal)
                continue
            refusal = refusal or _refused(phase, said)
            self._refused = True
            if refusal.closed or said.code == 421 or not grouped:
                break
        return refusal

    async def _reset(self, session: Session) -> Outcome | None:
        self._refused = False
        if gone := _say(session, Phase.MAIL, b"RSET\r\n"):
            return gone
        said = await self._hear(session, Phase.MAIL)
        if isinstance(said, Outcome):
            return said
        return _refused(Phase.MAIL, said) if said.code == 421 else None

    async def _nothing(self, session: Session, refusal: Outcome) -> None:
        """The server wants the message of a transaction it refused: it gets none (RFC 2920 section 3.1)."""
        if refusal.phase is Phase.RCPT and not _say(session, Phase.DATA, b".\r\n"):
            await self._hear(session, Phase.DATA)
        else:
            self._drop()

    async def _hear(self, session: Session, phase: Phase) -> Said | Outcome:
        try:
            return await session.talk.hear(self._config.command_timeout)
        except Lost as error:
            self._drop()
            return replies.lost(phase, str(error))

    # --- the message ----------------------------------------------------------------------------------------

    async def _body(self, session: Session, mail: Addressed, following: Following | None) -> Outcome:
        """The message and the dot. From the first octet on, silence leaves the message uncertain."""
        ahead = following() if following and self._may_follow(session) else None
        if (
            ahead
            and not envelope.smuggled(ahead)
            and (session.smtputf8 or not envelope.needs_smtputf8(ahead))
        ):
            parts = (_ended(mail), *_commands(session, ahead).values())
            self._ahead = ahead
        else:
            parts = (_ended(mail),)
        if gone := _say(session, Phase.DATA, b"".join(parts)):
            self._ahead = None
            return gone
        try:
            said = await session.talk.hear(self._config.dot_timeout)
        except Lost as error:
            self._ahead = None
            return replies.lost(Phase.DOT, str(error))
        return replies.outcome(Phase.DOT, replies.parse(said.code, said.text))

    def _is_grouped(self, session: Session) -> bool:
        return session.pipelining and self._config.pipelining != "off"

    def _may_follow(self, session: Session) -> bool:
        """Whether this connection will take another message, and the server several commands in one breath."""
        last = self._sent + 1 >= self._config.max_per_connection
        return session.pipelining and self._config.pipelining == "full" and not last

    def _drop(self) -> None:
        if self._session:
            self._session.talk.hang_up()
        self._session, self._ahead, self._refused = None, None, False


def _commands(session: Session, mail: Addressed) -> Mapping[Phase, bytes]:
    """What is said before the message; the server of `session` may be told its size and its kind."""
    options = b" SIZE=%d" % len(mail.data) if session.size else b""
    if envelope.needs_smtputf8(mail):
        options += b" SMTPUTF8 BODY=8BITMIME" if session.eightbit else b" SMTPUTF8"
    return {
        Phase.MAIL: b"MAIL FROM:<%s>%s\r\n" % (mail.mail_from.encode(), options),
        Phase.RCPT: b"RCPT TO:<%s>\r\n" % mail.rcpt_to.encode(),
        Phase.DATA: b"DATA\r\n",
    }


def _say(session: Session, phase: Phase, data: bytes) -> Outcome | None:
    try:
        session.talk.say(data)
    except Lost as error:
        return replies.lost(phase, str(error))
    return None


def _refused(phase: Phase, said: Said) -> Outcome:
    reply = replies.parse(said.code, said.text)
    if 200 <= said.code <= 299:  # a yes to another question than the one asked
        return replies.lost(phase, f"unexpected answer {said.code}", reply=reply)
    return replies.outcome(phase, reply)


def _ended(mail: Addressed) -> bytes:
    """The message as DATA takes it, with the dot that ends it."""
    data = mail.data
    if not mail.dotless and (data.startswith(b".") or b"\r\n." in data):
        data = data.replace(b"\r\n.", b"\r\n..")
        data = b"." + data if data.startswith(b".") else data
    return data + (b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n")
