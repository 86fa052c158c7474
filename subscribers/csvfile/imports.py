"""Take subscribers in from a file: streamed, every row accounted for, in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from subscribers.csvfile import rows as csvrows
from subscribers.csvfile.batch import Batch
from subscribers.csvfile.model import Format, Imported, Notes, Row, RowProblem
from subscribers.csvfile.task import Fate, Task
from subscribers.model import Consent
from subscribers.tokens import Keys

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session

_MOST_PROBLEMS = 100_000
_BATCH = 4_000  # rows in a transaction; other writers wait for it on SQLite


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
    batches = _read_ahead(task, rows)
    with closing(batches):
        if dry_run:
            _rehearse(transaction, task, batches, tally)
        else:
            for batch in batches:
                with transaction() as session:
                    _import_batch(session, task, batch, tally)
    return tally.imported(notes, dry_run=dry_run)


class _Read(NamedTuple):
    """Some rows of the file."""

    usable: list[Row]
    refused: list[RowProblem]

    @property
    def total(self) -> int:
        """How many there were."""
        return len(self.usable) + len(self.refused)


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


def _read_ahead(task: Task, rows: Iterator[Row | RowProblem]) -> Generator[_Read]:
    """The rows, some at a time, the next being read while the database is busy with those before."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="import") as reader:
        coming = reader.submit(_read_some, task, rows)
        while (some := coming.result()).total:
            coming = reader.submit(_read_some, task, rows)
            yield some


def _read_some(task: Task, rows: Iterator[Row | RowProblem]) -> _Read:
    """The next rows, those that are ours apart from those that are refused whoever their person is."""
    usable: list[Row] = []
    refused: list[RowProblem] = []
    for row in islice(rows, _BATCH):
        if isinstance(row, RowProblem):
            refused.append(row)
        elif why := task.why_not_ours(row):
            refused.append(RowProblem(line=row.line, value=row.address.text, reason=why))
        else:
            usable.append(row)
    return _Read(usable, refused)


def _rehearse(
    transaction: Callable[[], AbstractContextManager[Session]],
    task: Task,
    batches: Iterator[_Read],
    tally: _Tally,
) -> None:
    with suppress(_Undone), transaction() as session:
        for batch in batches:
            _import_batch(session, task, batch, tally)
        raise _Undone


def _import_batch(session: Session, task: Task, read: _Read, tally: _Tally) -> None:
    for problem in read.refused:
        tally.refuse(problem)
    if read.usable:
        batch = Batch(session, task, read.usable)
        tally.added += batch.newcomers
        for row in batch.others:
            tally.count(row, batch.take(row))
        batch.flush()
    tally.read += read.total
    if tally.progress:
        tally.progress(tally.read)
