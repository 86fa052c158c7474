"""Which claimed delivery may leave now, and as which message: asked of the reader, the allow-list and the limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from digest.deliveries.ending import Ending
from digest.deliveries.job import Job
from digest.deliveries.ledger import Ledger, Skip
from digest.deliveries.model import Delivery, DeliveryState, Outcome, Settlement
from digest.deliveries.rates import GO, Rates
from digest.deliveries.stock import Claimed, Stock
from digest.deliveries.unsent import put_off, skipped, unmailable
from digest.errors import DigestError
from digest.messages.model import Addressed, Reader
from digest.messages.personalise import Unmailable

_TOO_LONG = 60.0  # a wait that is better spent not holding anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The message of what was claimed, to an address at `domain`; it may leave now."""

    claimed: Claimed
    mail: Addressed
    domain: str


class Withdrawn(DigestError):
    """Its reader must not be mailed any more, for a `reason` that came up while it waited for its turn."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Settles(Protocol):
    """Who is told of deliveries that come to something before any server is asked."""

    def settle(self, settlement: Settlement) -> None:
        """It is not sent now."""

    def record(self, delivery: Delivery, before: DeliveryState, result: Outcome, *, domain: str) -> None:
        """It cannot be sent."""


class Outgoing:
    """Makes messages of what is in stock, as the limits leave room; a long wait for them ends the run."""

    def __init__(
        self,
        job: Job,
        stock: Stock,
        ledger: Ledger,
        rates: Rates,
        ending: Ending,
        *,
        clock: Callable[[], datetime],
        to: Settles,
    ) -> None:
        self._job = job
        self._stock = stock
        self._ledger = ledger
        self._rates = rates
        self._ending = ending
        self._clock = clock
        self._to = to

    async def prepared(self, claimed: Claimed) -> Ready | None:
        """The message, once the limits leave room; None when it is settled otherwise, or the run is ending."""
        while not claimed.held.lost and await self._may_go():
            reader = claimed.reader
            if not claimed.is_fresh:
                reader = await self._ledger.reader(claimed.delivery.subscriber_id)
            if isinstance(reader, Skip):
                self._to.settle(skipped(claimed.delivery, reader.reason))
                return None
            if not self._job.permitted(reader.address):
                self._to.settle(skipped(claimed.delivery, "not on mail.only"))
                return None
            leave = await self._rates.leave(_domain(reader.address))
            if leave is GO:
                return self._addressed(claimed, reader)
            if leave.until:
                self._to.settle(put_off(claimed.delivery, leave.reason, leave.until))
                return None
        return None

    def at_hand(self) -> Ready | None:
        """The next message, where nobody has to be asked and nothing waited for to know it."""
        claimed = self._stock.peek()
        if claimed is None or claimed.held.lost or not claimed.is_fresh:
            return None
        reader = claimed.reader
        if isinstance(reader, Skip) or not self._job.permitted(reader.address):
            return None
        if not self._rates.is_free(_domain(reader.address)):
            return None
        self._stock.pop()
        ready = self._addressed(claimed, reader)
        if ready is None:
            self._stock.done()
            claimed.held.outstanding -= 1
        return ready

    async def confirm(self, ready: Ready) -> None:
        """Ask again, at the last moment, about a reader of whom nobody has asked lately; raises `Withdrawn`."""
        if ready.claimed.is_fresh:
            return
        reader = await self._ledger.reader(ready.claimed.delivery.subscriber_id)
        if isinstance(reader, Skip):
            raise Withdrawn(reader.reason)

    async def _may_go(self) -> bool:
        """Wait for the limits; False when that would take too long, or when the run is ending."""
        while (leave := await self._rates.ready()) is not GO:
            if leave.wait > _TOO_LONG:
                self._ending.wait_for(leave)
                return False
            await self._ending.sleep(leave.wait)
            if self._ending.has_come():
                return False
        return True

    def _addressed(self, claimed: Claimed, reader: Reader) -> Ready | None:
        delivery = claimed.delivery
        try:
            mail = self._job.compiled.addressed(
                reader, position_key=str(delivery.position), now=self._clock()
            )
        except Unmailable as error:
            self._to.record(delivery, DeliveryState.CLAIMED, unmailable(str(error)), domain="")
            return None
        return Ready(claimed=claimed, mail=mail, domain=_domain(mail.rcpt_to))


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
