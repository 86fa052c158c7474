"""Take subscribers in from a file, and out to one: streamed, every row accounted for, in flat memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from subscribers import csvrows, service, store, tokens
from subscribers.csvrows import Format, Notes, Row, RowProblem
from subscribers.model import (
    BarredReason,
    Consent,
    EndedReason,
    Subscription,
    SubscriptionRef,
    SubscriptionState,
    SuppressionReason,
)
from subscribers.store import Person
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
    subscriptions: list[Subscription]


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
        self._people = self._ensure_people(rows)
        self._new: list[dict[str, Any]] = []
        self._new_suppressions: dict[str, SuppressionReason] = {}

    def take(self, row: Row, tally: _Tally) -> None:
        """Judge one row and count it."""
        why = self._why_not(row)
        if why:
            tally.refuse(RowProblem(line=row.line, value=row.address.text, reason=why))
        elif row.suppressed:
            self._count(tally, changed=self._suppress(row, row.suppressed))
        elif row.ended:
            self._count(tally, changed=self._record_end(row, row.ended))
        elif self._standing_one(row) is None:
            self._subscribe(row)
            tally.added += 1
        else:
            self._count(tally, changed=self._update(row))

    def flush(self) -> None:
        """Write what was collected."""
        store.insert_subscriptions(self._session, self._new)
        store.insert_suppressions(self._session, self._new_suppressions, at=self._task.now)
        self._new, self._new_suppressions = [], {}

    def _count(self, tally: _Tally, *, changed: bool) -> None:
        if changed:
            tally.updated += 1
        else:
            tally.unchanged += 1

    def _find_suppressed(self, address_keys: Sequence[str]) -> dict[str, SuppressionReason]:
        """The suppressed addresses of the batch, by address key."""
        if not store.any_suppressed(self._session):
            return {}
        by_hash = {h: key for key in address_keys for h in tokens.address_hashes(self._task.keys, key)}
        found = store.suppressed_hashes(self._session, list(by_hash))
        return {by_hash[h]: reason for h, reason in found.items()}

    def _ensure_people(self, rows: Sequence[Row]) -> dict[str, _Standing]:
        rows = [row for row in rows if self._belongs(row)]
        known = store.people_by_key(self._session, list(dict.fromkeys(row.address.key for row in rows)))
        new: dict[str, Row] = {}
        for row in rows:
            if (
                row.address.key not in known
                and row.address.key not in self._suppressed
                and not row.suppressed
            ):
                new.setdefault(row.address.key, row)
        store.insert_people(self._session, [self._person_row(row) for row in new.values()])
        numbers = store.ids_by_key(self._session, list(new))
        people = {
            key: _Standing(numbers[key], service.clean_name(row.name), _clean_word(row.language), [])
            for key, row in new.items()
        }
        if known:
            people.update(self._standing_of(list(known.values())))
        return people

    def _standing_of(self, people: Sequence[Person]) -> dict[str, _Standing]:
        mine: dict[int, list[Subscription]] = {person.id: [] for person in people}
        for one in store.subscriptions_of(self._session, list(mine)):
            mine[one.ref.subscriber_id].append(one)
        return {
            person.key: _Standing(person.id, person.name, person.language, mine[person.id])
            for person in people
        }

    def _person_row(self, row: Row) -> dict[str, Any]:
        return {
            "address": row.address.text,
            "address_key": row.address.key,
            "name": service.clean_name(row.name),
            "language": _clean_word(row.language),
            "barred": None,
            "created_at": self._task.now,
        }

    def _belongs(self, row: Row) -> bool:
        """Whether the row may make somebody known to us at all."""
        return not row.address.is_role and row.publication in {"", self._task.publication}

    def _why_not(self, row: Row) -> str:
        """Why this row is refused, or nothing."""
        if row.publication and row.publication != self._task.publication:
            return f'it belongs to the publication "{csvrows.shown(row.publication)}".'
        if row.suppressed:
            return ""
        if row.address.is_role:
            return "it is a mailbox for a duty, not a person; if its readers agreed, add it by itself."
        if row.consent_at and row.consent_at > self._task.now + _CLOCK_SKEW:
            return "consent_at lies in the future."
        suppressed = self._suppressed.get(row.address.key)
        if row.ended:
            return ""
        if suppressed:
            return f"{service.why_refused(BarredReason(suppressed.value))}."
        return self._why_not_again(row)

    def _why_not_again(self, row: Row) -> str:
        standing = self._people[row.address.key]
        if not standing.subscriptions or self._standing_one(row):
            return ""
        reason = service.withdrawn(standing.subscriptions, self._list_id)
        if reason:
            return f"{service.why_refused(reason)}."
        mine = [one for one in standing.subscriptions if one.ref.list_id == self._list_id]
        if mine and mine[-1].ended_reason is not EndedReason.EXPIRED:
            return "their subscription was ended here; add them by themselves if they agreed anew."
        return ""

    def _standing_one(self, row: Row) -> Subscription | None:
        for one in self._people[row.address.key].subscriptions:
            if one.ref.list_id == self._list_id and one.state is SubscriptionState.CONFIRMED:
                return one
        return None

    def _subscribe(self, row: Row) -> None:
        standing = self._people[row.address.key]
        requested = [one for one in standing.subscriptions if one.state is SubscriptionState.REQUESTED]
        if any(one.ref.list_id == self._list_id for one in requested):
            service.add(
                self._session,
                keys=self._task.keys,
                address=row.address.text,
                publication=self._task.publication,
                consent=self._consent(row),
                topics=row.topics,
                frequency=row.frequency,
                now=row.consent_at or self._task.now,
            )
            self._reload(row)
            return
        columns = self._columns(row, standing)
        self._new.append(columns)
        standing.subscriptions.append(self._as_subscription(columns, row))

    def _record_end(self, row: Row, reason: EndedReason) -> bool:
        """Record that somebody left; whether anything changed. An end before they came back is history only."""
        if row.address.key in self._suppressed and row.address.key not in self._people:
            return False
        standing = self._people[row.address.key]
        mine = [one for one in standing.subscriptions if one.ref.list_id == self._list_id]
        at = row.ended_at or self._task.now
        if any(one.ended_at and (row.ended_at is None or one.ended_at == row.ended_at) for one in mine):
            open_one = next((one for one in mine if one.ended_at is None), None)
            if open_one is None or row.ended_at:
                return False
        began = next((one.confirmed_at or one.requested_at for one in mine if one.ended_at is None), None)
        if began and (row.ended_at is None or row.ended_at >= began):
            self.flush()
            store.end_open(self._session, standing.id, list_id=self._list_id, reason=reason, now=at)
            self._reload(row)
            return True
        columns = self._columns(row, standing) | {
            "state": SubscriptionState.ENDED.value,
            "ended_at": at,
            "ended_reason": reason.value,
        }
        if began is None:
            self._new.append(columns)
            standing.subscriptions.append(self._as_subscription(columns, row))
            return True
        self.flush()
        store.insert_subscriptions(self._session, [columns])
        self._reload(row)
        return True

    def _suppress(self, row: Row, reason: SuppressionReason) -> bool:
        key = row.address.key
        if self._suppressed.get(key) is reason:
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

    def _update(self, row: Row) -> bool:
        """Bring name, language and choices up to what the row says, where it says anything; whether they changed."""
        standing, one = self._people[row.address.key], self._standing_one(row)
        assert one is not None
        person: dict[str, str] = {}
        name, language = service.clean_name(row.name), _clean_word(row.language)
        if name and name != standing.name:
            person["name"] = standing.name = name
        if language and language != standing.language:
            person["language"] = standing.language = language
        choices: dict[str, str] = {}
        topics, frequency = service.clean_topics(row.topics), _clean_word(row.frequency)
        if topics and topics != ",".join(one.topics):
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

    def _consent(self, row: Row) -> Consent:
        given = self._task.consent
        if not row.consent_at and not row.consent_source:
            return given
        return Consent(
            text=given.text,
            source=service.clean_name(row.consent_source) or given.source,
            at=row.consent_at or given.at,
            ip=given.ip,
        )

    def _columns(self, row: Row, standing: _Standing) -> dict[str, Any]:
        return service.confirmed_row(
            SubscriptionRef(subscriber_id=standing.id, list_id=self._list_id),
            consent=self._consent(row),
            wording_id=self._wording_id,
            topics=row.topics,
            frequency=row.frequency,
            confirmed_at=row.consent_at or self._task.now,
        )

    def _as_subscription(self, columns: dict[str, Any], row: Row) -> Subscription:
        """The row about to be written, as the next row about the same person has to see it."""
        return Subscription(
            id=0,
            ref=SubscriptionRef(subscriber_id=columns["subscriber_id"], list_id=self._list_id),
            publication=self._task.publication,
            state=SubscriptionState(columns["state"]),
            consent=self._consent(row),
            requested_at=columns["requested_at"],
            confirmed_at=columns["confirmed_at"],
            ended_at=columns["ended_at"],
            ended_reason=EndedReason(columns["ended_reason"]) if columns["ended_reason"] else None,
            topics=tuple(columns["topics"].split(",")) if columns["topics"] else (),
            frequency=columns["frequency"],
        )

    def _reload(self, row: Row) -> None:
        standing = self._people[row.address.key]
        standing.subscriptions = store.subscriptions_of(self._session, [standing.id])


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
