"""What was approved, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from sqlalchemy.orm import Session

from digest.editions.model import EditionId
from digest.editions.tables import SnapshotRow

S = TypeVar("S")


def save_snapshot(session: Session, edition_id: EditionId, rendered: Any) -> None:
    """Keep what was approved, in place of an earlier one.

    `rendered` is a frozen dataclass of texts, numbers, tuples and such dataclasses.
    """
    session.merge(SnapshotRow(edition_id=edition_id, content=asdict(rendered)))
    session.flush()


def snapshot(session: Session, edition_id: EditionId, kind: type[S]) -> S | None:
    """What was approved, as the dataclass `kind` that was saved; None when nothing was.

    Fields that `kind` has got since then have their defaults.
    """
    row = session.get(SnapshotRow, edition_id, populate_existing=True)
    return None if row is None else _made(kind, row.content)


def _made(kind: type[S], content: Mapping[str, Any]) -> S:
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], value) for name, value in content.items()})


def _value(hint: Any, value: Any) -> Any:
    """What JSON kept of a field, as the dataclass had it: its lists are tuples."""
    if isinstance(value, dict) and is_dataclass(hint):
        return _made(hint if isinstance(hint, type) else type(hint), value)
    if isinstance(value, list):
        inner = get_args(hint)[0] if get_origin(hint) is tuple else None
        return tuple(_value(inner, one) for one in value)
    return value
