"""Some rows of a file judged against what is known of their people, and written in few statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from subscribers import service, store, tokens
from subscribers.csvfile.model import Row
from subscribers.csvfile.task import Fate, Task
from subscribers.model import BarredReason, EndedReason, SubscriptionState, SuppressionReason
from subscribers.store import NewPerson, NewSubscription, Past

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session


@dataclass(slots=True)
class _Standing:
    """A person of the batch, as they stand after the rows before."""

    id: int
    name: str
    language: str
    pasts: list[Past | NewSubscription]


class Batch:
    """Rows that are ours: people nobody knew are subscribed together, `others` are to be judged one by one.

    What an import is mostly made of is collected and written in few statements; whatever changes somebody who is
    known already is written at once, after what was collected.
    """

    def __init__(self, session: Session, task: Task, rows: Sequence[Row]) -> None:
        self._session, self._task = session, task
        self._list_id = store.ensure_list(session, task.publication)
        self._wording_id = store.ensure_wording(session, task.consent.text)
        self._suppressed = self._find_suppressed(rows)
        self._people = self._find_people(rows)
        self._new: list[NewSubscription] = []
        self._new_suppressions: dict[str, SuppressionReason] = {}
        newcomers, self.others = self._told_apart(rows)
        self.newcomers = len(newcomers)
        self._welcome(newcomers)

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

    def _find_people(self, rows: Sequence[Row]) -> dict[str, _Standing]:
        """Everybody of the batch who is known."""
        known = store.known_by_key(self._session, list({row.address.key: None for row in rows}))
        pasts = store.pasts_of(self._session, [one.id for one in known.values()])
        return {key: _Standing(*one, [*pasts[one.id]]) for key, one in known.items()}

    def _told_apart(self, rows: Sequence[Row]) -> tuple[dict[str, Row], list[Row]]:
        """The first rows of people nobody knew who are to be subscribed, and all other rows."""
        newcomers: dict[str, Row] = {}
        others: list[Row] = []
        met = {*self._people, *self._suppressed}
        for row in rows:
            key = row.address.key
            if key in met or row.ended or row.suppressed:
                others.append(row)
            else:
                newcomers[key] = row
            met.add(key)
        return newcomers, others

    def _welcome(self, newcomers: dict[str, Row]) -> None:
        """Add the people nobody knew, and collect the subscriptions of those who are to be subscribed."""
        known = self._people.keys() | self._suppressed.keys() | newcomers.keys()
        gone: dict[str, Row] = {}
        for row in self.others:
            if row.address.key not in known and not row.suppressed:
                gone.setdefault(row.address.key, row)
        new = [
            NewPerson(row.address.text, key, service.clean_name(row.name), _clean_word(row.language))
            for some in (newcomers, gone)
            for key, row in some.items()
        ]
        numbers = store.insert_people(self._session, new, now=self._task.now)
        self._new = [self._subscription(numbers[key], row) for key, row in newcomers.items()]
        again = {row.address.key for row in self.others}
        if again:
            subscribed = dict(zip(newcomers, self._new, strict=True))
            for one in new:
                if one.key in again:
                    pasts = [subscribed[one.key]] if one.key in subscribed else []
                    self._people[one.key] = _Standing(numbers[one.key], one.name, one.language, [*pasts])

    def _subscription(
        self,
        number: int,
        row: Row,
        *,
        began: datetime | None = None,
        ended_at: datetime | None = None,
        reason: EndedReason | None = None,
    ) -> NewSubscription:
        consent = self._task.consent
        return NewSubscription(
            number,
            self._list_id,
            began or row.consent_at or self._task.now,
            self._wording_id,
            _clean_source(row.consent_source) or consent.source,
            row.consent_at or consent.at,
            consent.ip,
            service.clean_topics(row.topics),
            _clean_word(row.frequency),
            ended_at,
            reason,
        )

    def _why_not(self, row: Row) -> str:
        """Why somebody is not subscribed, or nothing."""
        suppressed = self._suppressed.get(row.address.key)
        if suppressed:
            return f"{service.why_refused(BarredReason(suppressed.value))}."
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
            self._add(row)
            return Fate.ADDED
        if last.state == SubscriptionState.REQUESTED:
            self._confirm(row)
            return Fate.ADDED
        return Fate.UPDATED if self._update(row, last) else Fate.UNCHANGED

    def _add(
        self,
        row: Row,
        *,
        began: datetime | None = None,
        ended_at: datetime | None = None,
        reason: EndedReason | None = None,
    ) -> None:
        standing = self._people[row.address.key]
        new = self._subscription(standing.id, row, began=began, ended_at=ended_at, reason=reason)
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


@lru_cache(maxsize=256)
def _clean_source(text: str) -> str:
    return service.clean_name(text)
