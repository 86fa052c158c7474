"""What is claimed and waits for a lane: filled page by page before it runs out, taken from one by one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from digest.deliveries.leases import Held
from digest.deliveries.ledger import Skip
from digest.deliveries.model import Delivery
from digest.messages.model import Reader

FRESH_SECONDS = 1.0  # how long what was said of a reader holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A claimed delivery of a chunk in hand, and whom it is for as that stood when it was claimed."""

    held: Held
    delivery: Delivery
    reader: Reader | Skip
    looked_at: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        """Whether nobody needs to be asked again if the reader may still be mailed."""
        return time.monotonic() - self.looked_at < FRESH_SECONDS


class Stock:
    """Claimed deliveries for the lanes of one run."""

    def __init__(self) -> None:
        self._shelf: deque[Claimed] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._low = asyncio.Event()
        self._mark = 0
        self._closed = False

    def put(self, page: Iterable[Claimed]) -> None:
        """Add a page behind what is there."""
        self._shelf.extend(page)
        self._wake(len(self._shelf))

    async def take(self) -> Claimed | None:
        """The next one; None when there are none and there will be no more."""
        while not self._shelf:
            if self._closed:
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
        if len(self._shelf) <= self._mark:
            self._low.set()
        return claimed

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

    def _wake(self, count: int) -> None:
        while self._waiting and count:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                count -= 1
