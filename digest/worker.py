"""The delivery loop: hands launched editions and waiting notices to the transport until told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import datetime

import structlog

from digest.workflows import deliver
from digest.workflows.parts import Parts

log = structlog.get_logger()


async def work(parts: Parts, *, clock: Callable[[], datetime], stop: asyncio.Event) -> None:
    """Deliver until `stop` is set; messages on the wire are finished and claims released before it returns."""
    log.info("worker.started", transport=parts.transport.name)
    await deliver.deliver(parts, now=clock, until_done=False, stop=stop)
    log.info("worker.stopped")


def run(parts: Parts, *, clock: Callable[[], datetime], once: bool = False) -> None:
    """A worker as its own process; SIGTERM and SIGINT stop it gently, `once` stops it when nothing is due."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        if once:
            await deliver.deliver(parts, now=clock, until_done=True, stop=stop)
            return
        await work(parts, clock=clock, stop=stop)

    asyncio.run(main())
