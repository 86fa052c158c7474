"""The postman: leases chunks of one edition and sends their messages over several lanes at once.

No transaction is open while a server is talked to. What was on the wire when a worker stops is finished; what was
only claimed goes back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from digest.database import Database
from digest.deliveries import replies
from digest.deliveries.breaker import Breaker
from digest.deliveries.ending import Ending
from digest.deliveries.job import Chunks, Job, Ran
from digest.deliveries.leases import Held, Leases
from digest.deliveries.ledger import Ledger
from digest.deliveries.model import Delivery, DeliveryState, Outcome, Phase, Settlement, Verdict
from digest.deliveries.outgoing import Outgoing, Ready, Withdrawn
from digest.deliveries.pace import Pace
from digest.deliveries.rates import Rates
from digest.deliveries.stock import Claimed, Stock
from digest.deliveries.store import LeaseLost, turns
from digest.deliveries.transports.base import Following, Lane, Transport
from digest.deliveries.unsent import skipped
from digest.messages.model import Addressed

_OPENING = frozenset({Phase.CONNECT, Phase.TLS, Phase.EHLO, Phase.AUTH})
_WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Postman:
    """One worker's way of sending; `owner` names it in the ledger, and no other may have that name.

    `clock` tells the time, `stop` ends a run gently, `pauses` are the seconds between tries to reach the relay;
    what is written before a message leaves `survives` a power loss, or only a crash.
    """

    database: Database
    transport: Transport
    owner: str
    clock: Callable[[], datetime]
    stop: asyncio.Event
    pace: Pace
    lanes: int = 8
    lease_seconds: int = 120
    survives: str = "power loss"
    pauses: tuple[float, ...] = (2.0, 10.0)
    rates: Rates = field(init=False)

    def __post_init__(self) -> None:
        """What was taken of the limits is kept from one run to the next."""
        object.__setattr__(self, "rates", Rates(self.database, self.pace, clock=self.clock))

    async def run(
        self,
        job: Job,
        *,
        progress: Callable[[int], None] | None = None,
        lanes: int | None = None,
        chunks: Chunks | None = None,
    ) -> Ran:
        """Send all that is due in the edition; returns when nothing is, or when it must pause or stop.

        `lanes` is how many of ours it may use, all unless given; `chunks` hands out what to work on, unless it is
        whatever is due and free.
        """
        return await _Run(self, job, progress or (lambda _settled: None), lanes or self.lanes, chunks).all()


class _Run:
    def __init__(
        self, postman: Postman, job: Job, progress: Callable[[int], None], lanes: int, chunks: Chunks | None
    ) -> None:
        self._me = postman
        self._job = job
        self._progress = progress
        self._lanes = self._usable = lanes
        self._chunks = chunks
        self._leases = Leases(
            postman.database,
            job.edition_id,
            owner=postman.owner,
            readers=job.readers,
            clock=postman.clock,
            seconds=postman.lease_seconds,
        )
        self._ledger = Ledger(
            postman.database,
            job.edition_id,
            owner=postman.owner,
            readers=job.readers,
            clock=postman.clock,
            turns=turns(
                postman.database,
                job.edition_id,
                postman.owner,
                clock=postman.clock,
                survives=postman.survives,
            ),
            chunks=self._leases.ids,
            lanes=lanes,
        )
        self._stock = Stock()
        self._ending = Ending(postman.stop, self._stock.abandon)
        self._outgoing = Outgoing(
            job, self._stock, self._ledger, postman.rates, self._ending, clock=postman.clock, to=self
        )
        self._breaker = Breaker(fresh=job.fresh)
        self._settled = 0

    async def all(self) -> Ran:
        ledger = asyncio.create_task(self._ending.guard(self._ledger.run()))
        watcher = asyncio.create_task(self._watch())
        lanes = [asyncio.create_task(self._lane(self._me.transport.lane())) for _ in range(self._lanes)]
        try:
            await self._ending.guard(self._me.rates.look())
            await self._ending.guard(self._feed())
            self._stock.close()
            await asyncio.gather(*lanes)
        except BaseException:
            self._ending.come()
            await _end(lanes)
            raise
        finally:
            watcher.cancel()
            self._ledger.close()
            await asyncio.gather(watcher, ledger, *lanes, return_exceptions=True)
            left = self._leases.ids()
            await self._ending.guard(self._leases.release())
            for chunk_id in left:
                await self._ending.guard(self._handed_back(chunk_id))
            await self._ending.guard(self._me.rates.close())
        if self._ending.errors:
            raise self._ending.errors[0]
        return Ran(settled=self._settled, pause=self._ending.pause, wait=self._ending.wait)

    async def _feed(self) -> None:
        while not self._ending.has_come():
            chunk_id: int | None = None
            if self._chunks and (chunk_id := await self._chunks.take()) is None:
                return
            held = await self._leases.take(chunk_id)
            if held is None:
                if chunk_id is None:
                    return
                await self._handed_back(chunk_id)
                continue
            while not self._ending.has_come() and (page := await self._leases.claim(held)):
                at = time.monotonic()
                self._stock.put(
                    Claimed(held=held, delivery=one, reader=reader, looked_at=at) for one, reader in page
                )
                await self._stock.runs_low(2 * self._lanes)
            held.drained = True
            await self._close_chunk(held)

    async def _done(self, held: Held) -> None:
        """One more of the chunk's deliveries is answered."""
        self._stock.done()
        held.outstanding -= 1
        await self._close_chunk(held)

    async def _close_chunk(self, held: Held) -> None:
        """Give the chunk back once all of it is claimed and answered, and the answers are written."""
        if held.drained and held.outstanding == 0:
            await self._ledger.flush()
            if await self._leases.finish(held):
                await self._handed_back(held.chunk.id)

    async def _handed_back(self, chunk_id: int) -> None:
        if self._chunks:
            await self._chunks.finished(chunk_id)

    async def _lane(self, lane: Lane) -> None:
        ahead: list[Ready] = []

        def following() -> Addressed | None:
            """The message that this lane sends next, where nothing has to be waited for to know it."""
            if not self._ending.has_come() and (ready := self._outgoing.at_hand()):
                ahead.append(ready)
                return ready.mail
            return None

        try:
            while (ready := ahead.pop() if ahead else await self._next()) is not None:
                if self._ending.has_come():  # it was not begun; what is claimed is released
                    return
                held = ready.claimed.held
                usable = held.lost or await self._ending.guard(self._deliver(lane, ready, following))
                if usable is False and self._usable:
                    self._stock.give_back(ready.claimed)
                    return
                await self._ending.guard(self._done(held))
        finally:
            await lane.close()

    async def _next(self) -> Ready | None:
        """The next message to send; None when there are no more."""
        while (claimed := await self._stock.take()) is not None:
            ready = await self._ending.guard(self._outgoing.prepared(claimed))
            if ready is not None or self._ending.has_come():
                return ready
            await self._ending.guard(self._done(claimed.held))
        return None

    async def _deliver(self, lane: Lane, ready: Ready, following: Following) -> bool:
        """Send one message and settle it; False when this lane cannot be opened and should not be used again."""
        try:
            return await self._hand_over(lane, ready, following)
        except LeaseLost:
            ready.claimed.held.lost = True
        except Withdrawn as late:
            self.settle(skipped(ready.claimed.delivery, late.reason))
        return True

    async def _hand_over(self, lane: Lane, ready: Ready, following: Following) -> bool:
        before = DeliveryState.CLAIMED
        delivery = ready.claimed.delivery

        async def before_body() -> None:
            nonlocal before
            if before is not DeliveryState.SENDING:
                await self._outgoing.confirm(ready)
                await self._ledger.mark(delivery.position)
                before = DeliveryState.SENDING

        result = await lane.send(ready.mail, before_body=before_body, following=following)
        for pause in self._me.pauses:
            if not _unopened(result):
                break
            await self._ending.sleep(pause)
            if self._ending.has_come():
                return True
            result = await lane.send(ready.mail, before_body=before_body, following=following)
        if not _unopened(result):
            self.record(delivery, before, result, domain=ready.domain)
            await self._me.rates.heard(result, ready.domain)
            return True
        # Others may still get through, as where the relay limits connections: then only this lane retires.
        self._usable -= 1
        if not self._usable:
            self._ending.pause_for(result.stop or f"The mail server cannot be reached: {result.reply.text}")
        return False

    def record(self, delivery: Delivery, before: DeliveryState, result: Outcome, *, domain: str) -> None:
        """Settle a delivery by what came of it, and pause the edition where that says that the fault is ours."""
        settlement = replies.settle(
            result,
            position=delivery.position,
            attempts=delivery.attempts + 1,
            before=before,
            now=self._me.clock(),
            give_up_at=self._job.give_up_at,
        )
        if reason := self._breaker.observe(result, domain=domain):
            self._ending.pause_for(reason)
        self.settle(settlement)

    def settle(self, settlement: Settlement) -> None:
        """Settle a delivery; what is settled for good counts."""
        self._ledger.settle(settlement)
        self._settled += settlement.state is not DeliveryState.PENDING
        self._progress(self._settled)

    async def _watch(self) -> None:
        """Renew the leases while lanes work, and notice when a person pauses the edition."""
        while True:
            await self._ending.sleep(_WATCH_SECONDS)
            if self._ending.has_come():
                self._ending.come()
                await asyncio.sleep(_WATCH_SECONDS)
            await self._ending.guard(self._look())

    async def _look(self) -> None:
        if not await asyncio.to_thread(self._job.going):
            self._ending.come()
        await self._leases.renew()
        await self._me.rates.look()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until it takes: a cancellation is lost when a server's answer comes at the same moment."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=1)


def _unopened(result: Outcome) -> bool:
    """Whether there was no connection to send on, for a reason that may pass."""
    return result.phase in _OPENING and result.verdict is Verdict.DEFERRED
