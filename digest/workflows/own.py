"""Each reader's own copy of an edition: the pieces they chose, and what they chose of editions they missed.

What somebody has had is read off the ledger: the editions they were sent since they subscribed. Copies are made once
for each combination of wishes that occurs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import subscribers
from digest.database import Session
from digest.deliveries import store as deliveries
from digest.deliveries.ledger import Skip
from digest.editions import store as editions
from digest.editions.model import Edition, EditionId, EditionState, ItemKind
from digest.messages.model import Copy, Piece, Rendered
from digest.messages.render import MOST_BYTES, SLOT_ROOM
from digest.messages.sections import Earlier, assembled
from digest.posts import store as posts
from digest.workflows import refresh
from digest.workflows.parts import Parts

NOTHING = Skip(reason="nothing of what they chose")
MOST_EARLIER = 40
MOST_IN_A_QUARTER = 100
OLDEST = timedelta(days=100)
HEADING_ROOM = 8_000
_MOST_COPIES = 1_000
_MOST_WISHES = 10_000
_LAUNCHED = frozenset({EditionState.SENDING, EditionState.PAUSED, EditionState.SENT, EditionState.CANCELLED})
_BROUGHT = frozenset({EditionState.SENDING, EditionState.SENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a reader wants of a publication: its topics (none for all of them), and whether events only."""

    topics: frozenset[str] = frozenset()
    events_only: bool = False

    def include(self, piece: Piece, offered: frozenset[str]) -> bool:
        """Whether the piece is for them; one without any topic that is `offered` is for everybody."""
        if self.events_only and not piece.event:
            return False
        about = offered.intersection(piece.topics)
        return not self.topics or not about or not self.topics.isdisjoint(about)


_Brought = tuple[str, frozenset[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """An edition launched before this one, with what of it is no longer true: those posts are not brought."""

    rendered: Rendered
    stale: frozenset[int]


class Copies:
    """The copies of one edition, made as readers ask for them; `everybodys` is the copy with everything in it."""

    def __init__(
        self,
        session: Session,
        parts: Parts,
        edition: Edition,
        rendered: Rendered,
        *,
        everybodys: Copy,
        compiled: Callable[[Rendered], Copy],
        now: datetime,
    ) -> None:
        self._parts = parts
        self._rendered = rendered
        self.everybodys = everybodys
        self._compiled = compiled
        self._now = now
        self._offered = frozenset(parts.publication(edition.publication).topics)
        before = launched_before(session, edition, now=now)
        self._launched = [one.id for one in before]
        self._earlier = [one for one in before if one.state in _BROUGHT]
        self._pasts: dict[EditionId, _Past | None] = {}
        self._made: OrderedDict[tuple[frozenset[int], tuple[_Brought, ...]], Copy] = OrderedDict()
        self._known: OrderedDict[tuple[Wishes, int], Copy | Skip] = OrderedDict()

    def of(self, session: Session, readers: Mapping[int, subscribers.Recipient]) -> dict[int, Copy | Skip]:
        """Each reader's copy, or why there is none for them."""
        had = deliveries.latest_had(session, list(readers), self._launched) if self._earlier else {}
        return {
            number: self._copy(session, self._wishes(reader), self._missed(reader, had.get(number)))
            for number, reader in readers.items()
        }

    def rendered(self, session: Session, wishes: Wishes, *, missed: int) -> Rendered | None:
        """The edition for these wishes, with what they missed of the `missed` latest ones; None for nothing."""
        found = self._chosen(session, wishes, missed)
        return assembled(self._rendered, *found) if found else None

    def _wishes(self, reader: subscribers.Recipient) -> Wishes:
        if not reader.topics and not reader.events_only:
            return _EVERYTHING
        return Wishes(topics=self._offered.intersection(reader.topics), events_only=reader.events_only)

    def _missed(self, reader: subscribers.Recipient, had: int | None) -> int:
        """How many of the latest editions, one after the other, the reader has not had since they subscribed."""
        missed = 0
        for one in self._earlier:
            since = one.launched_at is not None and one.launched_at > reader.subscribed_at
            if not since or (had is not None and self._launched.index(one.id) >= self._launched.index(had)):
                break
            missed += 1
        return missed

    def _copy(self, session: Session, wishes: Wishes, missed: int) -> Copy | Skip:
        key = (wishes, missed)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        found = self._chosen(session, wishes, missed)
        made = self._known[key] = self._shared(*found) if found else NOTHING
        if len(self._known) > _MOST_WISHES:
            self._known.popitem(last=False)
        return made

    def _shared(self, kept: frozenset[int], earlier: Sequence[Earlier]) -> Copy:
        """The copy of these pieces; different wishes that come to the same share it."""
        whole = len(kept) == len(self._rendered.sections.pieces)
        if whole and not earlier:
            return self.everybodys
        key = (kept, tuple((one.rendered.nonce, one.kept) for one in earlier))
        if key not in self._made:
            self._made[key] = self._compiled(assembled(self._rendered, kept, earlier))
            if len(self._made) > _MOST_COPIES:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]

    # --- which pieces ---------------------------------------------------------------------------------------

    def _chosen(
        self, session: Session, wishes: Wishes, missed: int
    ) -> tuple[frozenset[int], list[Earlier]] | None:
        """The numbers of the pieces they get, and of earlier ones; None when none of it is news to them."""
        sections = self._rendered.sections
        kept = frozenset(n for n, p in enumerate(sections.pieces) if wishes.include(p, self._offered))
        shown = {sections.pieces[n].post_id for n in kept} - {None}
        news = bool(sections.uncut) or any(sections.pieces[n].news for n in kept) or not sections.pieces
        owed: list[tuple[Rendered, frozenset[int]]] = []
        for one in self._earlier[:missed]:
            past = self._past(session, one)
            if past is None:
                continue
            theirs = [
                (n, p)
                for n, p in enumerate(past.rendered.sections.pieces)
                if p.news
                and wishes.include(p, self._offered)
                and p.post_id not in past.stale
                and not (p.event and p.post_id is None)  # nobody knows by now whether it is over
            ]
            bring = frozenset(n for n, p in theirs if p.post_id is None or p.post_id not in shown)
            shown |= {p.post_id for _, p in theirs}
            news = news or bool(theirs)
            if bring:
                owed.append((past.rendered, bring))
        return (kept, self._fitting(kept, owed)) if news else None

    def _fitting(
        self, kept: frozenset[int], owed: Sequence[tuple[Rendered, frozenset[int]]]
    ) -> list[Earlier]:
        """As much of what is owed as a mail can hold, the latest first; of the rest the way to the archive."""
        chosen: list[Earlier] = []
        for rendered, bring in owed:
            for one, room in (
                (Earlier(rendered=rendered, kept=bring), 0),
                (Earlier(rendered=rendered), HEADING_ROOM),
            ):
                tried = [*chosen, one]
                size = len(assembled(self._rendered, kept, tried).html.encode())
                if size + SLOT_ROOM <= MOST_BYTES + room:
                    chosen = tried
                    break
        return chosen

    def _past(self, session: Session, edition: Edition) -> _Past | None:
        """An earlier edition as it was approved; None for one whose pieces do not fit into this one."""
        if edition.id not in self._pasts:
            rendered = editions.snapshot(session, edition.id, Rendered)
            here = self._rendered.sections
            fits = rendered is not None and here.joint and rendered.sections.template == here.template
            self._pasts[edition.id] = (
                _Past(rendered=rendered, stale=_stale(session, self._parts, edition, now=self._now))
                if rendered is not None and fits and rendered.sections.joint
                else None
            )
        return self._pasts[edition.id]


_EVERYTHING = Wishes()


def launched_before(
    session: Session, edition: Edition, *, now: datetime, most: int = MOST_EARLIER
) -> list[Edition]:
    """The editions of the publication that were launched before this one in the last 100 days, the latest first."""
    at = (edition.launched_at or now, edition.number)
    found = editions.list_editions(session, edition.publication, most + 10, states=_LAUNCHED)
    before = [
        one
        for one in found
        if one.launched_at and (one.launched_at, one.number) < at and one.launched_at > now - OLDEST
    ]
    return sorted(before, key=lambda one: (one.launched_at or now, one.number), reverse=True)[:most]


def _stale(session: Session, parts: Parts, edition: Edition, *, now: datetime) -> frozenset[int]:
    """The posts of an earlier edition that are gone, and events that are over or stand otherwise than it says."""
    found = refresh.changes(session, parts, edition, now=now)
    same = {id(item) for item in found.items}
    stored = posts.posts(session, [item.post_id for item in edition.items if item.post_id is not None])
    return frozenset(
        item.post_id
        for item in edition.items
        if item.post_id is not None
        and (
            (item.kind is not ItemKind.POST and id(item) not in same)
            or (item.post_id in stored and stored[item.post_id].gone_at is not None)
        )
    )
