"""The queue of chunks: offered in the transaction that launches, taken by workers, handed on when one dies.

How the times work together: a lease on a chunk lasts 45 seconds and is renewed at a third of that. A worker says
every `HEARTBEAT_SECONDS` that it lives; one that has not for `STALLED_SECONDS`, which is longer than any lease, is
taken for dead, and what it had in hand waits to be taken again. So a dead worker's chunks go on within a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import psycopg
from procrastinate import App, BaseRetryStrategy, PsycopgConnector, RetryDecision, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.types import JSONDict

from digest.database import Database, DatabaseUnavailable, Session
from digest.deliveries.job import DeliverChunk
from digest.editions.model import EditionId
from digest.engine import store

HEARTBEAT_SECONDS = 10.0
STALLED_SECONDS = 50.0
_SWEEP_SECONDS = 5.0
_AT_ONCE = 4  # one being sent, one claimed for when its lanes run dry, one on its way from the queue
_CONNECTIONS = 4
_CONNECT_SECONDS = 10.0
_TASK = "deliver_chunk"


class NotNow(Exception):
    """This chunk can be worked on again at `at`; until then somebody else holds it, or nothing in it is due."""

    def __init__(self, at: datetime) -> None:
        super().__init__(f"not before {at.isoformat()}")
        self.at = at


class Queue:
    """The engine for a PostgreSQL database that `digest migrate` has prepared."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # The library warns of whatever it meets, with addresses of servers; what matters is told by those who use it.
        for name in ("procrastinate", "psycopg.pool"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        logging.getLogger("asyncio").addFilter(_is_news)
        self._offering = App(connector=SyncPsycopgConnector())

    def offer(self, session: Session, edition_id: EditionId, chunk_ids: Sequence[int]) -> None:
        """Hand these chunks out once this transaction is committed; see `Engine`."""
        queue = queue_name(edition_id)
        absent = store.missing(session, queue, chunk_ids)
        if not absent:
            return
        with _plainly(), store.raw(session) as connection:
            task = self._offering.configure_task(
                _TASK, queue=queue, connection=connection, allow_unknown=True
            )
            tasks: list[JSONDict] = [{"edition_id": edition_id, "chunk_id": chunk_id} for chunk_id in absent]
            task.batch_defer(*tasks)

    def has_work(self, session: Session, edition_id: EditionId) -> bool:
        """Whether a chunk of the edition waits for somebody to take it."""
        return store.has_waiting(session, queue_name(edition_id))

    def forget(self, session: Session, edition_id: EditionId) -> None:
        """Take back what waits of the edition."""
        store.forget(session, queue_name(edition_id))

    @asynccontextmanager
    async def shift(self, news: Callable[[], None]) -> AsyncIterator[QueueShift]:
        """One worker's part: connections of its own, an ear for what is handed out, and the sweep."""
        url = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        connector = PsycopgConnector(
            conninfo=url,
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_CONNECT_SECONDS,
            configure=_configure,
            name="digest-engine",
        )
        app = App(connector=connector)
        with _plainly():
            await app.open_async()
        listening = QueueShift(app)
        side = [asyncio.create_task(_listen(app, news)), asyncio.create_task(_sweep(app))]
        try:
            yield listening
        finally:
            for task in side:
                task.cancel()
            await asyncio.gather(*side, return_exceptions=True)
            with contextlib.suppress(ConnectorException, psycopg.Error):
                await app.close_async()


class QueueShift:
    """One worker's part of the queue; see `Shift`."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._delivering: dict[EditionId, DeliverChunk] = {}
        app.task(name=_TASK, retry=_Later())(self._deliver)

    async def hand_out(self, edition_id: EditionId, deliver_chunk: DeliverChunk) -> None:
        """Give chunk after chunk of the edition to `deliver_chunk` until none waits; see `Shift`."""
        self._delivering[edition_id] = deliver_chunk
        try:
            with _plainly():
                await self._app.run_worker_async(
                    queues=[queue_name(edition_id)],
                    concurrency=_AT_ONCE,
                    wait=False,
                    listen_notify=False,
                    install_signal_handlers=False,
                    delete_jobs="always",  # the ledger tells what became of it
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                    stalled_worker_timeout=STALLED_SECONDS,
                )
        finally:
            self._delivering.pop(edition_id, None)

    async def _deliver(self, edition_id: int, chunk_id: int) -> None:
        again = await self._delivering[EditionId(edition_id)](chunk_id)
        if again is not None:
            raise NotNow(again)


class _Later(BaseRetryStrategy):
    """A chunk that is not done comes again when it said; one that could not be looked at comes at once."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        return RetryDecision(retry_at=exception.at if isinstance(exception, NotNow) else None)


def queue_name(edition_id: EditionId) -> str:
    """Each edition waits in a line of its own, so that none stands behind another."""
    return f"edition-{edition_id}"


async def _listen(app: App, news: Callable[[], None]) -> None:
    """Call `news` at once when something was handed out; while this cannot be heard, looking now and then is the net."""

    async def heard(*, channel: str, notification: Any) -> None:
        news()

    while True:
        with contextlib.suppress(ConnectorException, psycopg.Error):
            await app.job_manager.listen_for_jobs(on_notification=heard)
        await asyncio.sleep(_SWEEP_SECONDS)


async def _sweep(app: App) -> None:
    """Let what a dead worker had in hand be taken again; it runs beside the queue, so that no backlog holds it up."""
    while True:
        with contextlib.suppress(ConnectorException, psycopg.Error):
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
                # Another worker's sweep may have been faster, which the library calls an error.
                with contextlib.suppress(ConnectorException):
                    await app.job_manager.retry_job(job)
        await asyncio.sleep(_SWEEP_SECONDS)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of the event loop's is not about a task of the library's that could not note how a job ended."""
    return not (record.exc_info and isinstance(record.exc_info[1], ConnectorException))


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute(f"SET search_path TO {store.SCHEMA}, public".encode())
    await connection.commit()


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    try:
        yield
    except (ConnectorException, psycopg.Error) as error:
        cause = error.__cause__ or error
        said = str(cause).strip().splitlines()
        raise DatabaseUnavailable(
            f"The queue of chunks in the database cannot be used: {said[0] if said else type(cause).__name__}."
        ) from error
