"""Deliver what is launched: editions to their readers, notices to staff, until nothing is due or told to stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from digest.database import DatabaseUnavailable
from digest.deliveries.job import Shift
from digest.editions import store as editions
from digest.editions.model import Edition, EditionId, EditionState
from digest.workflows.launch import require_armed
from digest.workflows.notices import send_notices
from digest.workflows.outage import Outage, until_back
from digest.workflows.parts import Parts
from digest.workflows.sending import Sending
from digest.workflows.sharing import Candidate, shares

Clock = Callable[[], datetime]

_IDLE_SECONDS = 0.3
_NOTICES_SECONDS = 1.0
_ON_TOP_SECONDS = (
    0.5  # an edition that has waited this long for others to give way opens one connection on top
)
_REGROW_SECONDS = 1.0
_LISTED = 500


async def deliver(
    parts: Parts,
    *,
    edition_id: EditionId | None = None,
    now: Clock,
    until_done: bool,
    stop: asyncio.Event | None = None,
    progress: Callable[[int], None] | None = None,
    outage: Outage | None = None,
) -> None:
    """Mail what is due: all launched editions side by side and waiting notices, or only the edition named.

    With `until_done` it returns when nothing is due any more at `now`, else it goes on until `stop` is set, and
    waits for a database that is gone; then the messages on the wire are finished and the rest is released.
    `progress` hears how many deliveries of the edition are settled. Raises `NotArmed` when this installation may not
    send from this database, `DigestError` when mail is to be signed with keys that cannot be used, and with
    `until_done` `DatabaseUnavailable`.
    """
    await asyncio.to_thread(parts.signer)
    stop, outage = stop or asyncio.Event(), outage or Outage()
    worker = _Worker(parts, only=edition_id, now=now, stop=stop, progress=progress or (lambda _settled: None))
    if until_done:
        await worker.until_done()
        return
    while not stop.is_set():
        try:
            await worker.stay()
        except DatabaseUnavailable as error:
            await until_back(parts, outage, error, stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """One edition's run, as it goes on: since when in seconds of the loop's clock, and over how many lanes."""

    task: asyncio.Task[bool]
    since: float
    lanes: int


class _Worker:
    def __init__(
        self,
        parts: Parts,
        *,
        only: EditionId | None,
        now: Clock,
        stop: asyncio.Event,
        progress: Callable[[int], None],
    ) -> None:
        self._parts = parts
        self._only = only
        self._now = now
        self._stop = stop
        self._progress = progress
        self._lanes = parts.settings.mail.lanes
        self._known: dict[EditionId, Sending] = {}
        self._running: dict[EditionId, _Running] = {}
        self._waiting: dict[EditionId, float] = {}
        self._rested: dict[EditionId, float] = {}
        self._had_lanes: set[EditionId] = set()
        self._notices: asyncio.Task[bool] | None = None
        self._notices_at = 0.0
        self._wake = asyncio.Event()

    async def until_done(self) -> None:
        """Everything that is due at this moment, from the rows themselves."""
        async with self._ending():
            while not self._stop.is_set():
                await self._require_armed()
                came = self._only is None and await send_notices(self._parts, now=self._now, stop=self._stop)
                await self._look(None)
                while self._running and not self._stop.is_set():
                    await self._rest()
                    came = self._collect() or came
                    await self._require_armed()
                    await self._look(None)
                if not came:
                    return

    async def stay(self) -> None:
        """What is due, as it becomes due, until told to stop."""
        async with self._shift() as shift, self._ending():
            while not self._stop.is_set():
                await self._require_armed()
                self._look_for_notices()
                self._collect()
                await self._look(shift)
                await self._rest()

    @asynccontextmanager
    async def _shift(self) -> AsyncIterator[Shift | None]:
        if self._parts.engine is None:
            yield None
            return
        async with self._parts.engine.shift(self._wake.set) as shift:
            yield shift

    @asynccontextmanager
    async def _ending(self) -> AsyncIterator[None]:
        """Let what runs finish what is on the wire, however the block ends; cancelled meanwhile, end it at once."""
        try:
            yield
        finally:
            for edition_id in self._running:
                self._known[edition_id].give_way()
            tasks: set[asyncio.Task[bool]] = {run.task for run in self._running.values()}
            tasks |= {self._notices} if self._notices else set()
            self._running, self._notices = {}, None
            try:
                if tasks:
                    await asyncio.wait(tasks)
            except asyncio.CancelledError:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                raise
            for task in tasks:
                # What is gone for one is gone for all, and told already; what is worse than that ends the worker.
                with contextlib.suppress(DatabaseUnavailable):
                    task.result()

    # --- editions -------------------------------------------------------------------------------------------

    async def _look(self, shift: Shift | None) -> None:
        """Give lanes to what is due, and have those give way that hold more than their share."""
        for edition in await asyncio.to_thread(self._sending):
            if edition.id not in self._running and self._stop.is_set() is False:
                await self._weigh(edition, shift)
        now = asyncio.get_running_loop().time()
        wanted = shares(self._candidates(), lanes=self._lanes, now=now)
        for edition_id, run in self._running.items():
            share = wanted.get(edition_id, 0)
            if run.lanes > share or (run.lanes < share and now - run.since > _REGROW_SECONDS):
                self._known[edition_id].give_way()
        if self._stop.is_set():
            return
        for edition_id, share in wanted.items():
            if edition_id not in self._running:
                self._start(edition_id, share, now)

    def _sending(self) -> list[Edition]:
        with self._parts.database.reading() as session:
            found = editions.list_editions(session, limit=_LISTED, states=frozenset({EditionState.SENDING}))
        known = self._parts.settings.publications
        wanted = [e for e in found if e.publication in known and self._only in {None, e.id}]
        for gone in set(self._known) - {e.id for e in wanted} - set(self._running):
            self._forget(gone)
        return sorted(wanted, key=lambda edition: edition.id)

    async def _weigh(self, edition: Edition, shift: Shift | None) -> None:
        """Note whether the edition has something to send, and since when it waits for lanes."""
        now = asyncio.get_running_loop().time()
        if now < self._rested.get(edition.id, 0):
            return
        sending = self._known.get(edition.id)
        if sending is None:
            sending = self._known[edition.id] = Sending(
                self._parts, edition, now=self._now, progress=self._progress
            )
        if await asyncio.to_thread(sending.is_due, edition, shift):
            self._waiting.setdefault(edition.id, now)
        else:
            self._waiting.pop(edition.id, None)

    def _candidates(self) -> list[Candidate]:
        running = [
            Candidate(edition_id=edition_id, since=run.since, running=True)
            for edition_id, run in self._running.items()
        ]
        waiting = [
            Candidate(edition_id=edition_id, since=since, fresh=edition_id not in self._had_lanes)
            for edition_id, since in self._waiting.items()
        ]
        return running + waiting

    def _start(self, edition_id: EditionId, share: int, now: float) -> None:
        free = self._lanes - sum(run.lanes for run in self._running.values())
        if free == 0 and now - self._waiting[edition_id] > _ON_TOP_SECONDS:
            free = 1
        if free < 1:
            return
        lanes = min(share, free)
        task = asyncio.create_task(self._known[edition_id].run(lanes))
        task.add_done_callback(lambda _task: self._wake.set())
        self._running[edition_id] = _Running(task=task, since=now, lanes=lanes)
        self._had_lanes.add(edition_id)
        del self._waiting[edition_id]

    def _collect(self) -> bool:
        """Take note of the runs that have ended, raising what ended them; True when something came of one."""
        came = False
        now = asyncio.get_running_loop().time()
        for edition_id, run in list(self._running.items()):
            if not run.task.done():
                continue
            del self._running[edition_id]
            busy = run.task.result()
            came = came or busy
            # One that could do nothing, though it seemed to be due, is not asked again at once.
            self._rested[edition_id] = 0 if busy else now + _IDLE_SECONDS
        return came

    def _forget(self, edition_id: EditionId) -> None:
        self._known.pop(edition_id, None)
        self._waiting.pop(edition_id, None)
        self._rested.pop(edition_id, None)
        self._had_lanes.discard(edition_id)

    async def _require_armed(self) -> None:
        await asyncio.to_thread(require_armed, self._parts, now=self._now())

    # --- notices, and waiting -------------------------------------------------------------------------------

    def _look_for_notices(self) -> None:
        """Notices go over a connection of their own, beside the editions."""
        now = asyncio.get_running_loop().time()
        if self._notices is not None and self._notices.done():
            accepted = self._notices.result()
            self._notices, self._notices_at = None, now if accepted else now + _NOTICES_SECONDS
        if self._notices is None and self._only is None and now >= self._notices_at:
            self._notices = asyncio.create_task(
                send_notices(self._parts, now=self._now, stop=self._stop), name="notices"
            )

    async def _rest(self) -> None:
        """Wait a moment, or until something happens."""
        ends = [asyncio.create_task(event.wait()) for event in (self._wake, self._stop)]
        try:
            await asyncio.wait(ends, timeout=_IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        self._wake.clear()
