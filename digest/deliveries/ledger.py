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
from digest.deliveries.model import DeliveryState, Settlement
from digest.deliveries.store import LeaseLost, Turns
from digest.editions.model import EditionId
from digest.messages.model import Reader

_Asked = TypeVar("_Asked")
_Told = TypeVar("_Told")
_AGAIN = 0.5
_MOMENT = 0.001


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
    """One edition's ledger as the lanes of one worker use it; `run` must be going while they do.

    `turns` is its fast way in, `chunks` says which chunks are in hand, and `lanes` is how many may ask. Results that
    cannot be written, because the database is away, are tried again for up to `patience` seconds after `close`.
    """

    def __init__(
        self,
        database: Database,
        edition_id: EditionId,
        *,
        owner: str,
        readers: Readers,
        clock: Callable[[], datetime],
        turns: Turns,
        chunks: Callable[[], Sequence[int]],
        lanes: int = 1,
        patience: float = 30.0,
    ) -> None:
        self._database = database
        self._edition_id = edition_id
        self._owner = owner
        self._readers = readers
        self._clock = clock
        self._turns = turns
        self._chunks = chunks
        self._enough = lanes // 2
        self._patience = patience
        self._lookups: _Waiting[int, Reader | Skip] = _Waiting()
        self._marks: _Waiting[int, bool] = _Waiting()
        self._results: list[Settlement] = []
        self._flushes: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._closing = False
        self._broken: BaseException | None = None

    async def reader(self, subscriber_id: int) -> Reader | Skip:
        """Who this is and whether they may be mailed, as of this very moment."""
        return await self._ask(self._lookups, subscriber_id)

    async def mark(self, position: int) -> None:
        """Returns once the delivery is durably marked as sending; raises `LeaseLost` if it is no longer ours."""
        if not await self._ask(self._marks, position):
            raise LeaseLost(f"Delivery {self._edition_id}/{position} belongs to another worker now.")

    def settle(self, result: Settlement) -> None:
        """Take a result in; it is written before or with any mark that is asked for after it."""
        self._results.append(result)
        self._wake.set()

    async def flush(self) -> None:
        """Returns once everything that was taken in is durable."""
        if self._broken:
            raise self._broken
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flushes.append(future)
        self._wake.set()
        await future

    async def run(self) -> None:
        """Commit what is asked, turn after turn, until `close`; raises when results could not be written."""
        try:
            while not self._broken:
                await self._wake.wait()
                if not self._closing:
                    self._wake.clear()
                    await self._gather()
                if not await self._turn() and self._closing:
                    return
            await self._write_the_rest()
        finally:
            await self._turns.close()

    def close(self) -> None:
        """Let `run` end when nothing is waiting any more."""
        self._closing = True
        self._wake.set()
        self._full.set()

    async def _ask(self, waiting: _Waiting[_Asked, _Told], asked: _Asked) -> _Told:
        if self._broken:
            raise self._broken
        future = waiting.add(asked)
        self._wake.set()
        if len(self._marks.requests) >= self._enough:
            self._full.set()
        return await future

    async def _gather(self) -> None:
        """Give the other lanes a moment to join: half of them in one commit keep the server busy with the rest."""
        if len(self._marks.requests) < self._enough:
            self._full.clear()
            alarm = asyncio.get_running_loop().call_later(_MOMENT, self._full.set)
            await self._full.wait()
            alarm.cancel()

    async def _turn(self) -> bool:
        """One commit of all that came up since the last; False when there was nothing."""
        lookups, marks, flushes = self._lookups.take(), self._marks.take(), self._flushes
        results, self._results, self._flushes = self._results, [], []
        if not (lookups or marks or results or flushes):
            return False
        try:
            found = await asyncio.to_thread(self._look, [asked for asked, _ in lookups]) if lookups else {}
            marked = await self._commit(results, [position for position, _ in marks])
        except Exception as error:  # noqa: BLE001 - whatever it was, every lane that waits must hear of it
            # No lane starts a body without its mark, so a mark that was written and not heard of is taken back.
            unheard = [_unmarked(position) for position, _ in marks]
            self._results = [*results, *unheard, *self._results]
            self._fail(error, [*lookups, *marks, *((None, one) for one in flushes)])
            return True
        missing = Skip(reason="erased")
        for asked, reader in lookups:
            _tell(reader, found.get(asked, missing))
        for position, mark in marks:
            _tell(mark, position in marked)
        for flushed in flushes:
            _tell(flushed, None)
        return True

    async def _commit(self, results: list[Settlement], positions: list[int]) -> set[int]:
        """Write the results, then the marks: a result is never left behind by the mark that follows it."""
        simple = [one for one in results if _is_simple(one)]
        rest = [one for one in results if not _is_simple(one)]
        if rest:
            await asyncio.to_thread(self._settle, rest)
            results[:] = simple  # written, whatever becomes of the others
        if not (simple or positions):
            return set()
        with self._database.plainly():
            marked, settled = await self._turns.commit(simple, positions, self._chunks())
        if late := [one for one in simple if one.position not in settled]:
            await asyncio.to_thread(self._settle, late)
        return marked

    def _look(self, subscriber_ids: list[int]) -> Mapping[int, Reader | Skip]:
        with self._database.reading() as session:
            return self._readers(session, subscriber_ids)

    def _settle(self, results: list[Settlement]) -> None:
        with self._database.transaction() as session:
            store.settle(session, self._edition_id, results, self._owner, now=self._clock())

    def _fail(self, error: BaseException, waiting: Sequence[tuple[object, asyncio.Future[Any]]]) -> None:
        self._broken = error
        futures = [future for _, future in waiting]
        futures += [future for _, future in self._lookups.take()]
        futures += [future for _, future in self._marks.take()]
        futures += self._flushes
        self._flushes = []
        for future in futures:
            if not future.done():
                future.set_exception(error)

    async def _write_the_rest(self) -> None:
        """The database failed: no lane starts another body, but what servers have said since is still written."""
        while not self._closing:
            await self._wake.wait()
            if not self._closing:
                self._wake.clear()
        until = asyncio.get_running_loop().time() + self._patience
        while self._results:
            results, self._results = self._results, []
            try:
                await asyncio.to_thread(self._settle, results)
            except Exception:
                self._results = results
                if asyncio.get_running_loop().time() >= until:
                    raise
                await asyncio.sleep(_AGAIN)


def _is_simple(result: Settlement) -> bool:
    """The usual case, which the fast way writes: it was being sent, and it was accepted."""
    return (
        result.state is DeliveryState.ACCEPTED
        and result.before is DeliveryState.SENDING
        and result.outcome is not None
        and not result.reason
    )


def _unmarked(position: int) -> Settlement:
    return Settlement(
        position=position, before=DeliveryState.SENDING, state=DeliveryState.PENDING, counts=False
    )


def _tell(future: asyncio.Future[_Told], value: _Told) -> None:
    if not future.done():
        future.set_result(value)
