"""The delivery loop: hands launched editions and waiting notices to the transport until told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import structlog

from digest.workflows import deliver
from digest.workflows.parts import Parts

log = structlog.get_logger()

GRACE_SECONDS = 25.0  # what a server may take to answer for the last messages; all in all it ends within 30
_TO_STOP = (signal.SIGTERM, signal.SIGINT)


async def work(parts: Parts, *, clock: Callable[[], datetime], stop: asyncio.Event) -> None:
    """Deliver until `stop` is set; messages on the wire are finished and claims released before it returns.

    A message that has no answer `GRACE_SECONDS` later is left as uncertain.
    """
    log.info("worker.started", transport=parts.transport.name, engine=parts.engine is not None)
    await _within_grace(deliver.deliver(parts, now=clock, until_done=False, stop=stop), stop)
    log.info("worker.stopped")


def run(parts: Parts, *, clock: Callable[[], datetime], once: bool = False) -> None:
    """A worker as its own process; SIGTERM and SIGINT stop it gently, `once` stops it when nothing is due.

    A second signal ends it at once; what it had in hand is settled when its leases have run out.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in _TO_STOP:
            loop.add_signal_handler(name, _told, name, stop, loop)
        if once:
            delivering = deliver.deliver(parts, now=clock, until_done=True, stop=stop)
            await _within_grace(delivering, stop)
            return
        await work(parts, clock=clock, stop=stop)

    asyncio.run(main())


def _told(name: signal.Signals, stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    if stop.is_set():
        loop.remove_signal_handler(name)
        signal.signal(name, signal.SIG_DFL)
        os.kill(os.getpid(), name)
    stop.set()


async def _within_grace(delivering: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    task = asyncio.create_task(delivering)
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        done, _ = await asyncio.wait({task}, timeout=GRACE_SECONDS)
        if not done:
            log.warning("worker.cut_short", seconds=GRACE_SECONDS)
            task.cancel()
            await asyncio.wait({task})
    finally:
        stopped.cancel()
    if not task.cancelled():
        task.result()
