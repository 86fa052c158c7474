"""What the postman is asked to do, and how it went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from digest.deliveries.ledger import Readers
from digest.deliveries.rates import GO, Leave
from digest.editions.model import EditionId
from digest.messages.personalise import Compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One edition to be sent.

    `readers` says who the subscribers are, or why they must not be mailed, at the moment of asking. `permitted`
    is the allow-list. `going` is False once a person has paused or cancelled the edition. Deferred deliveries are
    given up at `give_up_at`. `fresh` is False when the edition was already under way.
    """

    edition_id: EditionId
    compiled: Compiled
    readers: Readers
    permitted: Callable[[str], bool]
    going: Callable[[], bool]
    give_up_at: datetime | None = None
    fresh: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a run ended: how many deliveries were settled, why the edition should pause, when to come back and why."""

    settled: int = 0
    pause: str = ""
    wait: Leave = GO

    @property
    def wait_seconds(self) -> float:
        """When to come back; 0 for at once."""
        return self.wait.wait
