"""How fast messages may leave: so many a second, a minute and a day, and so many a minute for each recipient domain.

Arithmetic only. A worker takes leave for a few messages at a time out of a book that all workers share, and spends
it from its own hand. Clocks are seconds since 1970 and arguments; they may jump back, which costs time, never room.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

DAY = 86_400.0
_LATE = (
    0.05  # a message may miss its moment by this much; the moments are spaced so that it still counts right
)
_HAIR = 1e-6  # floating point around 2e9 seconds is finer than this
_AHEAD = 10.0
_BATCH = 1.0
_ASK_AGAIN = 60.0
_MOST_CELLS = 256
_ASTRAY = 60.0  # seconds that the clocks of two machines may be apart; more than that, and one was set back


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The limits, all workers together; 0 means none. `per_domain` and `domains` are messages a minute.

    With `warm_up`, in seconds, the day begins at `warm_up_from` messages and grows by an equal factor every 24
    hours, until it is `per_day` when that time is over.
    """

    per_second: float = 0
    per_minute: int = 0
    per_day: int = 0
    per_domain: int = 0
    domains: Mapping[str, int] = field(default_factory=dict)
    warm_up: float = 0
    warm_up_from: int = 50

    def of_domain(self, domain: str) -> int:
        """How many messages a minute may go to this recipient domain."""
        return self.domains.get(domain, self.per_domain)

    def of_day(self, began: float, now: float) -> int:
        """How many messages any 24 hours may hold at `now`, of a warm-up that `began` then."""
        first = min(self.warm_up_from, self.per_day)
        share = max(0.0, now - began) // DAY * DAY / self.warm_up if self.warm_up else 1.0
        if share >= 1 or not first:
            return self.per_day
        return min(self.per_day, int(first * math.pow(self.per_day / first, share) + _HAIR))


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What is known of the use of one limit: `at` is when the next message of a rate may go, or when a warm-up
    began; `used` are pairs of a moment before which messages went, and how many.
    """

    at: float = 0.0
    used: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Leave for `count` messages, the one numbered i from `first + i * step` and `good_for` seconds from then on.

    A `count` of 0 is a refusal: ask again after `wait` seconds.
    """

    count: int
    taken_at: float
    first: float = 0.0
    step: float = 0.0
    good_for: float = 0.0
    wait: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """At most `limit` messages in any `seconds`; what is taken must be used before the `grain` it was taken in ends."""

    limit: int
    seconds: float
    grain: float

    def take(self, book: Book, want: int, now: float, *, lead: float = 0.0) -> tuple[Book, Grant]:
        """Leave for up to `want` messages, and at most half of what is free, so that others find some too.

        It is good for at least `lead` seconds.
        """
        end = ((now + lead + _LATE) // self.grain + 1) * self.grain
        used = list(self._counted(book, end, now))
        free = self.limit - sum(count for _, count in used)
        if free <= 0:
            return replace(book, used=tuple(used)), Grant(
                count=0, taken_at=now, wait=self._until_free(used, free, now)
            )
        count = max(1, min(want, (free + 1) // 2))
        used = _added(used, end, count)
        return replace(book, used=tuple(used)), Grant(
            count=count, taken_at=now, first=now, good_for=end - now - 2 * _HAIR
        )

    def give_back(self, book: Book, end: float, count: int) -> Book:
        """The book without `count` messages that were taken to be used before `end` and never went."""
        used = ((at, many - count if abs(at - end) < self.grain / 2 else many) for at, many in book.used)
        return replace(book, used=tuple((at, many) for at, many in used if many > 0))

    def _counted(self, book: Book, end: float, now: float) -> Iterator[tuple[float, int]]:
        """What still counts at `now`; what lies in the future was noted before the clock went back, so it is recent."""
        known: dict[float, int] = {}
        for moment, count in book.used:
            at = moment if moment <= end + _ASTRAY else end
            if at + self.seconds > now + _HAIR:
                known[at] = known.get(at, 0) + count
        yield from sorted(known.items())

    def _until_free(self, used: list[tuple[float, int]], free: int, now: float) -> float:
        for moment, count in used:
            free += count
            if free > 0:
                return moment + self.seconds - now
        return self.seconds  # only where the limit is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `per_second` messages in any second, evenly spaced; one in 1 / `per_second` where that is below 1."""

    per_second: float

    @property
    def step(self) -> float:
        """Seconds between two messages."""
        return (max(1.0, 1 / self.per_second) + _LATE) / max(1.0, self.per_second)

    def take(self, book: Book, want: int, now: float, *, lead: float = 0.0) -> tuple[Book, Grant]:
        """The next moments, up to a second of them, none sooner than `lead` seconds from `now`."""
        reach = max(_AHEAD, 2 * self.step)
        at, ahead = book.at, book.at - now
        if ahead > reach + _ASTRAY + self.step:  # nobody takes so far ahead: the clock went back
            at = now + max(1.0, self.step)
        elif ahead > reach:
            return book, Grant(count=0, taken_at=now, wait=ahead - reach)
        first = max(at, now + lead)
        count = max(1, min(want, math.floor(_BATCH / self.step)))
        return replace(book, at=first + count * self.step), Grant(
            count=count, taken_at=now, first=first, step=self.step, good_for=_LATE - 4 * _HAIR
        )


class Hand:
    """What one worker has in hand of one limit.

    `passed` counts seconds from any moment and never jumps: what is in hand is spent by that.
    """

    def __init__(self) -> None:
        self._grant = Grant(count=0, taken_at=math.inf)
        self._passed = 0.0
        self._next = 0
        self.spent = 0

    def look(self, now: float, passed: float) -> float | None:
        """0 when a message may go, else the seconds until one may; None when there is nothing in hand to tell by."""
        grant = self._grant
        if now < grant.taken_at:  # the clock went back so far that nobody counts what is in hand any more
            return None
        if grant.count == 0:
            return grant.wait - (now - grant.taken_at) if now < self._asked_until() else None
        now = grant.taken_at + passed - self._passed
        while self._next < grant.count:
            at = grant.first + self._next * grant.step
            if now < at - _HAIR:
                return at - now
            if now < at + grant.good_for:
                return 0.0
            if not grant.step:
                return None
            self._next += 1
        return None

    def take(self) -> None:
        """One message goes; `look` has just said 0."""
        self._next += 1
        self.spent += 1

    def fill(self, grant: Grant, passed: float) -> None:
        """Put in hand what was granted at `passed`, and forget the grant before."""
        self._grant, self._passed, self._next, self.spent = grant, passed, 0, 0

    def left(self, passed: float) -> tuple[float, int]:
        """What was taken out of a window not long ago and not used, and the moment it was to be used before."""
        grant = self._grant
        if grant.step or not grant.count or passed - self._passed > _ASTRAY:
            return 0.0, 0
        return grant.first + grant.good_for, grant.count - self._next

    def _asked_until(self) -> float:
        # Others may give back what they do not need, so a long refusal is not believed to its end.
        return self._grant.taken_at + min(self._grant.wait, _ASK_AGAIN)


def _added(used: list[tuple[float, int]], end: float, count: int) -> list[tuple[float, int]]:
    """`used` with `count` more before `end`; when it grows long the older half is told in coarser steps."""
    known = dict(used)
    known[end] = known.get(end, 0) + count
    cells = sorted(known.items())
    if len(cells) <= _MOST_CELLS:
        return cells
    old = cells[: _MOST_CELLS // 2]
    pairs = zip(old[::2], old[1::2], strict=True)
    return [(later, one + two) for (_, one), (later, two) in pairs] + cells[_MOST_CELLS // 2 :]
