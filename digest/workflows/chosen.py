"""Which pieces of an edition, and of earlier ones that they missed, are for a reader with given wishes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.database import Session
from digest.editions import store as editions
from digest.editions.model import Edition, EditionId, EditionState, ItemKind
from digest.messages.model import Piece, Rendered
from digest.messages.render import MOST_BYTES, SLOT_ROOM
from digest.messages.sections import Earlier, assembled
from digest.posts import store as posts
from digest.workflows import refresh
from digest.workflows.parts import Parts

MOST_EARLIER = 40
MOST_IN_A_QUARTER = 100
OLDEST = timedelta(days=100)
HEADING_ROOM = 8_000
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """An edition launched before this one, with what of it is no longer true: those posts are not brought."""

    rendered: Rendered
    stale: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The numbers of the pieces somebody gets, and what they get of earlier editions."""

    kept: frozenset[int]
    earlier: tuple[Earlier, ...] = ()


class Selection:
    """One edition beside those launched before it: `launched` are their ids, `earlier` those that may be brought."""

    def __init__(
        self, session: Session, parts: Parts, edition: Edition, rendered: Rendered, *, now: datetime
    ) -> None:
        before = launched_before(session, edition, now=now)
        self.rendered = rendered
        self.offered = frozenset(parts.publication(edition.publication).topics)
        self.launched = [one.id for one in before]
        self.earlier = [one for one in before if one.state in _BROUGHT]
        self._parts = parts
        self._now = now
        self._pasts: dict[EditionId, _Past | None] = {}

    def chosen(self, session: Session, wishes: Wishes, missed: int) -> Chosen | None:
        """What they get of the edition and of the `missed` latest ones before it; None when none of it is news."""
        sections = self.rendered.sections
        kept = frozenset(n for n, p in enumerate(sections.pieces) if wishes.include(p, self.offered))
        shown = {sections.pieces[n].post_id for n in kept} - {None}
        news = bool(sections.uncut) or any(sections.pieces[n].news for n in kept) or not sections.pieces
        owed: list[tuple[Rendered, frozenset[int]]] = []
        for one in self.earlier[:missed]:
            past = self._past(session, one)
            if past is None:
                continue
            theirs = [
                (n, p)
                for n, p in enumerate(past.rendered.sections.pieces)
                if p.news
                and wishes.include(p, self.offered)
                and p.post_id not in past.stale
                and not (p.event and p.post_id is None)  # nobody knows by now whether it is over
            ]
            bring = frozenset(n for n, p in theirs if p.post_id is None or p.post_id not in shown)
            shown |= {p.post_id for _, p in theirs}
            news = news or bool(theirs)
            if bring:
                owed.append((past.rendered, bring))
        return Chosen(kept=kept, earlier=self._fitting(kept, owed)) if news else None

    def _fitting(
        self, kept: frozenset[int], owed: Sequence[tuple[Rendered, frozenset[int]]]
    ) -> tuple[Earlier, ...]:
        """As much of what is owed as a mail can hold, the latest first; of the rest the way to the archive."""
        chosen: list[Earlier] = []
        for rendered, bring in owed:
            for one, room in (
                (Earlier(rendered=rendered, kept=bring), 0),
                (Earlier(rendered=rendered), HEADING_ROOM),
            ):
                tried = [*chosen, one]
                size = len(assembled(self.rendered, kept, tried).html.encode())
                if size + SLOT_ROOM <= MOST_BYTES + room:
                    chosen = tried
                    break
        return tuple(chosen)

    def _past(self, session: Session, edition: Edition) -> _Past | None:
        """An earlier edition as it was approved; None for one whose pieces do not fit into this one."""
        if edition.id not in self._pasts:
            rendered = editions.snapshot(session, edition.id, Rendered)
            here = self.rendered.sections
            fits = (
                rendered is not None
                and rendered.fingerprint == edition.fingerprint
                and here.joint is not None
                and rendered.sections.joint is not None
                and rendered.sections.template == here.template
            )
            stale = _stale(session, self._parts, edition, now=self._now) if fits else frozenset()
            self._pasts[edition.id] = _Past(rendered=rendered, stale=stale) if rendered and fits else None
        return self._pasts[edition.id]


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
