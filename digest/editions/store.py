"""What we chose to say, as we keep it: offers, editions and their items, placements, approved snapshots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from digest.database import Base
from digest.editions.model import Edition, EditionId, EditionState, Item, ItemKind, Section
from digest.editions.tables import (
    AdoptionRow,
    EditionRow,
    ItemRow,
    OfferRow,
    PlacementRow,
    PublicationRow,
    SnapshotRow,
)
from digest.errors import DigestError
from digest.posts.model import PostId
from digest.posts.packing import pack_event, pack_image, unpack_event, unpack_image

S = TypeVar("S")
T = TypeVar("T")

OPEN = frozenset({EditionState.DRAFT, EditionState.APPROVED, EditionState.SENDING, EditionState.PAUSED})
_PAGE = 500


class NoSuchEdition(DigestError):
    """An edition was asked for that does not exist."""


class AlreadyPlaced(DigestError):
    """An edition holds posts that this publication has already mailed."""


# --- publications and their offers ----------------------------------------------------------------------------


def ensure_publication(session: Session, slug: str, *, now: datetime) -> None:
    """Register a publication the first time it is met; its editions begin after that."""
    _insert_missing(session, PublicationRow, [{"slug": slug, "started_at": now}])


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
    _insert_missing(
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


def candidates(session: Session, publication: str) -> list[PostId]:
    """The posts the next edition may take: offered, not dismissed, in no edition sent or still on its way."""
    return list(session.scalars(_open_offers(publication)))


def first_run_candidates(session: Session, publication: str) -> frozenset[PostId]:
    """Those of the candidates that came with a new source, rather than being new themselves."""
    return frozenset(session.scalars(_open_offers(publication).where(OfferRow.first_run)))


# --- editions -------------------------------------------------------------------------------------------------


def create(
    session: Session,
    *,
    publication: str,
    state: EditionState,
    cut_at: datetime,
    send_at: datetime,
    slot: date | None,
    items: Sequence[Item] = (),
    subject: str = "",
    preheader: str = "",
    reason: str = "",
    hold: str = "",
    finished_at: datetime | None = None,
    number: int | None = None,
) -> Edition:
    """Store a new edition under `number`, or the next one; the publication must be locked.

    A skipped edition gets no number (it reads as 0), so that readers see no gaps.
    """
    if state is not EditionState.SKIPPED:
        number = number or next_number(session, publication)
    row = EditionRow(
        publication=publication,
        number=number,
        state=state.value,
        cut_at=cut_at,
        send_at=send_at,
        slot=slot,
        subject=subject,
        preheader=preheader,
        intro="",
        reason=reason,
        hold=hold,
        approved_by="",
        fingerprint="",
        finished_at=finished_at,
    )
    session.add(row)
    session.flush()
    set_items(session, row.id, items)
    return get(session, row.id)


def next_number(session: Session, publication: str) -> int:
    """The number a new edition gets; true while the publication is locked."""
    last = session.scalar(select(func.max(EditionRow.number)).where(EditionRow.publication == publication))
    return (last or 0) + 1


def get(session: Session, edition_id: EditionId) -> Edition:
    """The edition with its items; raises `NoSuchEdition`."""
    return _one(session, edition_id, for_update=False)


def lock(session: Session, edition_id: EditionId) -> Edition:
    """As `get`, and nobody else may change it before this transaction ends."""
    return _one(session, edition_id, for_update=True)


def save(session: Session, edition: Edition) -> None:
    """Write back an edition's own fields; its items have `set_items`, its identity never changes."""
    session.execute(
        update(EditionRow)
        .where(EditionRow.id == edition.id)
        .values(
            state=edition.state.value,
            cut_at=edition.cut_at,
            send_at=edition.send_at,
            subject=edition.subject,
            preheader=edition.preheader,
            intro=edition.intro,
            reason=edition.reason,
            hold=edition.hold,
            approved_by=edition.approved_by,
            approved_at=edition.approved_at,
            fingerprint=edition.fingerprint,
            launched_at=edition.launched_at,
            finished_at=edition.finished_at,
        )
    )


def by_slot(session: Session, publication: str, slot: date) -> Edition | None:
    """The edition of one scheduled send, if it was made."""
    row = session.scalars(
        select(EditionRow).where(EditionRow.publication == publication, EditionRow.slot == slot)
    ).one_or_none()
    return _edition(row, _items(session, [row.id])[row.id]) if row else None


def by_number(session: Session, publication: str, number: int) -> Edition | None:
    """The edition with this number, if there is one."""
    row = session.scalars(
        select(EditionRow).where(EditionRow.publication == publication, EditionRow.number == number)
    ).one_or_none()
    return _edition(row, _items(session, [row.id])[row.id]) if row else None


def list_editions(
    session: Session,
    publication: str | None = None,
    limit: int = 100,
    *,
    states: frozenset[EditionState] | None = None,
) -> list[Edition]:
    """The latest editions, newest first, of one publication or all, in any state or one of `states`."""
    query = select(EditionRow).order_by(EditionRow.id.desc()).limit(limit)
    if publication is not None:
        query = query.where(EditionRow.publication == publication)
    if states is not None:
        query = query.where(EditionRow.state.in_([state.value for state in states]))
    rows = session.scalars(query.execution_options(populate_existing=True)).all()
    items = _items(session, [row.id for row in rows])
    return [_edition(row, items[row.id]) for row in rows]


# --- items and placements -------------------------------------------------------------------------------------


def set_items(session: Session, edition_id: EditionId, items: Sequence[Item]) -> None:
    """Make these, in this order, the edition's items."""
    session.execute(delete(ItemRow).where(ItemRow.edition_id == edition_id))
    session.flush()
    session.add_all(_item_row(edition_id, place, item) for place, item in enumerate(items, start=1))
    session.flush()


def place(session: Session, edition: Edition) -> None:
    """At launch: mark the edition's posts as mailed. Raises `AlreadyPlaced` if another edition mailed one."""
    ids = [item.post_id for item in edition.items if item.post_id is not None]
    values = [
        {"publication": edition.publication, "post_id": post_id, "edition_id": edition.id}
        for post_id in dict.fromkeys(ids)
    ]
    _insert_missing(session, PlacementRow, values)
    elsewhere = session.execute(
        select(PlacementRow.post_id, PlacementRow.edition_id).where(
            PlacementRow.publication == edition.publication,
            PlacementRow.post_id.in_(ids),
            PlacementRow.edition_id != edition.id,
        )
    ).first()
    if elsewhere:
        post_id, other = elsewhere
        title = next(item.title for item in edition.items if item.post_id == post_id)
        raise AlreadyPlaced(
            f'Edition {edition.id} holds "{title}", which edition {other} has already mailed.'
        )


def release(session: Session, edition_id: EditionId) -> None:
    """Give the posts of an edition that was not sent back to the next one."""
    session.execute(delete(PlacementRow).where(PlacementRow.edition_id == edition_id))


def placed(session: Session, publication: str) -> dict[PostId, EditionId]:
    """Every post this publication mailed or is mailing, and in which edition."""
    rows = session.execute(
        select(PlacementRow.post_id, PlacementRow.edition_id).where(PlacementRow.publication == publication)
    )
    return {post_id: edition_id for post_id, edition_id in rows}  # noqa: C416  rows are not pairs to mypy


# --- snapshots ------------------------------------------------------------------------------------------------


def save_snapshot(session: Session, edition_id: EditionId, rendered: Any) -> None:
    """Keep what was approved, in place of an earlier one; `rendered` is a frozen dataclass of texts and numbers."""
    content = {field.name: getattr(rendered, field.name) for field in fields(rendered)}
    session.merge(SnapshotRow(edition_id=edition_id, content=content))
    session.flush()


def snapshot(session: Session, edition_id: EditionId, kind: type[S]) -> S | None:
    """What was approved, as the dataclass `kind` that was saved; None when nothing was."""
    row = session.get(SnapshotRow, edition_id, populate_existing=True)
    if row is None:
        return None
    return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in row.content.items()})


# --- private --------------------------------------------------------------------------------------------------


def _insert_missing(session: Session, table: type[Base], values: Sequence[Mapping[str, Any]]) -> None:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    for page in _pages(values):
        session.execute(insert(table).values(list(page)).on_conflict_do_nothing())


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
    _insert_missing(session, OfferRow, values)


def _open_offers(publication: str) -> Any:
    # Items of an edition still on its way are taken; they come back by themselves when it ends otherwise.
    taken = (
        exists()
        .where(ItemRow.post_id == OfferRow.post_id)
        .where(EditionRow.id == ItemRow.edition_id)
        .where(EditionRow.publication == publication)
        .where(EditionRow.state.in_([state.value for state in OPEN]))
    )
    mailed = (
        exists()
        .where(PlacementRow.publication == OfferRow.publication)
        .where(PlacementRow.post_id == OfferRow.post_id)
    )
    return (
        select(OfferRow.post_id)
        .where(OfferRow.publication == publication, OfferRow.state == "open", ~mailed, ~taken)
        .order_by(OfferRow.post_id)
    )


def _one(session: Session, edition_id: EditionId, *, for_update: bool) -> Edition:
    query = select(EditionRow).where(EditionRow.id == edition_id)
    if for_update:
        query = query.with_for_update()
    row = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NoSuchEdition(f"There is no edition {edition_id}.")
    return _edition(row, _items(session, [row.id])[row.id])


def _items(session: Session, edition_ids: Sequence[EditionId]) -> dict[EditionId, tuple[Item, ...]]:
    found: dict[EditionId, list[Item]] = {edition_id: [] for edition_id in edition_ids}
    for page in _pages(edition_ids):
        rows = session.scalars(
            select(ItemRow)
            .where(ItemRow.edition_id.in_(page))
            .order_by(ItemRow.edition_id, ItemRow.place)
            .execution_options(populate_existing=True)
        )
        for row in rows:
            found[row.edition_id].append(_item(row))
    return {edition_id: tuple(items) for edition_id, items in found.items()}


def _edition(row: EditionRow, items: tuple[Item, ...]) -> Edition:
    return Edition(
        id=row.id,
        publication=row.publication,
        number=row.number or 0,
        state=EditionState(row.state),
        cut_at=row.cut_at,
        send_at=row.send_at,
        slot=row.slot,
        subject=row.subject,
        preheader=row.preheader,
        intro=row.intro,
        reason=row.reason,
        hold=row.hold,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        fingerprint=row.fingerprint,
        launched_at=row.launched_at,
        finished_at=row.finished_at,
        items=items,
    )


def _item_row(edition_id: EditionId, place_: int, item: Item) -> ItemRow:
    return ItemRow(
        edition_id=edition_id,
        place=place_,
        post_id=item.post_id,
        section=item.section.value,
        position=item.position,
        kind=item.kind.value,
        title=item.title,
        url=item.url,
        excerpt=item.excerpt,
        image=pack_image(item.image),
        author=item.author,
        source=item.source,
        published_at=item.published_at,
        language=item.language,
        topics=list(item.topics),
        event=pack_event(item.event),
        post_fingerprint=item.post_fingerprint,
    )


def _item(row: ItemRow) -> Item:
    return Item(
        post_id=row.post_id,
        title=row.title,
        url=row.url,
        kind=ItemKind(row.kind),
        section=Section(row.section),
        position=row.position,
        excerpt=row.excerpt,
        image=unpack_image(row.image),
        author=row.author,
        source=row.source,
        published_at=row.published_at,
        language=row.language,
        topics=tuple(row.topics),
        event=unpack_event(row.event),
        post_fingerprint=row.post_fingerprint,
    )


def _pages(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _PAGE):
        yield values[start : start + _PAGE]
