"""The chunks of one edition that this worker holds: leased, claimed page by page, renewed, and given back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.database import Database
from digest.deliveries import store
from digest.deliveries.ledger import Readers, Skip
from digest.deliveries.model import Chunk, Delivery
from digest.deliveries.store import LeaseLost
from digest.editions.model import EditionId
from digest.messages.model import Reader

_PAGE = 500
_ERASED = Skip(reason="erased")


@dataclass(slots=True, kw_only=True)
class Held:
    """A chunk in hand: `outstanding` of its deliveries are claimed and not answered, `drained` when none are left
    to claim, `lost` when another worker has it now.
    """

    chunk: Chunk
    outstanding: int = 0
    drained: bool = False
    lost: bool = False


class Leases:
    """What one worker holds of one edition; every method is one short transaction, off the event loop."""

    def __init__(
        self,
        database: Database,
        edition_id: EditionId,
        *,
        owner: str,
        readers: Readers,
        clock: Callable[[], datetime],
        seconds: int,
    ) -> None:
        self._database = database
        self._edition_id = edition_id
        self._owner = owner
        self._readers = readers
        self._clock = clock
        self._seconds = seconds
        self._held: dict[int, Held] = {}
        self._renewed = clock()

    def ids(self) -> list[int]:
        """The chunks in hand."""
        return list(self._held)

    async def take(self, chunk_id: int | None = None) -> Held | None:
        """The next chunk that is due and free, or the one named if it is, now ours; None when there is none."""
        chunk = await asyncio.to_thread(self._lease, chunk_id)
        if chunk is None:
            return None
        held = self._held[chunk.id] = Held(chunk=chunk)
        return held

    async def claim(self, held: Held) -> list[tuple[Delivery, Reader | Skip]]:
        """A page of deliveries of the chunk, now claimed, and whom they are for; none when it is drained or lost."""
        try:
            page = await asyncio.to_thread(self._claim, held.chunk)
        except LeaseLost:
            held.lost = True
            return []
        held.outstanding += len(page)
        return page

    async def finish(self, held: Held) -> bool:
        """Give the chunk back, once all of it has been claimed and answered; True when that happened just now."""
        if not held.drained or held.outstanding or held.chunk.id not in self._held:
            return False
        del self._held[held.chunk.id]
        await asyncio.to_thread(self._release, held.chunk)
        return True

    async def renew(self) -> None:
        """Hold on to everything, where a third of the lease has passed; what another worker took is marked lost."""
        now = self._clock()
        if now - self._renewed < timedelta(seconds=self._seconds / 3):
            return
        self._renewed = now
        for held in list(self._held.values()):
            try:
                await asyncio.to_thread(self._renew, held.chunk)
            except LeaseLost:
                held.lost = True

    async def release(self) -> None:
        """Give everything back; what was claimed and not sent is pending again."""
        for held in list(self._held.values()):
            await asyncio.to_thread(self._release, held.chunk)
        self._held.clear()

    def _lease(self, chunk_id: int | None) -> Chunk | None:
        with self._database.transaction() as session:
            return store.lease(
                session,
                [self._edition_id],
                self._owner,
                chunk_id=chunk_id,
                now=self._clock(),
                lease_seconds=self._seconds,
            )

    def _claim(self, chunk: Chunk) -> list[tuple[Delivery, Reader | Skip]]:
        with self._database.transaction() as session:
            now = self._clock()
            store.renew(session, chunk, self._owner, now=now, lease_seconds=self._seconds)
            page = store.claim(session, chunk, self._owner, limit=_PAGE, now=now)
            readers = self._readers(session, [one.subscriber_id for one in page]) if page else {}
        return [(one, readers.get(one.subscriber_id, _ERASED)) for one in page]

    def _renew(self, chunk: Chunk) -> None:
        with self._database.transaction() as session:
            store.renew(session, chunk, self._owner, now=self._clock(), lease_seconds=self._seconds)

    def _release(self, chunk: Chunk) -> None:
        with self._database.transaction() as session:
            store.release(session, chunk, self._owner, now=self._clock())
