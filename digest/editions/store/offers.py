"""Publications, the posts they were offered, and which of those the next edition may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, select, update
from sqlalchemy.orm import Session

from digest.database import insert_missing, pages
from digest.editions.model import EditionState
from digest.editions.tables import AdoptionRow, EditionRow, ItemRow, OfferRow, PlacementRow, PublicationRow
from digest.posts.model import PostId

OPEN = frozenset({EditionState.DRAFT, EditionState.APPROVED, EditionState.SENDING, EditionState.PAUSED})


def ensure_publication(session: Session, slug: str, *, now: datetime) -> None:
    """Register a publication the first time it is met; its editions begin after that."""
    insert_missing(session, PublicationRow, [{"slug": slug, "started_at": now}])


def lock_publication(session: Session, slug: str) -> datetime:
    """Hold everything that numbers or cuts editions of this publication; returns when it started."""
    return session.scalars(
        select(PublicationRow.started_at).where(PublicationRow.slug == slug).with_for_update()
    ).one()


def is_adopted(session: Session, publication: str, source_key: str) -> bool:
    """Whether the publication has taken over this source's posts."""
    return session.get(AdoptionRow, (publication, source_key)) is not None


def adopt(
    session: Session,
    publication: str,
    source_key: str,
    post_ids_newest_first: Sequence[PostId],
    *,
    first_edition: int,
    now: datetime,
) -> None:
    """Take over a source: its newest `first_edition` posts are offered, the older ones count as seen."""
    insert_missing(
        session, AdoptionRow, [{"publication": publication, "source_key": source_key, "adopted_at": now}]
    )
    newest, older = post_ids_newest_first[:first_edition], post_ids_newest_first[first_edition:]
    _offer(session, publication, source_key, newest, state="open", first_run=True, now=now)
    _offer(session, publication, source_key, older, state="seen", first_run=True, now=now)


def offer(
    session: Session, publication: str, source_key: str, post_ids: Sequence[PostId], *, now: datetime
) -> None:
    """Offer new posts; one that was offered before, through whatever source, stays as it is."""
    _offer(session, publication, source_key, post_ids, state="open", first_run=False, now=now)


def dismiss(session: Session, publication: str, post_id: PostId) -> None:
    """Never put this post into an edition of this publication."""
    session.execute(
        update(OfferRow)
        .where(OfferRow.publication == publication, OfferRow.post_id == post_id)
        .values(state="dismissed")
    )


def settle(session: Session, publication: str, post_ids: Sequence[PostId]) -> None:
    """Count these open offers as seen: nobody need look at them again."""
    for page in pages(post_ids):
        session.execute(
            update(OfferRow)
            .where(OfferRow.publication == publication, OfferRow.post_id.in_(page), OfferRow.state == "open")
            .values(state="seen")
        )


def candidates(session: Session, publication: str) -> list[PostId]:
    """The posts the next edition may take: offered, not dismissed, in no edition sent or still on its way."""
    return list(session.scalars(_open_offers(publication)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToCome:
    """Which of some events a publication has announced already, and which came with a new source and never were."""

    announced: tuple[PostId, ...] = ()
    arrived: tuple[PostId, ...] = ()


def to_come(session: Session, publication: str, event_ids: Sequence[PostId]) -> ToCome:
    """Those of the events that this publication may name again, or for the first time though they are not new.

    In the order given; what staff dismissed and what stands in an edition still on its way is neither.
    """
    announced: set[PostId] = set()
    arrived: set[PostId] = set()
    for page in pages(event_ids):
        rows = session.execute(
            select(OfferRow.post_id, _mailed(), _taken()).where(
                OfferRow.publication == publication, OfferRow.post_id.in_(page), OfferRow.state != "dismissed"
            )
        )
        for post_id, mailed, taken in rows:
            if mailed:
                announced.add(post_id)
            elif not taken:
                arrived.add(post_id)
    # Open offers are candidates in their own right.
    arrived -= set(candidates(session, publication))
    return ToCome(
        announced=tuple(i for i in event_ids if i in announced),
        arrived=tuple(i for i in event_ids if i in arrived),
    )


def is_offered(session: Session, publication: str, post_id: PostId) -> bool:
    """Whether this publication was ever offered the post."""
    return session.get(OfferRow, (publication, post_id)) is not None


def first_run_candidates(session: Session, publication: str) -> frozenset[PostId]:
    """Those of the candidates that came with a new source, rather than being new themselves."""
    return frozenset(session.scalars(_open_offers(publication).where(OfferRow.first_run)))


def _offer(
    session: Session,
    publication: str,
    source_key: str,
    post_ids: Sequence[PostId],
    *,
    state: str,
    first_run: bool,
    now: datetime,
) -> None:
    values = [
        {
            "publication": publication,
            "post_id": post_id,
            "source_key": source_key,
            "state": state,
            "first_run": first_run,
            "offered_at": now,
        }
        for post_id in post_ids
    ]
    insert_missing(session, OfferRow, values)


def _open_offers(publication: str) -> Select[PostId]:
    return (
        select(OfferRow.post_id)
        .where(OfferRow.publication == publication, OfferRow.state == "open", ~_mailed(), ~_taken())
        .order_by(OfferRow.post_id)
    )


def _taken() -> ColumnElement[bool]:
    # Items of an edition still on its way are taken; they come back by themselves when it ends otherwise.
    return (
        exists()
        .where(ItemRow.post_id == OfferRow.post_id)
        .where(EditionRow.id == ItemRow.edition_id)
        .where(EditionRow.publication == OfferRow.publication)
        .where(EditionRow.state.in_([state.value for state in OPEN]))
    )


def _mailed() -> ColumnElement[bool]:
    return (
        exists()
        .where(PlacementRow.publication == OfferRow.publication)
        .where(PlacementRow.post_id == OfferRow.post_id)
    )
