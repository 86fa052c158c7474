"""Which posts a publication has mailed, and in which edition: none twice."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from digest.database import insert_missing
from digest.editions.model import Edition, EditionId
from digest.editions.tables import PlacementRow
from digest.errors import DigestError
from digest.posts.model import PostId


class AlreadyPlaced(DigestError):
    """An edition holds posts that this publication has already mailed."""


def place(session: Session, edition: Edition) -> None:
    """At launch: mark the edition's posts as mailed. Raises `AlreadyPlaced` if another edition mailed one.

    Events that stand there again on purpose were placed by the edition that announced them.
    """
    ids = [item.post_id for item in edition.items if item.post_id is not None and not item.repeat]
    values = [
        {"publication": edition.publication, "post_id": post_id, "edition_id": edition.id}
        for post_id in dict.fromkeys(ids)
    ]
    insert_missing(session, PlacementRow, values)
    elsewhere = session.execute(
        select(PlacementRow.post_id, PlacementRow.edition_id).where(
            PlacementRow.publication == edition.publication,
            PlacementRow.post_id.in_(ids),
            PlacementRow.edition_id != edition.id,
        )
    ).first()
    if elsewhere:
        post_id, other = elsewhere
        title = next(item.title for item in edition.items if item.post_id == post_id and not item.repeat)
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
