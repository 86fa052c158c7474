"""When a run ends before its work does, and why: stopped, paused, out of limits, or broken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from digest.deliveries.rates import GO, Leave

_T = TypeVar("_T")


class Ending:
    """One run's end. Once it has come, what is on the wire is finished and nothing more begins.

    `stop` is the worker's own; `at_end` is called when the end comes, perhaps more than once.
    """

    def __init__(self, stop: asyncio.Event, at_end: Callable[[], None]) -> None:
        self._stop = stop
        self._halt = asyncio.Event()
        self._at_end = at_end
        self.pause = ""
        self.wait = GO
        self.errors: list[BaseException] = []

    def has_come(self) -> bool:
        """Whether nothing more may begin."""
        return self._halt.is_set() or self._stop.is_set()

    def come(self) -> None:
        """End now."""
        self._halt.set()
        self._at_end()

    def pause_for(self, reason: str) -> None:
        """End, and let the edition be paused for the first reason given."""
        self.pause = self.pause or reason
        self.come()

    def wait_for(self, leave: Leave) -> None:
        """End, as the limits leave no room for so long."""
        self.wait = max(self.wait, leave, key=lambda one: one.wait)
        self.come()

    async def guard(self, work: Awaitable[_T]) -> _T | None:
        """What comes of `work`; an error ends the run and is kept, to be raised when the lanes are done."""
        try:
            return await work
        except Exception as error:  # noqa: BLE001 - raised again at the end of the run
            self.errors.append(error)
            self.come()
        return None

    async def sleep(self, seconds: float) -> None:
        """Sleep, but not past the end."""
        ends = [asyncio.create_task(event.wait()) for event in (self._halt, self._stop)]
        try:
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
