"""Days of sending in a moment: the real worker, ledger and limits, on a clock that jumps to whatever is due next.

    with Simulation(database, answers) as world:     # answers: what the mail server says to each try
        edition = world.launch("a@example.net")
        world.run()
        world.tries                                   # who was tried when, and what the server said

Nothing is waited for: the event loop's time goes on when all of its tasks wait for time, and work meant for threads
is done on the spot. What the mail server says goes through the program's own table of replies.
"""

from __future__ import annotations

import asyncio
import heapq
import selectors
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from unittest import mock

from sqlalchemy import select

from digest.database import Database
from digest.deliveries import replies
from digest.deliveries.job import Ran
from digest.deliveries.model import Delivery, Outcome, Phase, Reply, Verdict
from digest.deliveries.rates import Rates
from digest.deliveries.store import listed
from digest.deliveries.tables import ChunkRow
from digest.deliveries.transports.base import BeforeBody
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState
from digest.messages.model import Addressed
from digest.workflows import control, deliver, expire, limits, recover
from digest.workflows.parts import Parts
from tests import sending
from tests.factories import NOW

LONGEST = timedelta(days=12)
_LOOK_AGAIN = 300.0
_NOTE = limits.note
_BODY = frozenset({Phase.BODY, Phase.DOT})
_OWN = 1  # what the loop itself listens to
_REAL_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the mail server says to one try, and at which phase; `code` None is a lost connection."""

    phase: Phase
    code: int | None
    text: str = ""

    def outcome(self) -> Outcome:
        if self.code is None:
            return replies.lost(self.phase, self.text)
        return replies.outcome(self.phase, replies.parse(self.code, self.text))


@dataclass(frozen=True, kw_only=True)
class Try:
    """One try at one message: seconds since the beginning, to whom, its Message-ID, and what came of it."""

    at: float
    to: str
    message_id: str
    outcome: Outcome


Answers = Callable[["Simulation", str], Said | Outcome | None]


class Simulation:
    """An installation whose one publication is mailed to a server that says what `answers` tells; None is 250."""

    name = "simulated"

    def __init__(
        self, database: Database, answers: Answers | None = None, *, mail: Any = None, **weekly: Any
    ) -> None:
        self._answers = answers or (lambda _world, _address: None)
        self._loop = _Loop()
        self._jobs: list[tuple[float, int, Callable[[], object]]] = []
        self._undo = ExitStack()
        self._wait = _LOOK_AGAIN
        self.tries: list[Try] = []
        self.parts = sending.parts(
            database, transport=self, mail={"lanes": 1, **(mail or {})}, **{"lateness": "30d", **weekly}
        )

    def __enter__(self) -> Self:
        # The limits count seconds by the machine's own clock, which stands still here.
        kept = Rates.__init__.__kwdefaults__
        self._undo.enter_context(mock.patch.dict(kept, {"passed": self._loop.time}))
        self._undo.enter_context(mock.patch.object(limits, "note", self._note))
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()
        self._loop.close()

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return self._loop.time()

    def now(self) -> datetime:
        """The simulated moment."""
        return NOW + timedelta(seconds=self._loop.time())

    def launch(self, *addresses: str, **edition: Any) -> Edition:
        """Subscribe `addresses` and launch an edition now."""
        sending.subscribe(self.parts, *addresses, now=self.now())
        return sending.launched(self.parts, now=self.now(), **edition)

    def at(self, job: Callable[[], object], **when: float) -> None:
        """Do something at a moment of the run, given as `timedelta` takes it."""
        heapq.heappush(self._jobs, (timedelta(**when).total_seconds(), len(self._jobs), job))

    def run(self) -> None:
        """Send all that is to be sent, and end when nothing is due any more, whatever happens."""
        while True:
            while self._jobs and self._jobs[0][0] <= self.seconds:
                heapq.heappop(self._jobs)[2]()
            expire.expire(self.parts, now=self.now())
            recover.recover(self.parts, now=self.now())
            self._loop.run_until_complete(deliver.deliver(self.parts, now=self.now, until_done=True))
            coming = [self._jobs[0][0]] if self._jobs else []
            coming += [due if due > self.seconds else self.seconds + self._wait for due in self._due()]
            if not coming:
                return
            assert min(coming) < LONGEST.total_seconds(), "it never ends"
            self._loop.jump(min(coming))

    def of(self, address: str) -> list[Try]:
        """The tries at one address."""
        return [one for one in self.tries if one.to == address]

    def fate(self, edition: Edition) -> list[Delivery]:
        """What became of each delivery of an edition."""
        with self.parts.database.reading() as session:
            return [delivery for delivery, _ in listed(session, edition.id, limit=1_000)]

    def state(self, edition: Edition) -> Edition:
        """The edition as it stands."""
        return sending.state(self.parts, edition)

    def resume(self, edition: Edition) -> Callable[[], object]:
        """A job for `at`: a person resumes the edition."""
        return lambda: control.resume(self.parts, edition.id, now=self.now())

    def lane(self) -> _Lane:
        """A connection to the server that is no server."""
        return _Lane(self)

    def answer(self, mail: Addressed) -> Outcome:
        """What comes of this try, which is written down."""
        if mail.rcpt_to == "comms@example.org":
            return Outcome(verdict=Verdict.ACCEPTED, phase=Phase.DOT)
        said = self._answers(self, mail.rcpt_to)
        outcome = said.outcome() if isinstance(said, Said) else said
        outcome = outcome or Outcome(
            verdict=Verdict.ACCEPTED, phase=Phase.DOT, reply=Reply(code=250, text="2.0.0 Ok")
        )
        one = Try(at=self.seconds, to=mail.rcpt_to, message_id=mail.message_id, outcome=outcome)
        self.tries.append(one)
        return outcome

    def _note(self, parts: Parts, edition: Edition, ran: Ran, *, now: datetime) -> None:
        """Overhear how long a worker has to wait for a limit; a live one looks in vain every few minutes meanwhile."""
        if ran.wait_seconds:
            self._wait = ran.wait_seconds
        _NOTE(parts, edition, ran, now=now)

    def _due(self) -> list[float]:
        """When each chunk of an edition under way is next worth looking at."""
        with self.parts.database.reading() as session:
            under_way = [
                one.id for one in editions.list_editions(session, states=frozenset({EditionState.SENDING}))
            ]
            moments = session.scalars(
                select(ChunkRow.due_at).where(
                    ChunkRow.edition_id.in_(under_way), ChunkRow.finished_at.is_(None)
                )
            )
            return [(moment - NOW).total_seconds() for moment in moments]


class _Lane:
    def __init__(self, world: Simulation) -> None:
        self._world = world

    async def open(self) -> None:
        """Nothing is opened."""

    async def send(self, mail: Addressed, *, before_body: BeforeBody, following: Any = None) -> Outcome:
        del following
        outcome = self._world.answer(mail)
        if outcome.phase in _BODY:
            await before_body()
        return outcome

    async def close(self) -> None:
        """Nothing is closed."""


class _Loop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time, and everything happens in one thread and one order."""

    def __init__(self) -> None:
        self._seconds = 0.0
        super().__init__(_Selector(self.jump_by))

    def time(self) -> float:
        return self._seconds

    def jump(self, seconds: float) -> None:
        """Go on to a moment; never back."""
        self._seconds = max(self._seconds, seconds)

    def jump_by(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._seconds += seconds

    def run_in_executor(  # type: ignore[override]  # typeshed ties the arguments to the function; here any will do
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()
        try:
            self.call_soon(_tell, future.set_result, future, func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits it
            self.call_soon(_tell, future.set_exception, future, error)
        return future


class _Selector(selectors.SelectSelector):
    """Says that the time asked for is over, once the database has answered what it was asked."""

    def __init__(self, passes: Callable[[float], None]) -> None:
        super().__init__()
        self._passes = passes

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and len(self.get_map()) > _OWN:
            ready = super().select(_REAL_SECONDS)
        if not ready:
            assert timeout is not None, "everything waits, and nothing is due"
            self._passes(max(0.0, timeout))
        return ready


def _tell(how: Callable[[Any], None], future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        how(value)


def clock(seconds: float) -> str:
    """Seconds as people read them: 1 d 2:03:04, with tenths where a message leaves between two seconds."""
    tenths = round(seconds * 10)
    days, rest = divmod(tenths, 864_000)
    hours, rest = divmod(rest, 36_000)
    minutes, rest = divmod(rest, 600)
    whole, tenth = divmod(rest, 10)
    return f"{f'{days} d ' if days else ''}{hours}:{minutes:02}:{whole:02}{f'.{tenth}' if tenth else ''}"


def clocks(tries: Sequence[Try]) -> tuple[str, ...]:
    """When each try was."""
    return tuple(clock(one.at) for one in tries)
