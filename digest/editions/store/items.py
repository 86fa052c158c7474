"""The items of editions, in their order."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from digest.database import pages
from digest.editions.model import EditionId, Item, ItemKind, Section
from digest.editions.tables import ItemRow
from digest.posts.packing import (
    pack_event,
    pack_image,
    pack_suggestions,
    unpack_event,
    unpack_image,
    unpack_suggestions,
)


def set_items(session: Session, edition_id: EditionId, items: Sequence[Item]) -> None:
    """Make these, in this order, the edition's items."""
    session.execute(delete(ItemRow).where(ItemRow.edition_id == edition_id))
    session.flush()
    session.add_all(_item_row(edition_id, place, item) for place, item in enumerate(items, start=1))
    session.flush()


def items_of(session: Session, edition_ids: Sequence[EditionId]) -> dict[EditionId, tuple[Item, ...]]:
    """The items of each of these editions."""
    found: dict[EditionId, list[Item]] = {edition_id: [] for edition_id in edition_ids}
    for page in pages(edition_ids):
        rows = session.scalars(
            select(ItemRow)
            .where(ItemRow.edition_id.in_(page))
            .order_by(ItemRow.edition_id, ItemRow.place)
            .execution_options(populate_existing=True)
        )
        for row in rows:
            found[row.edition_id].append(_item(row))
    return {edition_id: tuple(items) for edition_id, items in found.items()}


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
        repeat=item.repeat,
        suggestions=pack_suggestions(item.suggestions) or None,
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
        repeat=row.repeat,
        suggestions=unpack_suggestions(row.suggestions),
        post_fingerprint=row.post_fingerprint,
    )
