"""What hands a message over: a transport opens lanes, and a lane sends one message at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from digest.deliveries.model import Outcome
from digest.errors import DigestError
from digest.messages.model import Addressed

BeforeBody = Callable[[], Awaitable[None]]
Following = Callable[[], Addressed | None]


class CannotOpen(DigestError):
    """A lane could not be opened, so nothing was sent; `outcome` says at which phase and whose fault it is."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.stop or outcome.reply.text)
        self.outcome = outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """Where access tokens come from (RFC 6749): by the refresh token where there is one, else as the client itself.

    `token_url` is https. The secrets never appear in a repr.
    """

    token_url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportConfig:
    """How messages leave, as plain validated values; `password` never appears in a repr. Times are seconds.

    With `oauth` the login is `username` and an access token (XOAUTH2) instead of the password. `pipelining` is how
    much is said in one breath to a server that offers it (RFC 2920): an envelope and the message before it, an
    envelope, or one command at a time.
    """

    kind: Literal["outbox", "smtp"] = "outbox"
    outbox_dir: Path = Path("outbox")
    host: str = ""
    port: int = 587
    security: Literal["tls", "starttls", "none"] = "starttls"
    ca_file: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    oauth: OAuth | None = None
    ehlo_name: str = ""
    pipelining: Literal["full", "envelope", "off"] = "full"
    max_per_connection: int = 100
    command_timeout: float = 300
    dot_timeout: float = 600


class Lane(Protocol):
    """One way out, used by one message at a time and reused for the next."""

    async def open(self) -> None:
        """Make ready to send; harmless when already open. Raises `CannotOpen`, and then nothing was sent."""

    async def send(
        self, mail: Addressed, *, before_body: BeforeBody, following: Following | None = None
    ) -> Outcome:
        """Hand `mail` over and say what came of it; opens again by itself where the connection had ended.

        `before_body` is awaited after the last moment at which nothing could have been delivered, and before
        the first octet of the message leaves. When it raises, nothing is sent and the exception passes through.
        `following` is asked, when the message leaves, for the one to be sent after it, of which the server may be
        told in the same breath; it should be the next one sent, else the connection is given up.
        Never raises for anything that a server or a disk does.
        """

    async def close(self) -> None:
        """End politely; a failure to do so changes nothing and is not raised."""


class Transport(Protocol):
    """Where messages go; one per process, shared by its lanes."""

    name: str

    def lane(self) -> Lane:
        """A new lane, not yet open."""
