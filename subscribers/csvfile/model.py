"""What a file of subscribers is made of, and what importing it came to. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from subscribers.addresses import Address
from subscribers.model import EndedReason, SuppressionReason

_SHOWN = 254


class Format(enum.StrEnum):
    """Whose export a file is; it decides what its columns are called."""

    CSV = "csv"
    MAILCHIMP = "mailchimp"
    LISTMONK = "listmonk"
    MAILPOET = "mailpoet"
    MAILMAN = "mailman"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """A row that was not imported: the line it starts on (from 1), what it gave, and why."""

    line: int
    value: str
    reason: str


class Row(NamedTuple):
    """One person as a file tells of them; `ended` or `suppressed` when the file says that they must not be mailed."""

    line: int
    address: Address
    name: str = ""
    topics: tuple[str, ...] = ()
    frequency: str = ""
    language: str = ""
    consent_at: datetime | None = None
    consent_source: str = ""
    ended: EndedReason | None = None
    ended_at: datetime | None = None
    suppressed: SuppressionReason | None = None
    publication: str = ""


@dataclass(slots=True)
class Notes:
    """What is worth telling about a file as a whole."""

    not_utf8: int = 0
    unknown_columns: tuple[str, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """The notes in words."""
        said = []
        if self.not_utf8:
            said.append(
                f"{self.not_utf8} lines were not UTF-8 and were read as Windows-1252; check accented names."
            )
        if self.unknown_columns:
            said.append(f"These columns were passed over: {', '.join(self.unknown_columns)}.")
        return tuple(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import came to: read == added + updated + unchanged + refused.

    `added` are new confirmed subscriptions; people recorded as having left, or suppressed, count as `updated`.
    `errors` has one entry for each refused row, the first 100,000 of them; `notes` concern the file as a whole.
    """

    read: int
    added: int
    updated: int
    unchanged: int
    refused: int
    errors: tuple[RowProblem, ...]
    notes: tuple[str, ...]
    dry_run: bool


def shown(value: str) -> str:
    """Text from a file as a report may show it: one line, printable, bounded."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value[:_SHOWN])
    return text + ("…" if len(value) > _SHOWN else "")
