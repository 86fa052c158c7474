"""Workers at work: in this process, as tasks with parts of their own, against a real database and a test server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from digest import wiring
from digest.database import Database
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState
from digest.workflows import approve, deliver, launch
from digest.workflows.outage import Outage
from digest.workflows.parts import Parts
from tests import mailing, publishing, sending

PATIENCE = 60.0


def present() -> datetime:
    return datetime.now(UTC)


def parts(url: str, port: int, *, others: tuple[str, ...] = (), lanes: int = 4, **mail: Any) -> Parts:
    """The parts of one process that works on this database and sends to a test server."""
    database = Database(url)
    more = {slug: publishing.WEEKLY | {"name": slug} for slug in others}
    made = publishing.parts(database, others=more)
    settings = made.settings.model_copy(
        update={"mail": made.settings.mail.model_copy(update={"lanes": lanes, **mail})}
    )
    return replace(made, settings=settings, transport=mailing.smtp(port), engine=wiring.engine(database))


def approved(parts: Parts, publication: str = "weekly") -> Edition:
    """An edition of the publication that could be launched now."""
    now = present()
    with parts.database.transaction() as session:
        editions.ensure_publication(session, publication, now=now)
        editions.lock_publication(session, publication)
        made = editions.create(
            session,
            publication=publication,
            state=EditionState.DRAFT,
            cut_at=now,
            send_at=now,
            slot=None,
            items=(sending_item(),),
            subject="What happened at the creek",
            preheader="Reeds along the north bank, and a walk on Sunday for everybody who wants to see them.",
        )
    approve.approve(parts, made.id, by="Ada", now=now)
    return made


def sending_item() -> Any:
    from tests import factories

    return factories.item(post_id=None, title="Reeds", url="https://www.example.org/reeds", position=1)


def launched(parts: Parts, publication: str = "weekly") -> Edition:
    return launch.launch(parts, approved(parts, publication).id, now=present())


@asynccontextmanager
async def at_work(*workers: Parts, outage: Outage | None = None) -> AsyncIterator[None]:
    """Workers that stay until the block ends."""
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(deliver.deliver(one, now=present, until_done=False, stop=stop, outage=outage))
        for one in workers
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)
        for one in workers:
            one.database.dispose()


async def until(true: Callable[[], bool], *, seconds: float = PATIENCE) -> float:
    """Wait for something that other threads and tasks bring about; returns how long that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not await asyncio.to_thread(true):
        assert loop.time() - began < seconds, "it did not happen in time"
        await asyncio.sleep(0.01)
    return loop.time() - began


def is_sent(parts: Parts, edition: Edition) -> bool:
    return sending.state(parts, edition).state is EditionState.SENT
