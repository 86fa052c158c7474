"""Take subscribers in from a file, and out to one: streamed, every row accounted for, in flat memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from subscribers import csvrows, service, store, tokens
from subscribers.csvrows import Format, Notes, Row, RowProblem
from subscribers.model import (
    BarredReason,
    Consent,
    EndedReason,
    Subscription,
    SubscriptionState,
    SuppressionReason,
)
from subscribers.store import NewPerson, NewSubscription, Past, Person
from subscribers.tokens import Keys

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session

_MOST_PROBLEMS = 100_000
_PAGE = 2_000
_BATCH_SQLITE, _BATCH_POSTGRESQL = 1_000, 5_000
_CLOCK_SKEW = timedelta(days=1)
_EXPORTED = (
    "email",
    "name",
    "topics",
    "frequency",
    "language",
    "consent_at",
    "consent_source",
    "state",
    "publication",
    "requested_at",
    "confirmed_at",
    "ended_at",
    "reason",
    "suppressed",
    "consent_text",
    "consent_ip",
)


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
    task = _Task(keys=keys, publication=publication, consent=consent, now=now)
    if dry_run:
        _rehearse(transaction, task, rows, tally)
    else:
        while _import_batch_in(transaction, task, rows, tally):
            pass
    return tally.imported(notes, dry_run=dry_run)


def export_csv(session: Session, *, publication: str | None = None) -> Iterator[str]:
    """Every subscription as CSV text, piece by piece: the columns that import reads, then the history.

    A person's newest subscription comes first, so that reading the file back in order restores it. Values are
    exactly what is kept: a name that begins with "=" stays so, and a spreadsheet should open the file as text.
    """
    list_id = None
    if publication is not None:
        list_id = store.find_list(session, publication)
    # Without the column a publication's export can be imported under another name.
    columns = [column for column in _EXPORTED if column != "publication" or publication is None]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    yield buffer.getvalue()
    if publication is not None and list_id is None:
        return
    for page in store.history(session, list_id=list_id, page=_PAGE):
        buffer.seek(0)
        buffer.truncate()
        writer.writerows(_exported(person, one) for person, one in page if one or person.barred)
        yield buffer.getvalue()


class _Undone(Exception):
    """Leaves a transaction so that nothing of it stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What is the same for every row."""

    keys: Keys
    publication: str
    consent: Consent
    now: datetime


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
    task: _Task,
    rows: Iterator[Row | RowProblem],
    tally: _Tally,
) -> None:
    try:
        with transaction() as session:
            while _import_batch(session, task, rows, tally):
                pass
            raise _Undone
    except _Undone:
        pass


def _import_batch_in(
    transaction: Callable[[], AbstractContextManager[Session]],
    task: _Task,
    rows: Iterator[Row | RowProblem],
    tally: _Tally,
) -> bool:
    with transaction() as session:
        return _import_batch(session, task, rows, tally)


def _import_batch(session: Session, task: _Task, rows: Iterator[Row | RowProblem], tally: _Tally) -> bool:
    """Import the next rows; False when there were none left."""
    size = _BATCH_SQLITE if session.get_bind().dialect.name == "sqlite" else _BATCH_POSTGRESQL
    some = list(islice(rows, size))
    if not some:
        return False
    usable = []
    for row in some:
        if isinstance(row, RowProblem):
            tally.refuse(row)
        else:
            usable.append(row)
    if usable:
        batch = _Batch(session, task, usable)
        for row in usable:
            batch.take(row, tally)
        batch.flush()
    tally.read += len(some)
    if tally.progress:
        tally.progress(tally.read)
    return True


@dataclass(slots=True)
class _Standing:
    """A person of the batch, as they stand after the rows before."""

    id: int
    name: str
    language: str
    pasts: list[Past]


class _Batch:
    """Some rows judged against what is known of their people, written in as few statements as possible.

    New people and their subscriptions, the bulk of any import, are collected and written together; whatever
    changes somebody who is known already is written at once, after what was collected.
    """

    def __init__(self, session: Session, task: _Task, rows: Sequence[Row]) -> None:
        self._session, self._task = session, task
        self._list_id = store.ensure_list(session, task.publication)
        self._wording_id = store.ensure_wording(session, task.consent.text)
        self._suppressed = self._find_suppressed([row.address.key for row in rows])
        self._people = self._ensure_people([row for row in rows if self._may_be_known(row)])
        self._new: list[NewSubscription] = []
        self._new_suppressions: dict[str, SuppressionReason] = {}

    def take(self, row: Row, tally: _Tally) -> None:
        """Judge one row and count it."""
        if row.suppressed:
            why = self._why_not_ours(row)
            changed = not why and self._suppress(row, row.suppressed)
        elif row.ended:
            why = self._why_not_ours(row)
            changed = not why and self._record_end(row, row.ended)
        else:
            why = self._why_not_ours(row) or self._why_not(row)
            standing = None if why else self._confirmed(row)
            if not why and standing is None:
                self._subscribe(row)
                tally.added += 1
                return
            changed = standing is not None and self._update(row, standing)
        if why:
            tally.refuse(RowProblem(line=row.line, value=row.address.text, reason=why))
        elif changed:
            tally.updated += 1
        else:
            tally.unchanged += 1

    def flush(self) -> None:
        """Write what was collected."""
        store.insert_subscriptions(self._session, self._new)
        store.insert_suppressions(self._session, self._new_suppressions, at=self._task.now)
        self._new, self._new_suppressions = [], {}

    def _find_suppressed(self, address_keys: Sequence[str]) -> dict[str, SuppressionReason]:
        """The suppressed addresses of the batch, by address key."""
        if not store.any_suppressed(self._session):
            return {}
        by_hash = {h: key for key in address_keys for h in tokens.address_hashes(self._task.keys, key)}
        found = store.suppressed_hashes(self._session, list(by_hash))
        return {by_hash[h]: reason for h, reason in found.items()}

    def _ensure_people(self, rows: Sequence[Row]) -> dict[str, _Standing]:
        known = store.people_by_key(self._session, list({row.address.key: None for row in rows}))
        new: dict[str, NewPerson] = {}
        for row in rows:
            address = row.address
            if (
                address.key in known
                or address.key in new
                or address.key in self._suppressed
                or row.suppressed
            ):
                continue
            name, language = service.clean_name(row.name), _clean_word(row.language)
            new[address.key] = NewPerson(address.text, address.key, name, language)
        store.insert_people(self._session, list(new.values()), now=self._task.now)
        numbers = store.ids_by_key(self._session, list(new))
        people = {key: _Standing(numbers[key], one.name, one.language, []) for key, one in new.items()}
        pasts = store.pasts_of(self._session, [one.id for one in known.values()])
        for key, one in known.items():
            people[key] = _Standing(one.id, one.name, one.language, pasts[one.id])
        return people

    def _may_be_known(self, row: Row) -> bool:
        """Whether the row may make somebody known to us."""
        return not row.address.is_role and row.publication in {"", self._task.publication}

    def _why_not_ours(self, row: Row) -> str:
        """Why a row is refused whatever it says, or nothing."""
        if row.publication and row.publication != self._task.publication:
            return f'it belongs to the publication "{csvrows.shown(row.publication)}".'
        if row.address.is_role and not row.suppressed:
            return "it is a mailbox for a duty, not a person; if its readers agreed, add it by itself."
        return ""

    def _why_not(self, row: Row) -> str:
        """Why somebody is not subscribed, or nothing."""
        suppressed = self._suppressed.get(row.address.key)
        if suppressed:
            return f"{service.why_refused(BarredReason(suppressed.value))}."
        if row.consent_at and row.consent_at > self._task.now + _CLOCK_SKEW:
            return "consent_at lies in the future."
        pasts = self._people[row.address.key].pasts
        if not pasts:
            return ""
        mine = self._mine(row)
        if mine and mine[-1].ended_reason is None:
            return ""
        reason = service.withdrawn(((one.list_id, one.ended_reason) for one in pasts), self._list_id)
        if reason:
            return f"{service.why_refused(reason)}."
        if mine and mine[-1].ended_reason is not EndedReason.EXPIRED:
            return "their subscription was ended here; add them by themselves if they agreed anew."
        return ""

    def _mine(self, row: Row) -> list[Past]:
        """This person's subscriptions to the publication, the open one last."""
        pasts = self._people[row.address.key].pasts
        if not pasts:
            return pasts
        mine = [one for one in pasts if one.list_id == self._list_id]
        if len(mine) > 1:
            mine.sort(key=lambda one: one.ended_at is None)
        return mine

    def _confirmed(self, row: Row) -> Past | None:
        mine = self._mine(row)
        return mine[-1] if mine and mine[-1].state == SubscriptionState.CONFIRMED else None

    def _subscribe(self, row: Row) -> None:
        mine = self._mine(row)
        if mine and mine[-1].state == SubscriptionState.REQUESTED:
            self._confirm(row)
            return
        self._add(row, began=row.consent_at or self._task.now)

    def _confirm(self, row: Row) -> None:
        service.add(
            self._session,
            keys=self._task.keys,
            address=row.address.text,
            publication=self._task.publication,
            consent=replace(
                self._task.consent,
                source=service.clean_name(row.consent_source) or self._task.consent.source,
                at=row.consent_at or self._task.consent.at,
            ),
            topics=row.topics,
            frequency=row.frequency,
            now=row.consent_at or self._task.now,
        )
        self._reload(row)

    def _record_end(self, row: Row, reason: EndedReason) -> bool:
        """Record that somebody left; whether anything changed. An end before they came back is history only."""
        if row.address.key not in self._people:
            return False
        mine = self._mine(row)
        standing = mine[-1] if mine and mine[-1].ended_at is None else None
        at = row.ended_at or self._task.now
        if standing and at >= standing.began:
            self.flush()
            number = self._people[row.address.key].id
            store.end_open(self._session, number, list_id=self._list_id, reason=reason, now=at)
            self._reload(row)
            return True
        if any(one.ended_at == at or (one.ended_at and not row.ended_at) for one in mine):
            return False
        self._add(row, began=min(row.consent_at or at, at), ended_at=at, reason=reason)
        return True

    def _suppress(self, row: Row, reason: SuppressionReason) -> bool:
        key = row.address.key
        if key in self._suppressed:
            return False
        self._suppressed[key] = reason
        if key not in self._people:
            self._new_suppressions[tokens.address_hash(self._task.keys, key)] = reason
            return True
        self.flush()
        service.suppress(
            self._session, keys=self._task.keys, address=row.address.text, reason=reason, now=self._task.now
        )
        self._reload(row)
        return True

    def _update(self, row: Row, one: Past) -> bool:
        """Bring name, language and choices up to what the row says, where it says anything; whether they changed."""
        standing = self._people[row.address.key]
        person: dict[str, str] = {}
        name, language = service.clean_name(row.name), _clean_word(row.language)
        if name and name != standing.name:
            person["name"] = standing.name = name
        if language and language != standing.language:
            person["language"] = standing.language = language
        choices: dict[str, str] = {}
        topics, frequency = service.clean_topics(row.topics), _clean_word(row.frequency)
        if topics and topics != one.topics:
            choices["topics"] = topics
        if frequency and frequency != one.frequency:
            choices["frequency"] = frequency
        if not person and not choices:
            return False
        self.flush()
        if person:
            store.update_person(self._session, standing.id, **person)
        if choices:
            store.update_open(self._session, standing.id, list_id=self._list_id, **choices)
            self._reload(row)
        return True

    def _add(
        self,
        row: Row,
        *,
        began: datetime,
        ended_at: datetime | None = None,
        reason: EndedReason | None = None,
    ) -> None:
        standing, consent = self._people[row.address.key], self._task.consent
        new = NewSubscription(
            standing.id,
            self._list_id,
            began,
            self._wording_id,
            service.clean_name(row.consent_source) or consent.source,
            row.consent_at or consent.at,
            consent.ip,
            service.clean_topics(row.topics),
            _clean_word(row.frequency),
            ended_at,
            reason,
        )
        self._new.append(new)
        standing.pasts.append(
            Past(self._list_id, new.state, began, ended_at, reason, new.topics, new.frequency)
        )

    def _reload(self, row: Row) -> None:
        standing = self._people[row.address.key]
        standing.pasts = store.pasts_of(self._session, [standing.id])[standing.id]


def _exported(person: Person, one: Subscription | None) -> dict[str, str]:
    values = {
        "email": person.address,
        "name": person.name,
        "language": person.language,
        "suppressed": person.barred.value if person.barred else "",
    }
    if one is None:
        return values
    return values | {
        "topics": ",".join(one.topics),
        "frequency": one.frequency,
        "consent_at": one.consent.at.isoformat(),
        "consent_source": one.consent.source,
        "state": one.state.value,
        "publication": one.publication,
        "requested_at": one.requested_at.isoformat(),
        "confirmed_at": one.confirmed_at.isoformat() if one.confirmed_at else "",
        "ended_at": one.ended_at.isoformat() if one.ended_at else "",
        "reason": one.ended_reason.value if one.ended_reason else "",
        "consent_text": one.consent.text,
        "consent_ip": one.consent.ip,
    }


@lru_cache(maxsize=256)
def _clean_word(text: str) -> str:
    return service.clean_word(text)
