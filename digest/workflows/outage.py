"""A database that is gone for a while: said once, waited for, and said once when it is back."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import structlog

from digest.database import DatabaseUnavailable
from digest.workflows.parts import Parts

log = structlog.get_logger()

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 8.0


class Outage:
    """Whether the database is gone, as one process knows it; any of its threads may say so."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gone = False

    def lost(self, error: DatabaseUnavailable) -> None:
        """The database was gone just now; the first to find out logs it."""
        with self._lock:
            first, self._gone = not self._gone, True
        if first:
            log.error("database.lost", error=str(error))

    def found(self) -> None:
        """The database answered just now; after an outage that is logged."""
        with self._lock:
            first, self._gone = self._gone, False
        if first:
            log.info("database.back")


async def until_back(parts: Parts, outage: Outage, error: DatabaseUnavailable, stop: asyncio.Event) -> None:
    """Say that the database is gone, and return when it answers again or `stop` is set.

    It is asked after a quarter of a second, then after twice as long each time, at most every 8 seconds.
    """
    outage.lost(error)
    pause = _FIRST_PAUSE
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
        try:
            await asyncio.to_thread(parts.database.check)
        except DatabaseUnavailable:
            pause = min(2 * pause, _LONGEST_PAUSE)
            continue
        outage.found()
        return
