"""Some rows of a file judged against what is known of their people, and written in few statements."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from subscribers import service, store, tokens
from subscribers.csvfile.model import Row, shown
from subscribers.model import BarredReason, Consent, EndedReason, SubscriptionState, SuppressionReason
from subscribers.store import NewPerson, NewSubscription, Past
from subscribers.tokens import Keys

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session

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
        if row.address.is_role and not row.suppressed:
            return "it is a mailbox for a duty, not a person; if its readers agreed, add it by itself."
        return ""


@dataclass(slots=True)
class _Standing:
    """A person of the batch, as they stand after the rows before."""

    id: int
    name: str
    language: str
    pasts: list[Past | NewSubscription]


class Batch:
    """Rows that are ours, judged one after the other.

    New people and their subscriptions, the bulk of any import, are collected and written together; whatever
    changes somebody who is known already is written at once, after what was collected.
    """

    def __init__(self, session: Session, task: Task, rows: Sequence[Row]) -> None:
        self._session, self._task = session, task
        self._list_id = store.ensure_list(session, task.publication)
        self._wording_id = store.ensure_wording(session, task.consent.text)
        self._suppressed = self._find_suppressed(rows)
        self._people = self._ensure_people(rows)
        self._new: list[NewSubscription] = []
        self._new_suppressions: dict[str, SuppressionReason] = {}

    def take(self, row: Row) -> Fate | str:
        """What becomes of a row, or why it is refused."""
        if row.suppressed:
            return Fate.UPDATED if self._suppress(row, row.suppressed) else Fate.UNCHANGED
        if row.ended:
            return Fate.UPDATED if self._record_end(row, row.ended) else Fate.UNCHANGED
        return self._why_not(row) or self._subscribe(row)

    def flush(self) -> None:
        """Write what was collected."""
        store.insert_subscriptions(self._session, self._new)
        store.insert_suppressions(self._session, self._new_suppressions, at=self._task.now)
        self._new, self._new_suppressions = [], {}

    def _find_suppressed(self, rows: Sequence[Row]) -> dict[str, SuppressionReason]:
        """The suppressed addresses of the batch, by address key."""
        if not store.any_suppressed(self._session):
            return {}
        by_hash = {
            h: row.address.key
            for row in rows
            for h in tokens.address_hashes(self._task.keys, row.address.key)
        }
        found = store.suppressed_hashes(self._session, list(by_hash))
        return {by_hash[h]: reason for h, reason in found.items()}

    def _ensure_people(self, rows: Sequence[Row]) -> dict[str, _Standing]:
        """Everybody of the batch who is known, or about to be."""
        known = store.known_by_key(self._session, list({row.address.key: None for row in rows}))
        pasts = store.pasts_of(self._session, [one.id for one in known.values()])
        people = {key: _Standing(*one, [*pasts[one.id]]) for key, one in known.items()}
        new: dict[str, NewPerson] = {}
        for row in rows:
            key = row.address.key
            if key in people or key in new or key in self._suppressed or row.suppressed:
                continue
            new[key] = NewPerson(
                row.address.text, key, service.clean_name(row.name), _clean_word(row.language)
            )
        numbers = store.insert_people(self._session, list(new.values()), now=self._task.now)
        for key, one in new.items():
            people[key] = _Standing(numbers[key], one.name, one.language, [])
        return people

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
        last = self._last(row)
        if last and last.ended_reason is None:
            return ""
        reason = service.withdrawn(((one.list_id, one.ended_reason) for one in pasts), self._list_id)
        if reason:
            return f"{service.why_refused(reason)}."
        if last and last.ended_reason is not EndedReason.EXPIRED:
            return "their subscription was ended here; add them by themselves if they agreed anew."
        return ""

    def _last(self, row: Row) -> Past | NewSubscription | None:
        """This person's subscription to the publication that is open, or else was recorded last."""
        last = None
        for one in self._people[row.address.key].pasts:
            if one.list_id == self._list_id:
                if one.ended_at is None:
                    return one
                last = one
        return last

    def _subscribe(self, row: Row) -> Fate:
        last = self._last(row)
        if last is None or last.state == SubscriptionState.ENDED:
            self._add(row, began=row.consent_at or self._task.now)
            return Fate.ADDED
        if last.state == SubscriptionState.REQUESTED:
            self._confirm(row)
            return Fate.ADDED
        return Fate.UPDATED if self._update(row, last) else Fate.UNCHANGED

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
        standing.pasts.append(new)

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

    def _update(self, row: Row, one: Past | NewSubscription) -> bool:
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

    def _record_end(self, row: Row, reason: EndedReason) -> bool:
        """Record that somebody left; whether anything changed. An end before they came back is history only."""
        if row.address.key not in self._people:
            return False
        last = self._last(row)
        at = row.ended_at or self._task.now
        if last and last.ended_at is None and at >= last.began:
            self.flush()
            number = self._people[row.address.key].id
            store.end_open(self._session, number, list_id=self._list_id, reason=reason, now=at)
            self._reload(row)
            return True
        mine = [one for one in self._people[row.address.key].pasts if one.list_id == self._list_id]
        if any(one.ended_at == at or (one.ended_at and not row.ended_at) for one in mine):
            return False
        self._add(row, began=min(row.consent_at or at, at), ended_at=at, reason=reason)
        return True

    def _suppress(self, row: Row, reason: SuppressionReason) -> bool:
        """Record that an address must not be mailed; whether anything changed."""
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

    def _reload(self, row: Row) -> None:
        standing = self._people[row.address.key]
        standing.pasts = [*store.pasts_of(self._session, [standing.id])[standing.id]]


@lru_cache(maxsize=256)
def _clean_word(text: str) -> str:
    return service.clean_word(text)
