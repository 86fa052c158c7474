"""The limits as the lanes of one worker meet them: leave taken from the shared rows a few messages at a time.

With no limit set nothing is read or written for a message. A recipient domain that asks us to come back later is
left alone for a while, whatever the limits are.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from digest.database import Database
from digest.deliveries import store
from digest.deliveries.model import Outcome, Phase, Scope, Verdict
from digest.deliveries.pace import DAY, Book, Grant, Hand, Pace, Rate, Window
from digest.deliveries.store import BackOff

BACK_OFFS = tuple(60.0 * minutes for minutes in (5, 15, 60, 240))
_DOMAIN = "domain "
_WARM_UP = "warm-up"
_TOGETHER = 5.0  # seconds; what waits for a domain comes back in groups
_PROBE = 60.0
_LOOK_SECONDS = 5.0
_TIDY_SECONDS = 600.0
_MOST_DOMAINS = 5_000  # in memory; those whose leave is over are forgotten first
_HEARD_LATE = frozenset({Phase.RCPT, Phase.DATA, Phase.DOT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Whether one message may go: after `wait` seconds of everybody's limit, or not before `until` to this domain.

    With neither it goes now. `reason` says in words what it waits for.
    """

    wait: float = 0.0
    until: datetime | None = None
    reason: str = ""


GO = Leave()


class Rates:
    """One worker's share of the limits. Every look at the rows is one short transaction.

    `clock` tells the time; `passed` counts seconds from any moment, for when the clock stands still.
    """

    def __init__(
        self,
        database: Database,
        pace: Pace,
        *,
        clock: Callable[[], datetime],
        passed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._pace = pace
        self._clock = clock
        self._passed = passed
        limits = {"second": pace.per_second, "minute": pace.per_minute, "day": pace.per_day}
        self._keys = [key for key, limit in limits.items() if limit]
        self._hands: dict[str, Hand] = {key: Hand() for key in self._keys}
        self._wanted: dict[str, int] = {}
        self._asking = asyncio.Lock()
        self._lead = 0.02
        self._line: dict[str, float] = {}
        self._back_offs: dict[str, BackOff] = {}
        self._strikes: set[str] = set()
        self._probes: dict[str, float] = {}
        self._looked_at = self._tidied_at = -math.inf
        self._noted = 0
        self._stood: tuple[float, float] = (0.0, 0.0)

    def is_free(self, domain: str) -> bool:
        """Whether nothing limits or holds back a message to `domain`, so that nobody needs to be asked."""
        return not (self._keys or domain in self._back_offs or self._pace.of_domain(domain))

    async def ready(self) -> Leave:
        """Whether the limits for everybody leave room just now; nothing is taken yet."""
        if not self._keys:
            return GO
        waits = await self._waits(self._keys)
        return self._everybody(waits) if waits else GO

    async def leave(self, domain: str) -> Leave:
        """Take leave for one message to `domain`; what is not `GO` took nothing."""
        if domain in self._back_offs and (held := self._held_back(domain)):
            return held
        limit = self._pace.of_domain(domain)
        keys = [*self._keys, _DOMAIN + domain] if limit else self._keys
        if not keys:
            return GO
        if waits := await self._waits(keys):
            self._probes.pop(domain, None)
            own = waits.get(_DOMAIN + domain)
            return self._in_line(domain, limit, own) if own else self._everybody(waits)
        for key in keys:
            self._hands[key].take()
        return GO

    async def heard(self, result: Outcome, domain: str) -> None:
        """Learn from what came of a message: whether its domain wants us to wait, or takes mail again."""
        if result.verdict is Verdict.ACCEPTED:
            self._strikes.discard(domain)
            if domain in self._back_offs:
                await asyncio.to_thread(self._note, domain, lambda _known: None)
            return
        self._probes.pop(domain, None)
        if not domain or not self._asks_to_wait(result, domain):
            return
        said = f"{result.reply.code or ''} {result.reply.text}".strip()

        def following(known: BackOff | None) -> BackOff:
            now = self._now()
            if known and known.since - _PROBE <= now < known.until:
                return known  # the answers to what was on the wire already are the same one
            times = known.times + 1 if known else 1
            wait = BACK_OFFS[min(times, len(BACK_OFFS)) - 1]
            return BackOff(since=now, until=now + wait, times=times, said=said)

        await asyncio.to_thread(self._note, domain, following)

    async def look(self) -> None:
        """Learn, every few seconds, which domains have asked the other workers to wait."""
        now = self._now()
        if self._looked_at <= now < self._looked_at + _LOOK_SECONDS:
            return
        self._looked_at, noted = now, self._noted
        found = await asyncio.to_thread(self._read)
        if noted == self._noted:  # else what was read may be older than what we know
            self._back_offs = found

    async def close(self) -> None:
        """Give back what is in hand and was not used."""
        async with self._asking:
            leftovers = self._leftovers(list(self._hands))
            self._hands.update({key: Hand() for key in leftovers})
            if leftovers:
                await asyncio.to_thread(self._turn, {}, leftovers)

    # --- limits ---------------------------------------------------------------------------------------------

    async def _waits(self, keys: list[str]) -> dict[str, float]:
        """The seconds to wait for each limit that leaves no room now; asks for what is not in hand."""
        while True:
            now = self._now()
            looks = {key: self._look(key, now) for key in keys}
            missing = [key for key, wait in looks.items() if wait is None]
            if not missing:
                return {key: wait for key, wait in looks.items() if wait}
            await self._ask(missing)

    async def _ask(self, keys: list[str]) -> None:
        """One transaction for all that is wanted by the lanes that came since the last one began."""
        for key in keys:
            self._wanted[key] = self._wanted.get(key, 0) + 1
        async with self._asking:
            wanted, self._wanted = self._wanted, {}
            now = self._now()
            needed = {
                key: max(lanes, 2 * self._hand(key).spent)
                for key, lanes in wanted.items()
                if self._look(key, now) is None
            }
            if not needed:
                return
            began = self._passed()
            grants, at = await asyncio.to_thread(self._turn, needed, self._leftovers(list(needed)))
            self._lead = min(1.0, 0.02 + 2 * (self._passed() - began))
            for key, grant in grants.items():
                self._hand(key).fill(grant, at)
            if len(self._hands) > _MOST_DOMAINS:
                self._forget()

    def _turn(
        self, needed: dict[str, int], leftovers: dict[str, tuple[float, int]]
    ) -> tuple[dict[str, Grant], float]:
        keys = {*needed, *leftovers}
        if "day" in keys and self._pace.warm_up:
            keys.add(_WARM_UP)
        grants: dict[str, Grant] = {}
        with self._database.transaction() as session:
            books = store.open_books(session, sorted(keys))
            at, now = self._passed(), self._now()  # not before: others wrote while we waited for the lock
            if _WARM_UP in books and not books[_WARM_UP].at:
                books[_WARM_UP] = Book(at=now)
            began = books[_WARM_UP].at if _WARM_UP in books else 0.0
            for key, (end, count) in leftovers.items():
                books[key] = self._window(key, began, now).give_back(books[key], end, count)
            for key, want in needed.items():
                books[key], grants[key] = self._take(key, books[key], want, began, now)
            store.keep_books(session, books)
        if now - self._tidied_at > _TIDY_SECONDS and any(key.startswith(_DOMAIN) for key in needed):
            self._tidied_at = now
            with self._database.transaction() as session:
                store.forget_books(session, _DOMAIN, before=now - _TIDY_SECONDS)
        return grants, at

    def _take(self, key: str, book: Book, want: int, began: float, now: float) -> tuple[Book, Grant]:
        if key == "second":
            return Rate(per_second=self._pace.per_second).take(book, want, now, lead=self._lead)
        book, grant = self._window(key, began, now).take(book, want, now, lead=self._lead)
        if key == "day" and self._pace.warm_up and not grant.count:
            grows = DAY - max(0.0, now - began) % DAY
            grant = replace(grant, wait=min(grant.wait, grows))
        return replace(book, at=now), grant

    def _window(self, key: str, began: float, now: float) -> Window:
        if key == "day":
            return Window(limit=self._pace.of_day(began, now), seconds=DAY, grain=60.0)
        if key == "minute":
            return Window(limit=self._pace.per_minute, seconds=60.0, grain=1.0)
        return Window(limit=self._pace.of_domain(key.removeprefix(_DOMAIN)), seconds=60.0, grain=1.0)

    def _leftovers(self, keys: list[str]) -> dict[str, tuple[float, int]]:
        found = {key: self._hand(key).left(self._passed()) for key in keys}
        return {key: left for key, left in found.items() if left[1]}

    def _look(self, key: str, now: float) -> float | None:
        return self._hand(key).look(now, self._passed())

    def _hand(self, key: str) -> Hand:
        return self._hands[key] if key in self._hands else self._hands.setdefault(key, Hand())

    def _forget(self) -> None:
        now = self._now()
        for key in [key for key in self._hands if key.startswith(_DOMAIN) and self._look(key, now) is None]:
            del self._hands[key]
        self._line = {domain: at for domain, at in self._line.items() if at > now}

    def _everybody(self, waits: dict[str, float]) -> Leave:
        key, pace = max(waits, key=lambda key: waits[key]), self._pace
        limit = {"second": pace.per_second, "minute": pace.per_minute, "day": pace.per_day}[key]
        which = "while warming up to" if key == "day" and pace.warm_up else "of"
        return Leave(wait=waits[key], reason=f"the limit {which} {limit:,.10g} messages a {key} is reached")

    # --- one domain -----------------------------------------------------------------------------------------

    def _in_line(self, domain: str, limit: int, wait: float) -> Leave:
        """Behind those who wait for the domain already, so that each comes back about when it is their turn."""
        at = max(self._now() + wait, self._line.get(domain, 0.0))
        self._line[domain] = at + 60 / limit
        return Leave(until=_moment(at), reason=f"waits its turn: {domain} gets {limit:,} messages a minute")

    def _held_back(self, domain: str) -> Leave | None:
        known, now = self._back_offs[domain], self._now()
        if known.since - _PROBE <= now < known.until:  # machines differ; far before is a clock set back
            return Leave(until=_moment(known.until), reason=f"{domain} asked us to wait: {known.said}")
        probe = self._probes.get(domain, -math.inf)
        if probe <= now < probe + _PROBE:
            return Leave(until=_moment(now + _PROBE), reason=f"waits until {domain} takes mail again")
        self._probes[domain] = now  # one goes ahead; the others wait for what becomes of it
        return None

    def _asks_to_wait(self, result: Outcome, domain: str) -> bool:
        if result.scope is Scope.DESTINATION:
            return True
        reply = result.reply
        greylisting = reply.enhanced == "4.7.1" and result.phase is Phase.RCPT and reply.code != 421
        busy = reply.code == 421 or (reply.enhanced.startswith("4.7.") and not greylisting)
        if result.verdict is not Verdict.DEFERRED or result.phase not in _HEARD_LATE or not busy:
            return False
        if domain in self._strikes:
            return True
        self._strikes.add(domain)  # once may be chance, or the relay's own affair
        return False

    def _note(self, domain: str, following: Callable[[BackOff | None], BackOff | None]) -> None:
        self._noted += 1
        with self._database.transaction() as session:
            after = store.back_off(session, domain, following=following)
        if after:
            self._back_offs[domain] = after
        else:
            self._back_offs.pop(domain, None)
            self._probes.pop(domain, None)

    def _read(self) -> dict[str, BackOff]:
        with self._database.reading() as session:
            return store.back_offs(session)

    def _now(self) -> float:
        """Seconds since 1970. A clock that stands still, as one set by hand does, is helped along."""
        told, passed = self._clock().timestamp(), self._passed()
        if told != self._stood[0]:
            self._stood = (told, passed)
        return told + passed - self._stood[1]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(math.ceil(seconds / _TOGETHER) * _TOGETHER, tz=UTC)
