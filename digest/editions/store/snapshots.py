"""What was approved, byte for byte."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from digest.editions.model import EditionId
from digest.editions.tables import SnapshotRow

S = TypeVar("S")


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
