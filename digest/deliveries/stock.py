"""What is claimed and waits for a lane: filled page by page before it runs out, taken from one by one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from digest.deliveries.leases import Held
from digest.deliveries.ledger import Skip
from digest.deliveries.model import Delivery
from digest.messages.model import Reader

FRESH_SECONDS = 1.0  # how long what was said of a reader holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A claimed delivery of a chunk in hand, and whom it is for as that stood at `looked_at`, a monotonic second."""

    held: Held
    delivery: Delivery
    reader: Reader | Skip
    looked_at: float

    @property
    def is_fresh(self) -> bool:
        """Whether nobody needs to be asked again if the reader may still be mailed."""
        return time.monotonic() - self.looked_at < FRESH_SECONDS


class Stock:
    """Claimed deliveries for the lanes of one run. What a lane has taken it gives back, or says that it is done."""

    def __init__(self) -> None:
        self._shelf: deque[Claimed] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._low = asyncio.Event()
        self._mark = 0
        self._out = 0
        self._closed = self._abandoned = False

    def put(self, page: Iterable[Claimed]) -> None:
        """Add a page behind what is there."""
        self._shelf.extend(page)
        self._wake(len(self._shelf))

    async def take(self) -> Claimed | None:
        """The next one; None when there are none, and no lane has one that it may yet give back."""
        while not self._shelf or self._abandoned:
            if self._abandoned or (self._closed and not self._out):
                return None
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        return self.pop()

    def peek(self) -> Claimed | None:
        """The next one, left where it is; None when nothing is at hand."""
        return self._shelf[0] if self._shelf else None

    def pop(self) -> Claimed:
        """The next one, which `peek` has shown."""
        claimed = self._shelf.popleft()
        self._out += 1
        if len(self._shelf) <= self._mark:
            self._low.set()
        return claimed

    def done(self) -> None:
        """One that was taken will not come back."""
        self._out -= 1
        if not self._out:
            self._wake(len(self._waiting))

    def give_back(self, claimed: Claimed) -> None:
        """Put one that was taken in front of the others, for another lane."""
        self._shelf.appendleft(claimed)
        self._out -= 1
        self._wake(1 if self._out else len(self._waiting))

    async def runs_low(self, mark: int) -> None:
        """Wait until no more than `mark` are left, or it is closed."""
        self._mark = mark
        if len(self._shelf) > mark and not self._closed:
            self._low.clear()
            await self._low.wait()

    def close(self) -> None:
        """Nothing more will be put in."""
        self._closed = True
        self._low.set()
        self._wake(len(self._waiting))

    def abandon(self) -> None:
        """Nothing more is to be taken either."""
        self._abandoned = True
        self.close()

    def _wake(self, count: int) -> None:
        while self._waiting and count:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                count -= 1
