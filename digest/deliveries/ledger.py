"""The group commit: what all lanes want to know, mark and settle goes into one transaction per turn.

A lane may start a body only after its mark is committed, so a crash leaves at most one message per lane uncertain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from digest.database import Database, Session
from digest.deliveries import store
from digest.deliveries.model import Settlement
from digest.deliveries.store import LeaseLost
from digest.editions.model import EditionId
from digest.messages.model import Reader

_Asked = TypeVar("_Asked")
_Told = TypeVar("_Told")


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A recipient who must not be mailed after all, and why."""

    reason: str


Readers = Callable[[Session, Sequence[int]], Mapping[int, Reader | Skip]]


class _Waiting(Generic[_Asked, _Told]):
    """Requests of one kind that wait for the next turn."""

    def __init__(self) -> None:
        self.requests: list[tuple[_Asked, asyncio.Future[_Told]]] = []

    def add(self, asked: _Asked) -> asyncio.Future[_Told]:
        future: asyncio.Future[_Told] = asyncio.get_running_loop().create_future()
        self.requests.append((asked, future))
        return future

    def take(self) -> list[tuple[_Asked, asyncio.Future[_Told]]]:
        """The requests whose askers still wait for an answer."""
        taken, self.requests = self.requests, []
        return [(asked, future) for asked, future in taken if not future.done()]


class Ledger:
    """One edition's ledger as the lanes of one worker use it; `run` must be going while they do."""

    def __init__(
        self,
        database: Database,
        edition_id: EditionId,
        *,
        owner: str,
        readers: Readers,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._edition_id = edition_id
        self._owner = owner
        self._readers = readers
        self._clock = clock
        self._lookups: _Waiting[int, Reader | Skip] = _Waiting()
        self._marks: _Waiting[int, bool] = _Waiting()
        self._results: _Waiting[Settlement, None] = _Waiting()
        self._wake = asyncio.Event()
        self._closing = False
        self._broken: BaseException | None = None

    async def reader(self, subscriber_id: int) -> Reader | Skip:
        """Who this is and whether they may be mailed, as of this very moment."""
        return await self._ask(self._lookups, subscriber_id)

    async def mark(self, position: int) -> None:
        """Returns once the delivery is durably marked as sending; raises `LeaseLost` if it is no longer ours."""
        if not await self._ask(self._marks, position):
            raise LeaseLost(f"Delivery {self._edition_id}/{position} belongs to another worker now.")

    async def settle(self, result: Settlement) -> None:
        """Returns once the result is durable."""
        await self._ask(self._results, result)

    async def run(self) -> None:
        """Commit what is asked, turn after turn, until `close`."""
        while True:
            await self._wake.wait()
            if not self._closing:
                self._wake.clear()
            lookups, marks, results = self._lookups.take(), self._marks.take(), self._results.take()
            if not (lookups or marks or results):
                if self._closing:
                    return
                continue
            try:
                found, marked = await asyncio.to_thread(
                    self._turn,
                    [asked for asked, _ in lookups],
                    [asked for asked, _ in marks],
                    [asked for asked, _ in results],
                )
            except Exception as error:  # noqa: BLE001 - whatever it was, every lane that waits must hear of it
                waiting: list[asyncio.Future[Any]] = [future for _, future in lookups]
                waiting += [future for _, future in marks]
                waiting += [future for _, future in results]
                self._fail(error, waiting)
                continue
            missing = Skip(reason="erased")
            for asked, reader in lookups:
                _tell(reader, found.get(asked, missing))
            for position, mark in marks:
                _tell(mark, position in marked)
            for _, settled in results:
                _tell(settled, None)

    def close(self) -> None:
        """Let `run` end when nothing is waiting any more."""
        self._closing = True
        self._wake.set()

    async def _ask(self, waiting: _Waiting[_Asked, _Told], asked: _Asked) -> _Told:
        if self._broken:
            raise self._broken
        future = waiting.add(asked)
        self._wake.set()
        return await future

    def _turn(
        self, subscriber_ids: list[int], positions: list[int], results: list[Settlement]
    ) -> tuple[Mapping[int, Reader | Skip], set[int]]:
        now = self._clock()
        with self._database.transaction() as session:
            if results:
                store.settle(session, self._edition_id, results, self._owner, now=now)
            marked = (
                store.mark_sending(session, self._edition_id, positions, self._owner, now=now)
                if positions
                else set()
            )
            found = self._readers(session, subscriber_ids) if subscriber_ids else {}
        return found, marked

    def _fail(self, error: BaseException, futures: Sequence[asyncio.Future[Any]]) -> None:
        self._broken = error
        later: list[asyncio.Future[Any]] = [future for _, future in self._lookups.take()]
        later += [future for _, future in self._marks.take()]
        later += [future for _, future in self._results.take()]
        for future in (*futures, *later):
            if not future.done():
                future.set_exception(error)


def _tell(future: asyncio.Future[_Told], value: _Told) -> None:
    if not future.done():
        future.set_result(value)
