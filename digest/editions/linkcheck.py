"""What we know of an address that a mail leads to: whether it answered when we last asked."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

FRESH = timedelta(hours=24)
FRESH_FAILURE = timedelta(hours=6)


class LinkState(enum.StrEnum):
    """How an address answered; only DEAD says that readers will find nothing there."""

    ANSWERS = "answers"
    LARGE = "large"
    DEAD = "dead"
    FAILING = "failing"
    REFUSED = "refused"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCheck:
    """One address, asked at `checked_at` (aware): `status` is the HTTP status, None where no answer came.

    `detail` is a sentence or a few words for staff: why it failed, or the size of a large picture.
    """

    url: str
    state: LinkState
    status: int | None = None
    detail: str = ""
    checked_at: datetime

    def is_fresh(self, *, now: datetime) -> bool:
        """Whether it need not be asked again: within 24 hours of an answer, 6 of a failure."""
        answered = self.state in {LinkState.ANSWERS, LinkState.LARGE}
        return now - self.checked_at < (FRESH if answered else FRESH_FAILURE)
