"""The chunks that an engine has handed to one run of the postman."""

from __future__ import annotations

import asyncio

_LONG_ANSWER = 5.0  # a chunk whose last answer is this long in coming gives its place in hand to the next
_NO_MORE = 10.0


class Handed:
    """Between an engine, which calls `deliver`, and a run, which calls `take` and `finished`; see `Chunks`."""

    def __init__(self) -> None:
        self._ready: asyncio.Queue[int | None] = asyncio.Queue()
        self._waiting: dict[int, tuple[asyncio.Event, asyncio.Event]] = {}
        self._over = False

    async def deliver(self, chunk_id: int) -> None:
        """Returns when the run has finished the chunk, when its last answers take long, or when the run has ended."""
        if self._over:
            return
        taken, answered = self._waiting[chunk_id] = (asyncio.Event(), asyncio.Event())
        self._ready.put_nowait(chunk_id)
        await taken.wait()
        try:
            await asyncio.wait_for(answered.wait(), _LONG_ANSWER)
        except TimeoutError:
            return
        finally:
            self._waiting.pop(chunk_id, None)

    async def take(self) -> int | None:
        """The next chunk; None when no more come."""
        try:
            chunk_id = await asyncio.wait_for(self._ready.get(), _NO_MORE)
        except TimeoutError:
            return None
        if chunk_id is None:
            self._ready.put_nowait(None)
            return None
        if waiting := self._waiting.get(chunk_id):
            waiting[0].set()
        return chunk_id

    async def finished(self, chunk_id: int) -> None:
        """The run is done with the chunk."""
        if waiting := self._waiting.get(chunk_id):
            waiting[1].set()

    def close(self) -> None:
        """No more chunks come."""
        self._ready.put_nowait(None)

    def end(self) -> None:
        """The run has ended; whatever it had in hand is not."""
        self._over = True
        self.close()
        for events in list(self._waiting.values()):
            for event in events:
                event.set()
