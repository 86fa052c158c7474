"""What every source kind is: the `Source` protocol, its one error, and the way from raw words to a clean `Post`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from digest.errors import DigestError
from digest.posts.model import Fetched, Memory, SourceSpec

if TYPE_CHECKING:
    from digest.posts.sources.http import Client


class SourceError(DigestError):
    """A source could not be read; the message is the sentence staff read.

    `wait_seconds` is how long the source asks us to stay away. `gone` means it said it will never come back.
    `status` is the HTTP status behind it, None when there was no answer to have one.
    """

    def __init__(
        self, message: str, *, wait_seconds: int | None = None, gone: bool = False, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds
        self.gone = gone
        self.status = status


class Source(Protocol):
    """One kind of place that posts come from; `kind` is its name in the configuration."""

    kind: str

    async def fetch(self, spec: SourceSpec, client: Client, memory: Memory, *, now: datetime) -> Fetched:
        """One look at the source. Returns what it has; raises `SourceError` when it could not be read."""
        ...
