"""What an import is to do, and what can become of a row of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from subscribers.csvfile.model import Row, shown
from subscribers.model import Consent
from subscribers.tokens import Keys

_CLOCK_SKEW = timedelta(days=1)


class Fate(enum.Enum):
    """What became of a row that was not refused."""

    ADDED = enum.auto()
    UPDATED = enum.auto()
    UNCHANGED = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is the same for every row."""

    keys: Keys
    publication: str
    consent: Consent
    now: datetime

    def why_not_ours(self, row: Row) -> str:
        """Why a row is refused whoever its person is, or nothing."""
        if row.publication and row.publication != self.publication:
            return f'it belongs to the publication "{shown(row.publication)}".'
        if row.suppressed:
            return ""
        if row.address.is_role:
            return "it is a mailbox for a duty, not a person; if its readers agreed, add it by itself."
        if row.consent_at and row.consent_at > self.now + _CLOCK_SKEW and not row.ended:
            return "consent_at lies in the future."
        return ""
