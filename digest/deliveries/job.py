"""What the postman is asked to do, and how it went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from digest.database import Session
from digest.deliveries.ledger import Readers
from digest.deliveries.rates import GO, Leave
from digest.editions.model import EditionId
from digest.messages.personalise import Compiled

LEASE_SECONDS = 45  # how long a worker that says nothing keeps a chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One edition to be sent.

    `readers` says who the subscribers are, or why they must not be mailed, at the moment of asking. `permitted`
    is the allow-list. `going` is False once a person has paused or cancelled the edition. Deferred deliveries are
    given up at `give_up_at`. `fresh` is False when the edition was already under way.
    """

    edition_id: EditionId
    compiled: Compiled
    readers: Readers
    permitted: Callable[[str], bool]
    going: Callable[[], bool]
    give_up_at: datetime | None = None
    fresh: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a run ended: how many deliveries were settled, why the edition should pause, when to come back and why."""

    settled: int = 0
    pause: str = ""
    wait: Leave = GO

    @property
    def wait_seconds(self) -> float:
        """When to come back; 0 for at once."""
        return self.wait.wait


class Chunks(Protocol):
    """Where a run gets the chunks from that it is to work on."""

    async def take(self) -> int | None:
        """The id of the next chunk handed out to this run; None for no more, so that it ends when its lanes are done."""

    async def finished(self, chunk_id: int) -> None:
        """All of the chunk is claimed and answered, or it is no longer ours."""


DeliverChunk = Callable[[int], Awaitable[datetime | None]]
"""Works on one chunk; returns when to come back to it, which may be at once, or None when nothing in it is left."""


class Shift(Protocol):
    """An engine as one worker process uses it."""

    async def hand_out(self, edition_id: EditionId, deliver_chunk: DeliverChunk) -> None:
        """Give chunk after chunk of the edition to `deliver_chunk`, some at once, until none waits.

        Cancelled, it takes no more, and ends when `deliver_chunk` has returned those in hand. Raises
        `DatabaseUnavailable`.
        """


class Engine(Protocol):
    """What hands the chunks of launched editions out to workers on any number of machines.

    It only hands out: what is due, whose it is and what became of it stands in the ledger's rows.
    """

    def offer(self, session: Session, edition_id: EditionId, chunk_ids: Sequence[int]) -> None:
        """Hand these chunks out once this transaction is committed; one that waits already, or is in hand, is not doubled."""

    def has_work(self, session: Session, edition_id: EditionId) -> bool:
        """Whether a chunk of the edition waits for somebody to take it."""

    def forget(self, session: Session, edition_id: EditionId) -> None:
        """Take back what waits of the edition."""

    def shift(self, news: Callable[[], None]) -> AbstractAsyncContextManager[Shift]:
        """One worker's part; `news` is called when something was handed out. Raises `DatabaseUnavailable`."""
