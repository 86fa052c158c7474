"""The postman: leases chunks of one edition and sends their messages over several lanes at once.

No transaction is open while a server is talked to. What was on the wire when a worker stops is finished; what was
only claimed goes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from digest.database import Database
from digest.deliveries import replies
from digest.deliveries.breaker import Breaker
from digest.deliveries.job import Job, Ran
from digest.deliveries.leases import Held, Leases
from digest.deliveries.ledger import Ledger, Skip
from digest.deliveries.model import Delivery, DeliveryState, Outcome, Phase, Settlement, Verdict
from digest.deliveries.pace import Pace
from digest.deliveries.rates import GO, Rates
from digest.deliveries.store import LeaseLost
from digest.deliveries.transports.base import Lane, Transport
from digest.deliveries.unsent import put_off, skipped, unmailable
from digest.messages.model import Addressed, Reader
from digest.messages.personalise import Unmailable

_OPENING = frozenset({Phase.CONNECT, Phase.TLS, Phase.EHLO, Phase.AUTH})
_WATCH_SECONDS = 1.0
_TOO_LONG = 60.0  # a wait of the pace's that is better spent not holding anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Postman:
    """One worker's way of sending; `owner` names it in the ledger, and no other may have that name.

    `clock` tells the time, `stop` ends a run gently, `pauses` are the seconds between tries to reach the relay.
    """

    database: Database
    transport: Transport
    owner: str
    clock: Callable[[], datetime]
    stop: asyncio.Event
    pace: Pace
    lanes: int = 8
    lease_seconds: int = 120
    pauses: tuple[float, ...] = (2.0, 10.0)
    rates: Rates = field(init=False)

    def __post_init__(self) -> None:
        """What was taken of the limits is kept from one run to the next."""
        object.__setattr__(self, "rates", Rates(self.database, self.pace, clock=self.clock))

    async def run(self, job: Job, *, progress: Callable[[int], None] | None = None) -> Ran:
        """Send all that is due in the edition; returns when nothing is, or when it must pause or stop."""
        return await _Run(self, job, progress or (lambda _settled: None)).all()


class _Run:
    def __init__(self, postman: Postman, job: Job, progress: Callable[[int], None]) -> None:
        self._me = postman
        self._job = job
        self._progress = progress
        self._ledger = Ledger(
            postman.database, job.edition_id, owner=postman.owner, readers=job.readers, clock=postman.clock
        )
        self._queue: asyncio.Queue[tuple[Held, Delivery] | None] = asyncio.Queue(postman.lanes)
        self._returned: list[tuple[Held, Delivery]] = []
        self._leases = Leases(
            postman.database,
            job.edition_id,
            owner=postman.owner,
            clock=postman.clock,
            seconds=postman.lease_seconds,
        )
        self._breaker = Breaker(fresh=job.fresh)
        self._halt = asyncio.Event()
        self._pause = ""
        self._wait = GO
        self._settled = 0
        self._usable = postman.lanes
        self._errors: list[BaseException] = []

    async def all(self) -> Ran:
        ledger = asyncio.create_task(self._ledger.run())
        watcher = asyncio.create_task(self._watch())
        lanes = [asyncio.create_task(self._lane(self._me.transport.lane())) for _ in range(self._me.lanes)]
        try:
            await self._guard(self._me.rates.look())
            await self._guard(self._feed())
            for _ in lanes:
                await self._queue.put(None)
            await asyncio.gather(*lanes)
        except BaseException:
            self._halt.set()
            await _end(lanes)
            raise
        finally:
            watcher.cancel()
            self._ledger.close()
            await asyncio.gather(watcher, ledger, *lanes, return_exceptions=True)
            await self._guard(self._leases.release())
            await self._guard(self._me.rates.close())
        if self._errors:
            raise self._errors[0]
        return Ran(settled=self._settled, pause=self._pause, wait=self._wait)

    async def _guard(self, work: Awaitable[None]) -> None:
        """Keep the first error for the end: lanes finish what is on the wire before it is raised."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - raised again at the end of the run
            self._errors.append(error)
            self._halt.set()

    # --- work in --------------------------------------------------------------------------------------------

    async def _feed(self) -> None:
        while not self._ending():
            held = await self._leases.take()
            if held is None:
                return
            while not self._ending() and (page := await self._leases.claim(held)):
                for delivery in page:
                    await self._queue.put((held, delivery))
            held.drained = True
            await self._leases.finish(held)

    # --- one message ----------------------------------------------------------------------------------------

    async def _lane(self, lane: Lane) -> None:
        try:
            while (work := await self._next()) is not None:
                held, delivery = work
                # While the run ends the queue is still emptied; what is dropped so is released, and claimed again.
                usable = self._ending() or held.lost or await self._deliver(lane, held, delivery)
                if not usable and self._usable:
                    self._returned.append(work)
                    return
                held.outstanding -= 1
                await self._guard(self._leases.finish(held))
        finally:
            await lane.close()

    async def _next(self) -> tuple[Held, Delivery] | None:
        """The next delivery to send, first those that a retired lane gave back; None when there are no more."""
        if self._returned:
            return self._returned.pop()
        work = await self._queue.get()
        return self._returned.pop() if work is None and self._returned else work

    async def _deliver(self, lane: Lane, held: Held, delivery: Delivery) -> bool:
        """Send one message; an error ends the run and is raised when the other lanes are done."""
        try:
            return await self._send(lane, delivery)
        except LeaseLost:
            held.lost = True
        except Exception as error:  # noqa: BLE001 - raised again at the end of the run
            self._errors.append(error)
            self._halt.set()
        return True

    async def _send(self, lane: Lane, delivery: Delivery) -> bool:
        """Send one message and settle it; False when this lane cannot be opened and should not be used again."""
        reader = await self._reader(delivery)
        if reader is None:
            return True
        key, now = str(delivery.position), self._me.clock()
        try:
            mail = self._job.compiled.addressed(reader, position_key=key, now=now)
        except Unmailable as error:
            await self._record(delivery, DeliveryState.CLAIMED, unmailable(str(error)), domain="")
            return True
        return await self._hand_over(lane, delivery, mail)

    async def _reader(self, delivery: Delivery) -> Reader | None:
        """Whom to mail, once the limits leave room; None when it is settled otherwise, or the run is ending."""
        while await self._may_go():
            reader = await self._ledger.reader(delivery.subscriber_id)
            if isinstance(reader, Skip):
                await self._settle(skipped(delivery, reader.reason))
                return None
            if not self._job.permitted(reader.address):
                await self._settle(skipped(delivery, "not on mail.only"))
                return None
            leave = await self._me.rates.leave(_domain(reader.address))
            if leave is GO:
                return reader
            if leave.until:
                await self._settle(put_off(delivery, leave.reason, leave.until))
                return None
        return None

    async def _hand_over(self, lane: Lane, delivery: Delivery, mail: Addressed) -> bool:
        before = DeliveryState.CLAIMED

        async def before_body() -> None:
            nonlocal before
            if before is not DeliveryState.SENDING:
                await self._ledger.mark(delivery.position)
                before = DeliveryState.SENDING

        result = await lane.send(mail, before_body=before_body)
        for pause in self._me.pauses:
            if not _unopened(result):
                break
            await self._sleep(pause)
            if self._ending():
                return True
            result = await lane.send(mail, before_body=before_body)
        if not _unopened(result):
            await self._record(delivery, before, result, domain=_domain(mail.rcpt_to))
            return True
        # Others may still get through, as where the relay limits connections: then only this lane retires.
        self._usable -= 1
        if not self._usable:
            self._stop_for(result.stop or f"The mail server cannot be reached: {result.reply.text}")
        return False

    async def _record(
        self, delivery: Delivery, before: DeliveryState, result: Outcome, *, domain: str
    ) -> None:
        settlement = replies.settle(
            result,
            position=delivery.position,
            attempts=delivery.attempts + 1,
            before=before,
            now=self._me.clock(),
            give_up_at=self._job.give_up_at,
        )
        if reason := self._breaker.observe(result, domain=domain):
            self._stop_for(reason)
        await self._settle(settlement)
        await self._me.rates.heard(result, domain)

    async def _settle(self, settlement: Settlement) -> None:
        await self._ledger.settle(settlement)
        self._settled += settlement.state is not DeliveryState.PENDING
        self._progress(self._settled)

    # --- when to stop ---------------------------------------------------------------------------------------

    async def _may_go(self) -> bool:
        """Wait for the limits; False when that would take too long, or when the run is ending."""
        while (leave := await self._me.rates.ready()) is not GO:
            if leave.wait > _TOO_LONG:
                self._wait = max(self._wait, leave, key=lambda one: one.wait)
                self._halt.set()
                return False
            await self._sleep(leave.wait)
            if self._ending():
                return False
        return True

    def _ending(self) -> bool:
        return self._halt.is_set() or self._me.stop.is_set()

    def _stop_for(self, reason: str) -> None:
        self._pause = self._pause or reason
        self._halt.set()

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not past the end of the run."""
        ends = [asyncio.create_task(event.wait()) for event in (self._halt, self._me.stop)]
        try:
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    async def _watch(self) -> None:
        """Renew the leases while lanes work, and notice when a person pauses the edition."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            await self._guard(self._look())

    async def _look(self) -> None:
        if not await asyncio.to_thread(self._job.going):
            self._halt.set()
        await self._leases.renew()
        await self._me.rates.look()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until it takes: a cancellation is lost when a server's answer comes at the same moment."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=1)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _unopened(result: Outcome) -> bool:
    """Whether there was no connection to send on, for a reason that may pass."""
    return result.phase in _OPENING and result.verdict is Verdict.DEFERRED
