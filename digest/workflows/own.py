"""Each reader's own copy of an edition: the pieces they chose, and what they chose of editions they missed.

What somebody has had is read off the ledger: the editions they were sent since they subscribed. Copies are made once
for each combination of wishes that occurs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import subscribers
from digest.database import Session
from digest.deliveries import store as deliveries
from digest.deliveries.ledger import Skip
from digest.messages.model import Copy, Rendered
from digest.messages.sections import assembled
from digest.workflows.chosen import Chosen, Selection, Wishes

NOTHING = Skip(reason="nothing of what they chose")
_MOST_COPIES = 1_000
_MOST_WISHES = 10_000
_EVERYTHING = Wishes()
_Brought = tuple[str, frozenset[int]]


class Copies:
    """The copies of one edition, made as readers ask for them; `everybodys` is the copy with everything in it."""

    def __init__(
        self, selection: Selection, *, everybodys: Copy, compiled: Callable[[Rendered], Copy]
    ) -> None:
        self.everybodys = everybodys
        self._selection = selection
        self._compiled = compiled
        self._made: OrderedDict[tuple[frozenset[int], tuple[_Brought, ...]], Copy] = OrderedDict()
        self._known: OrderedDict[tuple[Wishes, int], Copy | Skip] = OrderedDict()

    def of(self, session: Session, readers: Mapping[int, subscribers.Recipient]) -> dict[int, Copy | Skip]:
        """Each reader's copy, or why there is none for them."""
        had = (
            deliveries.latest_had(session, list(readers), self._selection.launched)
            if self._selection.earlier
            else {}
        )
        return {
            number: self._copy(session, self._wishes(reader), self._missed(reader, had.get(number)))
            for number, reader in readers.items()
        }

    def _wishes(self, reader: subscribers.Recipient) -> Wishes:
        if not reader.topics and not reader.events_only:
            return _EVERYTHING
        return Wishes(
            topics=self._selection.offered.intersection(reader.topics), events_only=reader.events_only
        )

    def _missed(self, reader: subscribers.Recipient, had: int | None) -> int:
        """How many of the latest editions, one after the other, the reader has not had since they subscribed."""
        missed = 0
        for one in self._selection.earlier:
            since = one.launched_at is not None and one.launched_at > reader.subscribed_at
            if not since or (
                had is not None
                and self._selection.launched.index(one.id) >= self._selection.launched.index(had)
            ):
                break
            missed += 1
        return missed

    def _copy(self, session: Session, wishes: Wishes, missed: int) -> Copy | Skip:
        key = (wishes, missed)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        found = self._selection.chosen(session, wishes, missed)
        made = self._known[key] = self._shared(found) if found else NOTHING
        if len(self._known) > _MOST_WISHES:
            self._known.popitem(last=False)
        return made

    def _shared(self, chosen: Chosen) -> Copy:
        """The copy of these pieces; different wishes that come to the same share it."""
        rendered = self._selection.rendered
        if not chosen.earlier and len(chosen.kept) == len(rendered.sections.pieces):
            return self.everybodys
        key = (chosen.kept, tuple((one.rendered.nonce, one.kept) for one in chosen.earlier))
        if key not in self._made:
            self._made[key] = self._compiled(assembled(rendered, chosen.kept, chosen.earlier))
            if len(self._made) > _MOST_COPIES:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]
