"""Publications and the wordings of consent, each kept once and known by a number."""

from __future__ import annotations

import hashlib

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from subscribers.store.statements import insert_new
from subscribers.tables import ListRow, WordingRow


def ensure_list(session: Session, slug: str) -> int:
    """The number of a publication, given one if it has none."""
    found = find_list(session, slug)
    if found is None:
        session.execute(insert_new(session, ListRow), {"slug": slug})
        found = session.scalars(select(ListRow.id).where(ListRow.slug == slug)).one()
    return found


def find_list(session: Session, slug: str) -> int | None:
    """The number of a publication, if anybody ever subscribed to it."""
    return session.scalars(select(ListRow.id).where(ListRow.slug == slug)).one_or_none()


def list_slug(session: Session, list_id: int) -> str | None:
    """What the publication of this number is called now."""
    return session.scalars(select(ListRow.slug).where(ListRow.id == list_id)).one_or_none()


def rename_list(session: Session, *, old: str, new: str) -> bool:
    """Give a publication another slug; False when there was none under the old one."""
    renamed = session.execute(
        update(ListRow).where(ListRow.slug == old).values(slug=new).returning(ListRow.id)
    )
    return renamed.first() is not None


def ensure_wording(session: Session, text: str) -> int:
    """The number of a wording, stored once however many consent to it."""
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    query = select(WordingRow.id).where(WordingRow.fingerprint == fingerprint)
    found = session.scalars(query).one_or_none()
    if found is None:
        session.execute(insert_new(session, WordingRow), {"fingerprint": fingerprint, "text": text})
        found = session.scalars(query).one()
    return found
