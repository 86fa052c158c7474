"""Take subscribers in from a file: streamed, every row accounted for, in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from subscribers import store
from subscribers.csvfile import rows as csvrows
from subscribers.csvfile.batch import Batch, Fate, Task
from subscribers.csvfile.model import Format, Imported, Notes, Row, RowProblem
from subscribers.model import Consent
from subscribers.tokens import Keys

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session

_MOST_PROBLEMS = 100_000
_BATCH_SQLITE, _BATCH_POSTGRESQL = 2_000, 5_000  # others wait for SQLite's one writer


def import_csv(
    transaction: Callable[[], AbstractContextManager[Session]],
    stream: BinaryIO,
    *,
    keys: Keys,
    publication: str,
    consent: Consent,
    format: Format = Format.CSV,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
    now: datetime,
) -> Imported:
    """Subscribe everybody in a file, confirmed, on one consent statement; doing it again changes nothing.

    `transaction` opens one that commits when its block ends; a batch of rows is one, so memory stays flat and other
    writers get their turn. A dry run is one transaction that is undone, so it reports exactly what would happen.
    Nobody is mailed. A suppressed address, or one whose owner left, is refused; a row that says its owner left or
    must not be mailed is recorded as such. Raises `SubscribersError` when no column holds addresses.
    """
    notes, tally = Notes(), _Tally(progress=progress)
    rows = csvrows.read(stream, format, notes=notes)
    task = Task(keys=keys, publication=publication, consent=consent, now=now)
    if dry_run:
        _rehearse(transaction, task, rows, tally)
    else:
        more = True
        while more:
            with transaction() as session:
                more = _import_batch(session, task, rows, tally)
    return tally.imported(notes, dry_run=dry_run)


class _Undone(Exception):
    """Leaves a transaction so that nothing of it stays."""


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What has become of the rows so far."""

    progress: Callable[[int], None] | None
    read: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    problems: list[RowProblem] = field(default_factory=list)

    def refuse(self, problem: RowProblem) -> None:
        self.refused += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)

    def count(self, row: Row, fate: Fate | str) -> None:
        if fate is Fate.ADDED:
            self.added += 1
        elif fate is Fate.UNCHANGED:
            self.unchanged += 1
        elif fate is Fate.UPDATED:
            self.updated += 1
        else:
            self.refuse(RowProblem(line=row.line, value=row.address.text, reason=fate))

    def imported(self, notes: Notes, *, dry_run: bool) -> Imported:
        said = notes.sentences()
        if self.refused > len(self.problems):
            said += (f"Only the first {len(self.problems)} of {self.refused} refused rows are listed.",)
        return Imported(
            read=self.read,
            added=self.added,
            updated=self.updated,
            unchanged=self.unchanged,
            refused=self.refused,
            errors=tuple(sorted(self.problems, key=lambda problem: problem.line)),
            notes=said,
            dry_run=dry_run,
        )


def _rehearse(
    transaction: Callable[[], AbstractContextManager[Session]],
    task: Task,
    rows: Iterator[Row | RowProblem],
    tally: _Tally,
) -> None:
    with suppress(_Undone), transaction() as session:
        while _import_batch(session, task, rows, tally):
            pass
        raise _Undone


def _import_batch(session: Session, task: Task, rows: Iterator[Row | RowProblem], tally: _Tally) -> bool:
    """Import the next rows; False when there were none left."""
    some = list(islice(rows, _BATCH_SQLITE if store.is_sqlite(session) else _BATCH_POSTGRESQL))
    if not some:
        return False
    usable: list[Row] = []
    for row in some:
        if isinstance(row, RowProblem):
            tally.refuse(row)
        elif why := task.why_not_ours(row):
            tally.refuse(RowProblem(line=row.line, value=row.address.text, reason=why))
        else:
            usable.append(row)
    if usable:
        batch = Batch(session, task, usable)
        for row in usable:
            tally.count(row, batch.take(row))
        batch.flush()
    tally.read += len(some)
    if tally.progress:
        tally.progress(tally.read)
    return True
