"""Editions, each with its items: made, found, locked and saved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from digest.editions.model import Edition, EditionId, EditionState, Item
from digest.editions.store.items import items_of, set_items
from digest.editions.tables import EditionRow
from digest.errors import DigestError


class NoSuchEdition(DigestError):
    """An edition was asked for that does not exist."""


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
    return _edition(row, items_of(session, [row.id])[row.id]) if row else None


def by_number(session: Session, publication: str, number: int) -> Edition | None:
    """The edition with this number, if there is one."""
    row = session.scalars(
        select(EditionRow).where(EditionRow.publication == publication, EditionRow.number == number)
    ).one_or_none()
    return _edition(row, items_of(session, [row.id])[row.id]) if row else None


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
    items = items_of(session, [row.id for row in rows])
    return [_edition(row, items[row.id]) for row in rows]


def _one(session: Session, edition_id: EditionId, *, for_update: bool) -> Edition:
    query = select(EditionRow).where(EditionRow.id == edition_id)
    if for_update:
        query = query.with_for_update()
    row = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NoSuchEdition(f"There is no edition {edition_id}.")
    return _edition(row, items_of(session, [row.id])[row.id])


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
