"""How fast messages may leave: so many a second, so many in 24 hours."""

from __future__ import annotations

from collections import deque

_DAY = 86_400.0
_GRAIN = 60.0


class Pace:
    """A token bucket for the second and a sliding count for the day; 0 means no limit.

    The clock is an argument, in seconds from any fixed point, and must not run backwards.
    """

    def __init__(self, *, per_second: float = 0, per_day: int = 0) -> None:
        self._per_second = per_second
        self._per_day = per_day
        self._burst = max(1.0, per_second)
        self._tokens = self._burst
        self._filled_at: float | None = None
        self._day: deque[tuple[float, int]] = deque()
        self._in_day = 0

    def take(self, clock: float) -> float:
        """Take leave for one message: 0 when it may go at once, else the seconds to wait before asking again."""
        wait = max(self._second(clock), self._until_tomorrow(clock))
        if wait > 0:
            return wait
        self._tokens -= 1
        if self._per_day:
            grain = clock // _GRAIN * _GRAIN
            if self._day and self._day[-1][0] == grain:
                self._day[-1] = (grain, self._day[-1][1] + 1)
            else:
                self._day.append((grain, 1))
            self._in_day += 1
        return 0.0

    def _second(self, clock: float) -> float:
        if not self._per_second:
            return 0.0
        if self._filled_at is not None:
            self._tokens = min(self._burst, self._tokens + (clock - self._filled_at) * self._per_second)
        self._filled_at = clock
        # The grain of floating point must not make the last of many waits a wait of nothing.
        return 0.0 if self._tokens >= 1 - 1e-9 else (1 - self._tokens) / self._per_second

    def _until_tomorrow(self, clock: float) -> float:
        if not self._per_day:
            return 0.0
        while self._day and self._day[0][0] + _GRAIN + _DAY <= clock:
            self._in_day -= self._day.popleft()[1]
        if self._in_day < self._per_day:
            return 0.0
        return self._day[0][0] + _GRAIN + _DAY - clock
